#!/usr/bin/env bash
# Servers that cannot be reached (no route), or where nobody listens: one line, and on it goes.
. test/lib.sh
isolate "$@"

routed() { ip route get 192.0.2.77 >/dev/null 2>&1; }
start_daemon d -d -x 'port 0' 'server 127.0.0.1 port 11999 minpoll -2 maxpoll -2' \
	'server 192.0.2.77 minpoll -2 maxpoll -2' "pidfile $TMP/pid"
expect "the daemon starts" await 5 test -s "$TMP/pid"
expect "where nobody listens: one line names the server" await 15 grep -q '127\.0\.0\.1' "$TMP/d.log"
if routed; then
	echo "skip - no route: this host has one"
else
	expect "no route: one line names the server" await 15 grep -q '192\.0\.2\.77' "$TMP/d.log"
fi
sleep 3
expect "it goes on running" kill -0 "$pid"
expect "and does not flood the log" [ "$(wc -l <"$TMP/d.log")" -le 12 ]
for server in '127\.0\.0\.1' '192\.0\.2\.77'; do
	expect "at most two lines about ${server//\\/}" [ "$(lines "$TMP/d.log" "$server")" -le 2 ]
done
stop_daemon "$pid"
expect "ends cleanly (status $status)" [ "$status" = 0 ]

# -Q without any answer must end, too, and must not claim that all is well.
run_daemon 20 -Q -t 3 'port 0' 'server 127.0.0.1 port 11999 iburst' "pidfile $TMP/q.pid"
expect "-Q -t 3 ends by itself with status 1 (was $status)" [ "$status" = 1 ]
expect "-Q says why" [ "$(lines "$TMP/out" 'timeout|time ?out|no (suitable|source|answer|server)|not reach|gave up|sources')" -ge 1 ]
[ $failures = 0 ] || cat "$TMP/d.log" "$TMP/out"
exit $((failures > 0))
