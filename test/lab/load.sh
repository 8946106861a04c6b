#!/usr/bin/env bash
# load: what keeps hosts busy does, at the rate it was told, and ends when it is told.
. test/lib.sh
. test/lab/places.inc
need_namespaces
between() { awk -v l="$1" -v v="$2" -v h="$3" 'BEGIN { exit !(v != "" && l <= v + 0 && v + 0 <= h) }'; }

tool=$(realpath "$BUILD/tool/drivestamp")
open_places netns 3 load=0,both load=1,cpu
tell load 1
[ "$answer" = 0 ] && ok "processors are loaded once, not for each host that shares them" || not_ok "host 1: $answer"
tell load 0
set -- $answer
[ "$1" = 2 ] && ok "host 0: processor and network" || not_ok "host 0: $answer"
cpu=$2
tell wait 500
tell look "$cpu"
[ "$answer" = "0 runs" ] && ok "the processors' runs" || not_ok "the processors': $answer"
namespace_of 0
space=$answer
loops()
{
	local each
	for each in $(inhabitants "$space"); do
		awk '{ sub(/.*\) /, ""); print ($12 + $13 > 5) }' "${each%/ns/net}/stat" 2>/dev/null
	done | grep -c 1
}
await 10 eval '[ "$(loops)" -ge "$(nproc)" ]'
loops=$(loops)
[ "$loops" -ge "$(nproc)" ] && ok "a busy loop for each of $(nproc) processors ($loops)" || not_ok "$loops loops"
tell stop "$cpu" 1000
[ "$answer" = "1 was ended by signal 15 (Terminated)" ] && ok "it ends" || not_ok "it ends: $answer"
await 2 nobody_in "$space" && ok "with all its loops" || not_ok "loops left: $(inhabitants "$space")"

tell start 0 flood "exec $tool lab flood 10.119.0.2 20000"
flood=$answer
# So many came, by whatever interface, and how long it took by /proc/uptime.
count='awk "!/lo:/ && /:/ { n += \$3 } END { print n }" /proc/net/dev; awk "{ print \$1 }" /proc/uptime'
for try in 1 2 3; do # who else runs here makes it slower
	tell ask 1 5000 "set -- \$($count); sleep 1; echo \$* \$($count)"
	rate=$(echo "${answer#* }" | awk '{ printf "%.0f", ($3 - $1) / ($4 - $2) }')
	between 15000 "$rate" 21000 && break
done
between 15000 "$rate" 21000 && ok "20000 packets a second, try $try ($rate)" || not_ok "rate: '$rate' a second"
tell stop "${flood% *}" 1000
[ "$answer" = "1 was ended by signal 15 (Terminated)" ] && ok "the flood ends" || not_ok "the flood: $answer"
expect "a rate that is none" eval '! "$tool" lab flood 127.0.0.1 0 2>/dev/null'
expect "an address that is none" eval '! "$tool" lab flood localhost 10 2>/dev/null'
close_places && ok "closed" || not_ok "does not close"
exit $((failures > 0))
