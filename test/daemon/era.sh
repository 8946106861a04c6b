#!/usr/bin/env bash
# Era 1 of NTP begins on 2036-02-07 at 06:28:16 UTC (RFC 5905 section 6): clients, basic and
# interleaved, peers, and one that starts just after it, cross it without noticing. All clocks are
# virtual and run ahead.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

era=2085978496 ahead=5
offset=$((era - $(date +%s) - ahead))
# begin NAME DIRECTIVE...: a daemon whose clock is 50 ms and 30 ppm wrong, but for the server's
begin()
{
	local clock="virtual,offset=$offset.05,freq=30"
	[ "$1" != root ] || clock="virtual,offset=$offset"
	mkdir "$TMP/$1"
	start_daemon "$1" -d --clock "$clock" "logdir $TMP/$1" 'log shadow measurements' \
		'logbanner 0' "pidfile $TMP/$1/pid" 'makestep 0.01 3' "${@:2}"
	pids[$1]=$pid
}
declare -A pids=()
poll='minpoll -3 maxpoll -3'
begin root 'port 11130' allow 'local stratum 1'
begin basic 'port 0' "server 127.0.0.1 port 11130 $poll iburst"
begin xleave 'port 0' "server 127.0.0.1 port 11130 $poll iburst xleave"
begin one 'port 11131' 'bindaddress 127.0.0.2' "server 127.0.0.1 port 11130 $poll" allow \
	"peer 127.0.0.3 port 11131 $poll xleave"
begin two 'port 11131' 'bindaddress 127.0.0.3' allow "peer 127.0.0.2 port 11131 $poll xleave"
for name in "${!pids[@]}"; do
	await 5 test -s "$TMP/$name/pid" || { not_ok "$name starts"; finish; }
done
sleep $((ahead + 3))
begin late 'port 0' "server 127.0.0.1 port 11130 $poll iburst xleave"
sleep 3
at=$(($(date +%s) + offset))
expect "the rollover is over: it is $(date -u -d "@$at" +%FT%TZ) there" [ $at -gt $((era + 3)) ]

# worst NAME LINES: of the last lines of shadow.log, 8 a second, how wrong in us
worst()
{
	samples "$TMP/$1/shadow.log" | tail -n "$2" | awk -v offset=$offset '
		{ e = ($3 - offset) * 1e6; if (e < 0) e = -e; if (e > m) m = e; n++ }
		END { if (n >= 12) printf "%.1f", m; else print "none" }'
}
# The log has CLOCK_REALTIME. Peers may step twice at the start: first by one who is wrong himself.
rollover=$(date -u -d "@$((era - offset))" +%FT%TZ)
for name in basic xleave one two late; do
	lines=40
	[ $name != late ] || lines=12
	e=$(worst $name $lines)
	expect "$name: at most $e us wrong across the rollover" between 0 "$e" 300
	n=$(awk -v at="$rollover" '/System clock was stepped/ && $1 >= at { n++ } END { print n + 0 }' \
		"$TMP/$name.log")
	[ $name = late ] && most=1 || most=0
	expect "$name: no step since then, but to begin with ($n)" [ "$n" = $most ]
	n=$(samples "$TMP/$name/measurements.log" | wc -l)
	expect "$name: $n exchanges, one a poll" [ "$n" -ge 20 ]
done
n=$(samples "$TMP/xleave/measurements.log" | awk '$18 == "4I" { n++ } END { print n + 0 }')
expect "xleave: $n of them interleaved" [ "$n" -ge 60 ]
for name in "${!pids[@]}"; do
	stop_daemon "${pids[$name]}"
	expect "$name: ends cleanly (status $status)" [ "$status" = 0 ]
done
finish
