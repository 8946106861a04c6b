#!/usr/bin/env bash
# -q, -Q and -t: the daemon that ends by itself, on clocks of its own.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

start_daemon server -d -x 'port 11123' 'local stratum 1' allow "pidfile $TMP/server.pid"
server=$pid
await 5 test -s "$TMP/server.pid" || { not_ok "a server starts"; finish; }
start_fake fake 127.0.0.1:11201=unsynchronised
line='server 127.0.0.1 port 11123 minpoll -3 maxpoll -3'

# All at once, each with its output and status.
run()
{
	local name=$1 began=$SECONDS
	shift
	status=0
	timeout -k 5 25 "${no_clock[@]}" "$DAEMON" "$@" >"$TMP/$name.log" 2>&1 </dev/null || status=$?
	echo "$status $((SECONDS - began))" >"$TMP/$name.status"
}
runs=()
begin() { run "$@" & runs+=("$!"); }
begin set -q --clock virtual,offset=5 'port 0' "$line"
begin report -Q --clock virtual,offset=-5 'port 0' "$line"
begin report-x -q -x --clock virtual,offset=5 'port 0' "$line"
begin late -Q -t 2 'port 0' 'server 127.0.0.1 port 11124 minpoll -3'
begin unsynchronised -Q 'port 0' 'server 127.0.0.1 port 11201 minpoll -3'
begin nobody -q --clock virtual 'port 0' 'server nowhere.invalid' -t 20
begin one-of-two -q --clock virtual,offset=5 'port 0' 'server nowhere.invalid' "$line" -t 20
begin timed -d -x 'port 0' "$line" -t 1.5 "pidfile $TMP/timed.pid"
# Such a run is no daemon: it takes neither the port nor the pid file.
begin beside -Q --clock virtual,offset=5 'port 11123' allow "$line" "pidfile $TMP/server.pid"
begin change -d --clock virtual,offset=5 'port 0' "$line" 'maxchange 1 0 2' -t 20 "pidfile $TMP/change.pid"
begin change-later -d --clock virtual,offset=5 'port 0' "$line" 'maxchange 1 1 0' -t 3 "pidfile $TMP/later.pid"
begin badtime -d -x -t soon 'port 0'
wait "${runs[@]}"

status_of() { cut -d ' ' -f 1 "$TMP/$1.status"; }
ended() { expect "$1 ends with status $2 (was $(status_of "$1"))" [ "$(status_of "$1")" = "$2" ]; }
# wrong NAME: the error it reports, in seconds
wrong() { sed -n 's/.*System clock wrong by \([-0-9.]*\) seconds.*/\1/p' "$TMP/$1.log"; }

ended change 1
expect "maxchange ignores two offsets, then ends" \
	[ "$(lines "$TMP/change.log" 'Adjustment of -[45].[0-9]* seconds exceeds .* of 1.000 seconds \(ignored\)') $(lines "$TMP/change.log" 'exceeds the allowed maximum .*\(exiting\)')" = "2 1" ]
ended change-later 0
expect "maxchange lets the first offset pass" [ "$(lines "$TMP/change-later.log" exceeds)" = 0 ]
ended set 0
expect "-q says how wrong the clock was ($(wrong set))" between -5.001 "$(wrong set)" -4.999
expect "-q steps once" [ "$(lines "$TMP/set.log" 'clock was stepped by -(5\.000|4\.999)')" = 1 ]
expect "-q does not say that it did not" [ "$(lines "$TMP/set.log" 'ignored')" = 0 ]
ended report 0
expect "-Q says how wrong it is ($(wrong report))" between 4.999 "$(wrong report)" 5.001
expect "-Q says that it left it so" [ "$(lines "$TMP/report.log" '\(ignored\)')" = 1 ]
expect "-Q steps nothing" [ "$(lines "$TMP/report.log" 'stepped|\(step\)')" = 0 ]
ended report-x 0
expect "-q -x says how wrong it is ($(wrong report-x))" between -5.001 "$(wrong report-x)" -4.999
expect "-q -x leaves it so" [ "$(lines "$TMP/report-x.log" '\(ignored\)')" = 1 ]
ended late 1
expect "-Q -t 2 without a server takes 2 s" between 2 "$(cut -d ' ' -f 2 "$TMP/late.status")" 4
expect "and says that there was no answer" [ "$(lines "$TMP/late.log" 'no source (answered|could)')" = 1 ]
ended unsynchronised 1
expect "a server that is not synchronised does not count" [ "$(wrong unsynchronised)" = '' ]
ended nobody 1
expect "a name that does not resolve is said once" \
	[ "$(lines "$TMP/nobody.log" 'nowhere\.invalid')" = 1 ]
expect "and -q does not wait for it for ever" between 0 "$(cut -d ' ' -f 2 "$TMP/nobody.status")" 15
ended one-of-two 0
expect "with a server beside it the time is had ($(wrong one-of-two))" \
	between -5.001 "$(wrong one-of-two)" -4.999
ended timed 0
expect "-t 1.5 ends a daemon in time" between 1 "$(cut -d ' ' -f 2 "$TMP/timed.status")" 4
expect "and removes its pid file" [ ! -e "$TMP/timed.pid" ]
ended beside 0
expect "the server's pid file is as it was" [ "$(cat "$TMP/server.pid")" = "$server" ]
expect "the server still runs" kill -0 "$server"
ended badtime 1
stop_daemon "$server"
expect "the server ends cleanly (status $status)" [ "$status" = 0 ]
finish
