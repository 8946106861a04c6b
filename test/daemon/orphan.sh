#!/usr/bin/env bash
# `local`: when it stands in, and orphan mode among three hosts. The one with the lowest address
# serves its own time, the others follow it and not each other; when it is lost the next takes
# over, and when it is back they follow it again. Takes 18 s.
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
ns_begin orphan
ns_add hub && ns_ip hub link add br0 type bridge 2>/dev/null && ns_ip hub link set br0 up ||
	ns_skip "orphan: no right to make a bridge"
for host in 1 2 3; do
	ns_add "h$host" && ns_ip hub link add "v$host" type veth peer name eth0 \
		netns "$(ns_name "h$host")" || exit 1
	ns_ip hub link set "v$host" master br0
	ns_ip hub link set "v$host" up
	ns_ip "h$host" addr add "10.118.7.$host/24" dev eth0
	ns_ip "h$host" link set eth0 up
done

# orphan HOST OFFSET WORDS...: one of the three, its clock off by so much; id in ids[HOST]
ids=()
started=0
orphan()
{
	local host=$1 offset=$2 lines=()
	shift 2
	for other in 1 2 3; do
		[ "$other" = "$host" ] || lines+=("server 10.118.7.$other minpoll -2 maxpoll -2")
	done
	log[host]=$ns_dir/h$host-$((started++)).log
	ns_start "h$host" "${log[host]}" "$daemon" -4 -d --clock "virtual,offset=$offset" \
		'pidfile none' allow "${lines[@]}" \
		"local stratum 9 orphan distance 0.01 waitunsynced 2" 'maxclockerror 10000' 'makestep 0.1 -1' "$@"
	ids[host]=$ns_pid
}
log=()
said() { grep -aqE -- "$2" "${log[$1]}"; }
times() { grep -acE -- "$2" "${log[$1]}"; }
# served HOST PATTERN: what HOST tells another one of itself; its stratum and whom it follows
served()
{
	ns_run "h$(($1 % 3 + 1))" "$ns_build/tool/drivestamp" query -n 1 "10.118.7.$1" 2>&1 |
		grep -qE -- "$2"
}
until_true()
{
	local left=$(($1 * 5))
	shift
	while ! "$@"; do
		[ $((left--)) -gt 0 ] || return 1
		sleep 0.2
	done
}

orphan 3 0
orphan 2 0
orphan 1 0
sleep 1
expect "before waitunsynced has passed nobody has a time" \
	eval "! served 1 '127.127.1.1'"
expect "the others follow the lowest (2)" until_true 6 said 2 'Selected source 10.118.7.1$'
expect "the others follow the lowest (3)" until_true 3 said 3 'Selected source 10.118.7.1$'
expect "the lowest serves its own time" served 1 ' 9  *127.127.1.1'
expect "the others serve that of the lowest (2)" until_true 3 served 2 ' 10  *10.118.7.1'
expect "the others serve that of the lowest (3)" until_true 3 served 3 ' 10  *10.118.7.1'
expect "the lowest follows nobody" [ "$(times 1 'Selected source')" = 0 ]

# Lost: the distance grows by 1 % of the time, and reaches 10 ms in a second.
ns_stop "${ids[1]}"
expect "the next takes over" until_true 8 served 2 ' 9  *127.127.1.1'
expect "the last follows it" until_true 6 said 3 'Selected source 10.118.7.2$'
expect "and serves what it says" until_true 3 served 3 ' 10  *10.118.7.2'
expect "the next follows nobody" [ "$(times 2 'Selected source 10.118.7.3')" = 0 ]
orphan 1 0
expect "the lowest is back, and is followed (2)" until_true 8 served 2 ' 10  *10.118.7.1'
expect "the lowest is back, and is followed (3)" until_true 5 served 3 ' 10  *10.118.7.1'

# One that has a real source is no orphan: all follow it.
ns_stop "${ids[3]}"
ns_start h3 "$ns_dir/real.log" "$daemon" -4 -d --clock virtual 'pidfile none' allow 'local stratum 2'
expect "a real source comes first (1)" until_true 8 served 1 ' 3  *10.118.7.3'
expect "a real source comes first (2)" until_true 5 served 2 ' 3  *10.118.7.3'
[ $failures = 0 ] || tail -n 30 "$ns_dir"/*.log
exit $((failures > 0))
