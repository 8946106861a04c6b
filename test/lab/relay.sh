#!/usr/bin/env bash
# relay: delay, asymmetry, jitter and loss on the link of a host, and none on those of others; in
# one rig, so that all is compared with the link beside it that has no relay.
. test/lib.sh
. test/lab/places.inc
need_namespaces
echo_program=$PWD/$BUILD/test/lab/echo
case $BUILD in /*) echo_program=$BUILD/test/lab/echo ;; esac
daemon=$(realpath "$DAEMON") query=$(realpath "$BUILD/tool/drivestamp")

# figure NAME: from the last $answer
figure() { grep -oE "\"?$1\"?[=:] ?-?[0-9.]+" <<<"$answer" | tail -n 1 | sed 's/.*[=: ]//'; }
# holds TEXT VALUE CONDITION-ON-v
holds()
{
	if [ -n "$2" ] && awk -v v="$2" "BEGIN { exit !($3) }"; then ok "$1 ($2)"; else
		not_ok "$1: '$2' is not $3"
	fi
}
# ask_echo FROM TO COUNT EVERY_US: $answer
ask_echo() { tell ask "$1" 50000 "$echo_program ask 10.119.0.$(($2 + 1)) 7777 $3 $4"; }

# Host 0 and 1: no relay. 2: 2 ms out, 1 ms in. 3: loses a fifth. 4: jitters by 300 us. 5: 300 ms in.
open_places netns 6 link=2,2000,1000,0,0 link=3,0,0,0,20 link=4,0,0,300,0 link=5,0,300000,0,0
tell describe
case $answer in *relays*) ok "it says so: $answer" ;; *) not_ok "says nothing of relays: $answer" ;; esac
for host in 1 2 3 4; do
	tell start $host echo "exec $echo_program answer 10.119.0.$((host + 1)) 7777"
done
sleep 0.3

ask_echo 0 1 400 500
direct=$(figure least_us)
holds "without a relay, all packets come back" "$(figure answered)" 'v == 400'
holds "and at once: the fastest, us" "$direct" 'v > 0 && v < 500'
tell ways 1
[ "${answer%% *}" = 0 ] && ok "no relay is there" || not_ok "ways of host 1: $answer"

ask_echo 0 2 400 500
holds "3 ms more with it: the fastest, us" "$(figure least_us)" "v >= 3000 && v < 3200 + $direct"
holds "in order" "$(figure order)" 'v == 0'
holds "none is lost" "$(figure answered)" 'v == 400'
tell ways 2
set -- $answer
[ "$*" = "1 400 0 0 400 0 0" ] && ok "and it counted them: $answer" || not_ok "ways of host 2: $answer"

# A fifth is lost there and a fifth back: 0.64 come back; of 2000, 21 is a standard deviation.
ask_echo 0 3 2000 100
holds "a loss of 20 % each way leaves 64 % of the answers" "$(figure answered)" 'v > 1280 - 110 && v < 1280 + 110'
back=$(figure answered)
tell ways 3
set -- $answer
# $5 came in and went on, $6 were lost on the way in; $2 and $3 the same on the way out.
[ $(($5 + $6)) = 2000 ] && [ "$2" = "$back" ] && [ $(($2 + $3)) = "$5" ] && [ "$4$7" = 00 ] &&
	ok "each that was lost was counted: $answer" || not_ok "ways of host 3: $answer"

# The sum of two exponentials of mean 300: a quarter below 288, the median 503. Who else runs here
# makes it more, never less: three tries.
for try in 1 2 3; do
	ask_echo 0 4 1000 2000
	awk -v v="$(figure quarter_us)" 'BEGIN { exit !(v < 600) }' && break
done
holds "jitter: a quarter of 1000 below so many us, try $try" "$(figure quarter_us)" 'v > 240 && v < 600'
holds "and half of them below" "$(figure median_us)" 'v > 450'
holds "the fastest as if there were none" "$(figure least_us)" 'v < 240'
holds "and order is kept" "$(figure order)" 'v == 0'

# 20000 a second for 300 ms are more than its queue holds.
tell start 0 flood "exec $query lab flood 10.119.0.6 20000"
flood=${answer% *}
tell wait 800
tell stop "$flood" 1000
tell ways 5
set -- $answer
[ "${7:-0}" -gt 0 ] && ok "what it has no room for is counted: $answer" || not_ok "ways of host 5: $answer"

# Asymmetry of 1 ms is an offset of half of it: from 0 to 2 it takes 1 ms, and 2 ms back.
tell put 2 conf ""
tell ask 2 1000 "printf 'local stratum 1\\nallow\\nuser root\\npidfile %s/pid\\n' \"\$PWD\" >conf"
tell start 2 log "exec $daemon -x -d -f conf"
sleep 0.5
tell ask 0 20000 "$query query -n 9 -i 0.05 --interleaved --json 10.119.0.3 | tr -d '\\n' | grep -o summary.*"

holds "asymmetry is seen as an offset of -500 us, ns" "$(figure median_offset_ns)" 'v > -560000 && v < -440000'
holds "and the delay is 3 ms, ns" "$(figure least_delay_ns)" 'v > 3000000 && v < 3400000'

namespace_of 0
close_places && ok "the rig is closed" || not_ok "the rig does not close"
await 3 nobody_in "$answer" && ok "nobody is left in it" || not_ok "left: $(inhabitants "$answer")"
exit $((failures > 0))
