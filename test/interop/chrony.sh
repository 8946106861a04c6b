#!/bin/sh
# Our server and client against Debian's chronyd on veth, basic and interleaved, IPv4 and IPv6,
# all at the same time. Takes 12 s.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/interop/lib.inc"

need_peer chronyd chrony
need_peer chronyc chrony
need_daemon chrony
ns_begin chrony
ns_add ours
ns_add theirs
ns_join ours theirs 1

fast="minpoll -4 maxpoll -4 noselect"
serve="local stratum 1
allow"

host our-server ours drivestampd "$serve"
host their-server theirs chronyd "$serve"
families="4 6"
ns_ipv6 ours || {
	families=4
	skip "chrony over IPv6: the kernel has none"
}
for v in $families; do
	[ "$v" = 4 ] && a=10.118.1.1 b=10.118.1.2 || a=fd00:118:1::1 b=fd00:118:1::2
	host chrony-xleave-v$v theirs chronyd "port 0
server $a xleave $fast"
	host chrony-basic-v$v theirs chronyd "port 0
server $a $fast"
	host our-xleave-v$v ours drivestampd "port 0
server $b xleave $fast"
	host our-basic-v$v ours drivestampd "port 0
server $b $fast"
done
sleep 9

for v in $families; do
	name="chronyd's client with xleave follows our server, IPv$v"
	share chrony-xleave-v$v 8 4I K K 95 60 "$name: measurements.log"
	ns_run theirs "$chronyc" -h "$ns_dir/chrony-xleave-v$v/chronyd.sock" ntpdata \
		>"$ns_dir/ntpdata" 2>&1
	if grep -q '^Interleaved *: Yes' "$ns_dir/ntpdata"; then
		ok "$name: chronyc ntpdata says Interleaved: Yes"
	else
		not_ok "$name: chronyc ntpdata" "$(grep '^Interleaved' "$ns_dir/ntpdata")"
	fi
	share chrony-basic-v$v 8 4B K K 95 60 "chronyd's basic client follows our server, IPv$v"
	share our-xleave-v$v 8 4I K K 95 60 "our client with xleave follows chronyd, IPv$v"
	share our-basic-v$v 8 4B K K 95 60 "our basic client follows chronyd, IPv$v"
done
tally
