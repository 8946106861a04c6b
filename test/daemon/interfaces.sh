#!/usr/bin/env bash
# Answers by another interface than was asked by: dropped and counted, with the right address,
# port and cookies, and the association stays armed for the true one; taken with anyinterface;
# bindacqdevice and binddevice keep to theirs.
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
detour=$ns_build/test/daemon/detour
asker=$ns_build/test/daemon/asker
for each in "$daemon" "$detour" "$asker"; do
	[ -x "$each" ] || { not_ok "no $each: build first"; exit 1; }
done
ns_begin interfaces
ns_add client && ns_add server && ns_join client server 1 && ns_join client server 2 || exit 1
ns_run client sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >"$f"; done' 2>/dev/null
# The server knows a way to the client's first address by the second link, of IPv6 as well.
mac=$(ns_ip client -o link show v2a | sed 's/.*link.ether \([0-9a-f:]*\) .*/\1/')
ns_ip server neigh add 10.118.1.1 lladdr "$mac" dev v2b
ns_ip server -6 neigh add fd00:118:1::1 lladdr "$mac" dev v2b 2>/dev/null
ns_ip server -6 route add fd00:118:1::/64 dev v2b metric 9999 2>/dev/null

requests=12
chmod 755 "$ns_dir"
# Rights are given up, so that what is asked of the kernel is asked without them.
user=nobody
run=("$daemon")
# play NAME ADDRESS MODE LINE... : a client asks ADDRESS so often; then its log is in $log
play()
{
	local name=$1 address=$2 mode=$3
	shift 3
	log=$ns_dir/$name.log asked=$ns_dir/$name.asked logs=$ns_dir/$name.logs
	mkdir "$logs"
	ns_start server "$asked" "$detour" "$address" v2b "$mode"
	local server=$ns_pid
	ns_until 50 grep -q ready "$asked" || not_ok "$name: $(cat "$asked")"
	chmod 777 "$logs"
	ns_start client "$log" "${run[@]}" -d -x -u "$user" 'port 0' 'pidfile none' "logdir $logs" \
		'log rawmeasurements' 'logbanner 0' "${@:2}" "server $address minpoll -3 maxpoll -3 $1"
	local client=$ns_pid
	ns_until 100 grep -q "asked $requests" "$asked" || not_ok "$name: the client asks"
	sleep 0.05
	ns_stop "$client"
	ns_stop "$server"
	n=$(grep -c '^asked' "$asked")
	answers=$(sed -n 's/.*source .*answers=\([0-9]*\).*/\1/p' "$log")
	dropped=$(sed -n 's/.* counters:.* wrong-interface=\([0-9]*\).*/\1/p' "$log")
	dropped=${dropped:-0}
	said=$(grep -c "anyinterface" "$log")
}
# judge TEXT ANSWERS DROPPED: all (but the last, which may be under way), or none
judge()
{
	local text=$1 each value=$answers good=1
	for each in "$2" "$3"; do
		case $each in
		all) [ "$value" -ge $((n - 1)) ] && [ "$value" -le "$n" ] || good=0 ;;
		none) [ "$value" = 0 ] || good=0 ;;
		esac
		value=$dropped
	done
	expect "$text: $answers answers taken, $dropped dropped, of $n requests" [ $good = 1 ]
}

families='10.118.1.2'
ns_ipv6 client && families="$families fd00:118:1::2"
for address in $families; do
	case $address in *:*) f=IPv6 ;; *) f=IPv4 ;; esac
	play lie$f $address lie ''
	judge "$f: a lie by the other interface, then the truth by the right one" all all
	expect "$f: the log says once what was asked and what came ($said)" [ "$said" = 1 ]
	expect "$f: and names both interfaces" grep -q 'asked by v1a, an answer came by v2a' "$log"
	worst=$(awk '/^[0-9]/ && $6 == "111" && $8 == "1111" { o = $12 < 0 ? -$12 : $12
		if (o > w) w = o } END { print w + 0 }' "$logs/measurements.log")
	expect "$f: no sample is of the lie (worst offset $worst s)" \
		awk "BEGIN { exit !($worst < 1) }"
	lies=$(grep -cE ' 101 111 1111 ' "$logs/measurements.log")
	expect "$f: each dropped one is in the log of raw measurements ($lies)" [ "$lies" = "$dropped" ]
	play only$f $address only ''
	judge "$f: answers by the other interface alone" none all
	play any$f $address only anyinterface
	judge "$f: the same with anyinterface" all none
	expect "$f: nothing is said of interfaces ($said)" [ "$said" = 0 ]
	play acq$f $address lie '' 'bindacqdevice v1a'
	judge "$f: bindacqdevice of the right interface, and lies by the other" all none
done
# Routes with two next hops: nobody can say by which interface an answer has to come.
ns_ip client route add 10.118.9.0/24 nexthop via 10.118.1.2 nexthop via 10.118.2.2
ns_ip server addr add 10.118.9.9/32 dev lo
play paths 10.118.9.9 only ''
judge "two next hops, answers by one" all none
run=(env LD_PRELOAD="$ns_build/test/daemon/shim.so" SHIM_NO_NETLINK=1 "$daemon")
play blind 10.118.1.2 only ''
judge "without netlink nothing is compared" all none
expect "and the log says so once" [ "$(grep -c 'no netlink' "$log")" = 1 ]
ns_start client "$ns_dir/nothing.log" "$daemon" -d -x -u root 'port 0' 'pidfile none' \
	'bindacqdevice nothing0' 'server 10.118.1.2 minpoll -3 maxpoll -3'
expect "an interface that does not exist is told" ns_until 30 \
	grep -q 'cannot bind to interface nothing0' "$ns_dir/nothing.log"
ns_stop "$ns_pid"

ns_start client "$ns_dir/serve.log" "$daemon" -d -x -u root "pidfile $ns_dir/serve.pid" \
	'local stratum 1' allow 'binddevice v1a'
ns_until 50 test -s "$ns_dir/serve.pid" || not_ok "the server starts"
for n in 1 2; do
	said=$(ns_run server "$asker" one any 10.118.$n.1 123 4 3 48)
	case $n,$said in
	1,answer* | 2,silence*) ok "binddevice v1a: asked by link $n: ${said%% *}" ;;
	*) not_ok "binddevice v1a: asked by link $n: $said" ;;
	esac
done
[ $failures = 0 ] || tail -n 8 "$ns_dir"/*.log
exit $((failures > 0))
