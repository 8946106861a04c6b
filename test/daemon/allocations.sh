#!/usr/bin/env bash
# While it runs the daemon allocates nothing, nor does a library in it: server and client, basic and
# interleaved, without a key and with one of each kind, a reference clock, logs written. A preloaded library counts.
. test/lib.sh
isolate "$@"
counter=$BUILD/test/mallocs.so
[ -f "$counter" ] || { not_ok "no $counter"; exit 1; }

cat >"$TMP/keys" <<-END
	1 SHA1 a-key-for-a-test
	2 SHA3-512 another-key-for-a-test
	3 AES128 HEX:000102030405060708090a0b0c0d0e0f
END
chmod 600 "$TMP/keys"
mkdir "$TMP/client"

# counted NAME ARGUMENTS...: as start_daemon, with the counter
counted()
{
	local name=$1
	shift
	"${no_clock[@]}" env LD_PRELOAD="$counter" "$DAEMON" -d -x "$@" >"$TMP/$name.log" 2>&1 </dev/null &
	pid=$!
	daemons+=("$pid")
}
samples() { grep -c '^[0-9]' "$TMP/client/measurements.log" 2>/dev/null || echo 0; }
enough() { [ "$(samples)" -ge "$1" ]; }
# allocations NAME PID: asks, and waits for the next line
allocations()
{
	local before
	before=$(lines "$TMP/$1.log" '^allocations:')
	kill -USR2 "$2"
	more() { [ "$(lines "$TMP/$1.log" '^allocations:')" -gt "$before" ]; }
	await 2 more "$1" && sed -n 's/^allocations: //p' "$TMP/$1.log" | tail -n 1
}

counted server "keyfile $TMP/keys" 'local stratum 1' 'port 11123' 'allow' 'pidfile none'
server=$pid
sources=()
n=1
for options in '' 'key 1' 'key 2 xleave' 'key 3' 'key 3 xleave' 'xleave'; do
	sources+=("server 127.0.0.$n port 11123 minpoll -4 maxpoll -4 noselect $options")
	n=$((n + 1))
done
counted client "keyfile $TMP/keys" 'port 0' "${sources[@]}" "logdir $TMP/client" \
	"refclock SOCK $TMP/sock dpoll -4 poll -2 noselect" \
	'log measurements statistics tracking refclocks' 'pidfile none'
client=$pid
await 5 test -S "$TMP/sock"
"$BUILD/test/daemon/feeder" sock "$TMP/sock" interval=0.05 noise=1000 >/dev/null 2>&1 </dev/null &
daemons+=("$!")

await 10 enough 120 || { not_ok "samples come"; cat "$TMP/server.log" "$TMP/client.log"; exit 1; }
first_server=$(allocations server "$server")
first_client=$(allocations client "$client")
had=$(samples)
await 15 enough $((had + 300))
expect "300 more samples come (had $had, now $(samples))" enough $((had + 300))
last_server=$(allocations server "$server")
last_client=$(allocations client "$client")
expect "samples of a reference clock came ($(grep -c '^[0-9].* SOC0 ' "$TMP/client/refclocks.log"))" \
	[ "$(grep -c '^[0-9].* SOC0 ' "$TMP/client/refclocks.log")" -gt 20 ]
expect "the counter counts what is done at the start ($first_server, $first_client)" \
	[ "$((first_server > 100 && first_client > 100))" = 1 ]
expect "the server allocates nothing more ($first_server, then $last_server)" \
	[ "$first_server" = "$last_server" ]
expect "the client allocates nothing more ($first_client, then $last_client)" \
	[ "$first_client" = "$last_client" ]
[ $failures = 0 ] || cat "$TMP/server.log" "$TMP/client.log"
exit $((failures > 0))
