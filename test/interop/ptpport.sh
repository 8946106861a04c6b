#!/bin/sh
# NTP in PTP messages between our daemon and Debian's chronyd by port 319, each server and client of
# the other at once: interleaved and basic, IPv4 and IPv6, with a key, as peers; and ours with ours.
# All at the same time. Takes 12 s.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/interop/lib.inc"

need_peer chronyd ptpport
need_daemon ptpport
ns_begin ptpport
umask 077
echo "1 AES128 HEX:00112233445566778899aabbccddeeff" >"$ns_dir/keys"
# The form of RFC 10030 is chrony's from 4.9 on; ours tries it first, theirs knows no other.
version=$("$chronyd" --version | sed 's/.*version \([0-9.]*\).*/\1/')

fast="port 319 minpoll -4 maxpoll -4 noselect"
number=0
# pair NAME KIND_A KIND_B LINES: two hosts that have these lines, NAME-a and NAME-b; THERE and THERE6
# are the other
pair() {
	number=$((number + 1))
	ns_add "a$number" && ns_add "b$number" && ns_join "a$number" "b$number" "$number" || exit 1
	for pair_side in a b; do
		[ $pair_side = a ] && pair_there=2 pair_kind=$2 || pair_there=1 pair_kind=$3
		host "$1-$pair_side" "$pair_side$number" "$pair_kind" "local stratum 1
allow
port 0
ptpport 319
keyfile $ns_dir/keys
$(echo "$4" | sed "s/THERE6/fd00:118:$number::$pair_there/; s/THERE/10.118.$number.$pair_there/")"
	done
}
pair xleave drivestampd chronyd "server THERE xleave $fast"
pair basic drivestampd chronyd "server THERE $fast"
pair key drivestampd chronyd "server THERE xleave key 1 $fast"
pair peer drivestampd chronyd "peer THERE xleave key 1 port 319 minpoll -1 maxpoll -1"
pair ours drivestampd drivestampd "server THERE xleave $fast extfield 10A"
six=
ns_ipv6 a1 && six=yes
if [ "$six" ]; then
	pair six drivestampd chronyd "server THERE6 xleave $fast"
else
	skip "ptpport over IPv6: the kernel has none"
fi
sleep 9

for name in xleave key ${six:+six}; do
	share $name-a 8 4I K K 95 60 "$name: our client with xleave follows chronyd $version by PTP"
	share $name-b 8 4I K K 95 60 "$name: chronyd's client with xleave follows our server by PTP"
done
share basic-a 8 4B K K 95 60 "our basic client follows chronyd by PTP"
share basic-b 8 4B K K 95 60 "chronyd's basic client follows our server by PTP"
share ours-a 8 4I K K 95 60 "our client with xleave and extfield follows our server by PTP"
# Their packets do not fall between ours as well as among themselves: see peers.sh.
for side in a b; do
	set -- $(awk '/^[12]/ && $6 == "111" { n++ } END { print n + 0 }' "$ns_dir/peer-$side/measurements.log")
	if [ "$1" -ge 10 ]; then ok "peers by PTP, side $side: $1 samples"; else
		not_ok "peers by PTP, side $side" "$1 samples, wanted 10"
		tail -n 5 "$ns_dir/peer-$side/log" | sed 's/^/#   /'
	fi
done
tally
