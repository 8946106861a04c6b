#!/usr/bin/env bash
# A server that follows us is not followed: known by the address that it asks us at, whichever of
# ours that is, IPv4 and IPv6, preferred or not, and when the true source is lost. Takes 10 s.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/netns.sh"
ns_skip_status=0
failures=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }
expect()
{
	local text=$1
	shift
	if "$@"; then ok "$text"; else not_ok "$text"; fi
}
daemon=$ns_build/daemon/drivestampd
[ -x "$daemon" ] || { not_ok "no $daemon: build first"; exit 1; }
ns_begin loop
# Two links between us and those that follow us; a third to the true source.
ns_add us && ns_add them && ns_add true && ns_join us them 1 && ns_join us them 2 &&
	ns_join us true 3 || exit 1
fast='minpoll -2 maxpoll -2'
run() { # HOST NAME LINE...
	local host=$1 name=$2
	shift 2
	ns_start "$host" "$ns_dir/$name.log" "$daemon" -d --clock virtual 'pidfile none' allow "$@"
}
said() { grep -aqE -- "$2" "$ns_dir/$1.log"; }
times() { grep -acE -- "$2" "$ns_dir/$1.log"; }

run true true 'local stratum 2'
true=$ns_pid
them=('server 10.118.1.2')
run them them4 "server 10.118.2.1 $fast" 'bindaddress 10.118.1.2'
if ns_ipv6 us; then
	run them them6 "server fd00:118:2::1 $fast" 'bindaddress fd00:118:1::2' 'bindaddress 127.0.0.1'
	them+=('server fd00:118:1::2')
fi
run us us "server 10.118.3.2 $fast" "${them[@]/%/ $fast prefer}"
sleep 4
for name in "$ns_dir"/them*.log; do
	name=$(basename "$name" .log)
	expect "$name follows us" said "$name" 'Selected source (10.118.2.1|fd00:118:2::1)$'
done
expect "we follow the true source" said us 'Selected source 10.118.3.2$'
expect "those that follow us are named, once each" \
	[ "$(times us 'in a loop: not selecting (10.118.1.2|fd00:118:1::2)$')" = ${#them[@]} ]
ns_stop "$true"
sleep 5
expect "without the true source there is none" said us "Can't synchronise: no selectable sources"
expect "they were never followed" \
	[ "$(times us 'Selected source (10.118.1.2|fd00:118:1::2)$')" = 0 ]
[ $failures = 0 ] || tail -n 30 "$ns_dir"/*.log
exit $((failures > 0))
