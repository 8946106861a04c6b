#!/bin/sh
# chronyd broadcasts and answers, our daemon listens: basic broadcasts, measured by interleaved
# exchanges. (chronyd does not listen itself, and NTPsec's ntpd neither sends nor hears broadcasts
# any more.) Then chronyd is without time, and says so: it is not asked. Takes 20 s.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/interop/lib.inc"

need_daemon broadcast
need_peer chronyd broadcast
ns_begin interop-broadcast
for n in 1 2; do
	ns_add s$n && ns_add c$n && ns_join s$n c$n $n || exit 1
done
host chronyd s1 chronyd "local stratum 1
allow
broadcast 1 10.118.1.255"
host listener c1 drivestampd "broadcastclient unauthenticated"
listener=$ns_pid
host without s2 chronyd "allow
broadcast 1 10.118.2.255"
host waiting c2 drivestampd "broadcastclient unauthenticated"
waiting=$ns_pid

heard() { # LEAST
	said=$(awk '$18 == "5B" { n++; big += $12 > 0.001 || $12 < -0.001 }
		END { printf "%d broadcasts, %d of them over 1 ms", n, big }' \
		"$ns_dir/listener/measurements.log" 2>/dev/null)
	[ "${said%% *}" -ge "$1" ]
}
ns_until 250 heard 10
ns_stop $listener
ns_stop $waiting
if heard 10 && [ "${said#*, }" = "0 of them over 1 ms" ]; then
	ok "our daemon hears chronyd: $said"
else
	not_ok "our daemon hears chronyd" "$said"
	tail -n 5 "$ns_dir/listener/log" | sed 's/^/#   /'
fi
if "$daemon" -v | grep -q -- -interleaved; then
	skip "what broadcasts take is measured by interleaved exchanges: built without"
elif grep -q 'heard .* calibrated=interleaved' "$ns_dir/listener/log"; then
	ok "what its broadcasts take is measured by interleaved exchanges"
else
	not_ok "what its broadcasts take is measured by interleaved exchanges" \
		"$(grep heard "$ns_dir/listener/log")"
fi
if grep -q 'is heard' "$ns_dir/waiting/log"; then
	not_ok "without time chronyd is not asked" "$(tail -n 4 "$ns_dir/waiting/log")"
else
	ok "without time chronyd is not asked: $(sed -n 's/.*counters: *//p' "$ns_dir/waiting/log")"
fi
tally
