#!/usr/bin/env bash
# Another daemon has the server's port.
. test/lib.sh
isolate "$@"

first=(-d -x 'local stratum 1' 'port 11123' 'allow' "pidfile $TMP/1.pid")
start_daemon first "${first[@]}"
await 5 test -s "$TMP/1.pid" || { not_ok "the first daemon starts"; cat "$TMP/first.log"; exit 1; }
run_daemon 4 -d -x 'local stratum 1' 'port 11123' 'allow' "pidfile $TMP/2.pid"
expect "the second ends with status 1 (was $status)" [ "$status" = 1 ]
expect "one line names the port and the cause" \
	[ "$(lines "$TMP/out" "11123.*in use")" -ge 1 ]
expect "and at most one line a family" [ "$(lines "$TMP/out" "in use")" -le 2 ]
expect "no pid file of the second is left" [ ! -e "$TMP/2.pid" ]
expect "the first still runs" kill -0 "$pid"
stop_daemon "$pid"
expect "and ends cleanly (status $status)" [ "$status" = 0 ]

# The pid file is the other way to see that one runs already.
start_daemon again "${first[@]}"
await 5 test -s "$TMP/1.pid"
run_daemon 4 -d -x 'local stratum 1' 'port 11124' 'allow' "pidfile $TMP/1.pid"
expect "same pid file: ends with status 1 (was $status)" [ "$status" = 1 ]
expect "same pid file: one line names it" [ "$(lines "$TMP/out" "1\.pid")" = 1 ]
stop_daemon "$pid"
[ $failures = 0 ] || cat "$TMP"/*.log "$TMP/out"
exit $((failures > 0))
