#!/usr/bin/env bash
# Clocks that begin wrong: slewed onto the time without passing it, or stepped where makestep
# allows, once. The truth is in shadow.log: the server serves the system clock as it is.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

start_daemon server -d -x 'port 11123' 'local stratum 1' allow "pidfile $TMP/server.pid"
await 5 test -s "$TMP/server.pid" || { not_ok "a server starts"; finish; }
line='server 127.0.0.1 port 11123 minpoll -2 maxpoll -2 iburst xleave'

declare -A pids=()
# begin NAME CLOCK DIRECTIVE...
begin()
{
	mkdir "$TMP/$1"
	start_daemon "$1" -d --clock "virtual,$2" 'port 0' "$line" "logdir $TMP/$1" 'log shadow' \
		'logbanner 0' "pidfile $TMP/$1/pid" "${@:3}"
	pids[$1]=$pid
}
begin slow offset=-1
begin fast offset=1,freq=30
begin gentle offset=0.01 'maxslewrate 5000'
begin stepped offset=-100,freq=-30 'makestep 1 3'
begin small offset=0.05 'makestep 0.1 3'
begin restarted offset=100 'makestep 1 -1'

# log NAME: seconds since the first line, the clock's error in s, its rate in ppm
log()
{
	awk '{ split($2, c, ":"); t = c[1] * 3600 + c[2] * 60 + c[3]
		if (NR == 1) first = t
		print (t - first + 86400) % 86400, $3, $4 }' "$TMP/$1/shadow.log"
}
steps() { lines "$TMP/$1.log" 'clock was stepped'; }
# late NAME: how much longer than a poll the daemon once was without the processor, in s
late() { log "$1" | awk 'NR > 1 && $1 - t > m { m = $1 - t } { t = $1 } END { print(m > 0.25 ? m - 0.25 : 0) }'; }
# approaches NAME SIGN: the error never grows, and keeps its sign but for what the slew went too
# far where this machine let the daemon wait (to 100 us)
approaches()
{
	log "$1" | awk -v sign="$2" -v late="$(late "$1")" '
		{ e = $2 * sign; rate = $3 < 0 ? -$3 : $3; if (rate > most) most = rate }
		e < -1e-4 - late * most * 1e-6 || (NR > 1 && e > 0 && last > 0 && e > last + 1e-4) { bad++ }
		{ last = e }
		END { exit bad > 0 || NR < 20 }'
}
# The second from which on the error stays below 1 ms; 99 where it never does.
arrival()
{
	log "$1" | awk '{ e = $2 < 0 ? -$2 : $2 } e >= 1e-3 { at = -1; next } at < 0 || NR == 1 { at = $1 }
		END { print(NR > 0 && at >= 0 ? at : 99) }'
}
# greatest NAME COLUMN FROM: magnitude of what comes FROM seconds after the start
greatest() { log "$1" | awk -v c="$2" -v from="$3" '{ e = $c < 0 ? -$c : $c } $1 >= from && e > m { m = e }
	END { print m + 0 }'; }
arrived()
{
	local name
	for name in slow fast; do
		log $name | tail -n 12 | awk '{ if ($2 > 1e-4 || $2 < -1e-4) bad = 1 } END { exit bad || NR < 12 }' ||
			return 1
	done
}
await 30 arrived || not_ok "slow and fast arrive"
for name in "${!pids[@]}"; do
	stop_daemon "${pids[$name]}"
	expect "$name: ends cleanly (status $status)" [ "$status" = 0 ]
done

n=$(lines "$TMP/slow.log" "clock wrong by")
expect "slow: one line says how wrong the clock is ($n)" [ "$n" = 1 ]
for name in slow fast gentle small; do
	expect "$name: not one step ($(steps $name))" [ "$(steps $name)" = 0 ]
done
expect "slow: begins 1 s behind ($(log slow | awk 'NR == 1 { print $2 }'))" between -1.001 "$(log slow | awk 'NR == 1 { print $2 }')" -0.9
expect "slow: comes near without passing" approaches slow -1
expect "fast: comes near without passing" approaches fast 1
expect "gentle: comes near without passing" approaches gentle 1
# 1 s at 83333.333 ppm takes 12 s; 0.01 s at 5000 ppm takes 2 s.
n=$(arrival slow)
expect "slow: is there after $n s" between 11 "$n" 18
n=$(arrival fast)
expect "fast: is there after $n s" between 11 "$n" 18
# A machine that lets sleepers wait for long makes every timer late, that of a slew as well.
n=$(arrival gentle)
expect "gentle: is there after $n s" between 1 "$n" 6
n=$(greatest slow 3 0)
expect "slow: at most maxslewrate ($n ppm)" between 80000 "$n" 83834
n=$(greatest gentle 3 0)
expect "gentle: at most 5000 ppm ($n ppm)" between 1000 "$n" 5501
for name in stepped restarted; do
	expect "$name: one step ($(steps $name))" [ "$(steps $name)" = 1 ]
	n=$(arrival $name)
	expect "$name: is there after $n s" between 0 "$n" 3
	n=$(greatest $name 2 6)
	expect "$name: stays there (at most $n s)" between 0 "$n" 0.001
done
n=$(arrival small)
expect "small: a step was not worth it, it was slewed, in $n s" between 0 "$n" 5
for name in slow fast stepped; do
	n=$(log $name | awk 'END { print $2 }')
	expect "$name: ends within 100 us of the truth ($n)" between -0.0001 "$n" 0.0001
done
[ $failures = 0 ] || { for name in "${!pids[@]}"; do echo "$name"; tail -n 40 "$TMP/$name/shadow.log"; done; }
finish
