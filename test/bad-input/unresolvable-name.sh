#!/usr/bin/env bash
# A server whose name nobody knows: the daemon runs, says so once, serves meanwhile.
. test/lib.sh
isolate "$@"

# .invalid never exists (RFC 6761 section 6.4).
start_daemon d -d -x 'port 11123' 'local stratum 5' 'allow' 'server nowhere.invalid iburst' \
	"pidfile $TMP/pid"
expect "the daemon starts" await 5 test -s "$TMP/pid"
expect "one line names the host" await 15 grep -q 'nowhere\.invalid' "$TMP/d.log"
sleep 3
expect "it goes on running" kill -0 "$pid"
expect "and does not repeat itself" [ "$(lines "$TMP/d.log" 'nowhere\.invalid')" = 1 ]
expect "the cause is in that line" \
	[ "$(lines "$TMP/d.log" 'nowhere\.invalid.*(resol|name|not known|look)')" = 1 ]
"$BUILD/tool/drivestamp" query --count 1 127.0.0.1:11123 >"$TMP/query" 2>&1
expect "clients are served meanwhile" [ $? = 0 ]
stop_daemon "$pid"
expect "ends cleanly (status $status)" [ "$status" = 0 ]
[ $failures = 0 ] || cat "$TMP/d.log" "$TMP/query"
exit $((failures > 0))
