#!/usr/bin/env bash
# The daemon is to steer the clock and has not the right to: it says so, and what to do.
# lib.sh takes the right away; where that cannot be done this test does not run.
. test/lib.sh
isolate "$@"

if [ "$(id -u)" = 0 ]; then
	"${no_clock[@]}" true 2>/dev/null || skip_all "no setpriv to take the right away"
	# Bit 25 is CAP_SYS_TIME. Nothing is started unless it is gone for certain.
	bounds=$("${no_clock[@]}" sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)
	[ $((0x$bounds >> 25 & 1)) = 0 ] || skip_all "CAP_SYS_TIME could not be taken away"
fi
run_daemon 5 -d 'port 0' 'server 127.0.0.1 port 11123' "pidfile $TMP/pid"
expect "ends with status 1 (was $status)" [ "$status" = 1 ]
expect "one line names the clock and the missing right" \
	[ "$(lines "$TMP/out" "clock.*(permitted|permission|right|CAP_SYS_TIME)")" = 1 ]
expect "and the way on: -x" [ "$(lines "$TMP/out" "[[:space:]\`'(]-x")" = 1 ]

start_daemon x -d -x 'port 0' 'server 127.0.0.1 port 11123' "pidfile $TMP/pid"
expect "with -x it runs" await 5 test -s "$TMP/pid"
stop_daemon "$pid"
expect "and ends cleanly (status $status)" [ "$status" = 0 ]
[ $failures = 0 ] || cat "$TMP/out" "$TMP/x.log"
exit $((failures > 0))
