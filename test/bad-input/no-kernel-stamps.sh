#!/usr/bin/env bash
# A kernel that gives no stamps (simulated by a preloaded library of our own): the daemon says so
# once, and goes on with the clock as it reads it itself, basic only.
. test/lib.sh
isolate "$@"

shim=$BUILD/test/nostamps.so
[ -f "$shim" ] || { not_ok "no $shim"; exit 1; }
mkdir "$TMP/client" "$TMP/other"

# The command of start_daemon, with the library for the daemon alone.
start_without_stamps()
{
	local name=$1
	shift
	"${no_clock[@]}" env LD_PRELOAD="$shim" "$DAEMON" "$@" >"$TMP/$name.log" 2>&1 </dev/null &
	pid=$!
	daemons+=("$pid")
}
# modes DIRECTORY: the last column group of measurements.log, counted
modes() { awk '/^[0-9]/ { print $(NF-2), $(NF-1), $NF }' "$TMP/$1/measurements.log" | sort | uniq -c; }
enough() { [ "$(grep -c '^[0-9]' "$TMP/$1/measurements.log" 2>/dev/null)" -ge "$2" ]; }
only() { [ "$(modes "$1" | awk '{ print $2, $3, $4 }')" = "$2" ]; }
line='server 127.0.0.1 port 11123 minpoll -4 maxpoll -4 xleave noselect'

start_daemon server -d -x 'local stratum 1' 'port 11123' 'allow' "pidfile $TMP/server.pid"
server=$pid
await 5 test -s "$TMP/server.pid" || { not_ok "a server starts"; cat "$TMP/server.log"; exit 1; }
start_without_stamps client -d -x 'port 0' "$line" "logdir $TMP/client" 'log measurements' \
	"pidfile $TMP/client.pid"
client=$pid
expect "a client without stamps measures all the same" await 10 enough client 20
expect "one line says what is missing" \
	[ "$(lines "$TMP/client.log" "(kernel|SO_TIMESTAMPING).*stamp|stamp.*(kernel|not available|missing)")" = 1 ]
stop_daemon "$client"
expect "ends cleanly (status $status)" [ "$status" = 0 ]
expect "its own stamps are the daemon's in every sample" \
	[ "$(modes client | grep -vc ' 4[BI] D D')" = 0 ]
stop_daemon "$server"

start_without_stamps blind -d -x 'local stratum 1' 'port 11123' 'allow' "pidfile $TMP/blind.pid"
server=$pid
await 5 test -s "$TMP/blind.pid" || { not_ok "a server without stamps starts"; cat "$TMP/blind.log"; exit 1; }
ok "a server without stamps starts"
start_daemon other -d -x 'port 0' "$line" "logdir $TMP/other" 'log measurements' \
	"pidfile $TMP/other.pid"
client=$pid
expect "it answers" await 10 enough other 20
expect "where there are stamps nobody says that there are none" \
	[ "$(lines "$TMP/other.log" "no kernel stamp")" = 0 ]
expect "and never interleaved: no drivestamp, no interleaving" only other "4B K K"
stop_daemon "$client"
stop_daemon "$server"
expect "ends cleanly (status $status)" [ "$status" = 0 ]
[ $failures = 0 ] || { cat "$TMP"/*.log; modes client; modes other; }
exit $((failures > 0))
