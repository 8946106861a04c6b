#!/usr/bin/env bash
# While it runs the daemon allocates nothing, nor does a library in it: server and client, basic and
# interleaved, without a key and with one of each kind, a reference clock, logs written, and whoever asks or orders. A preloaded library counts.
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
mkdir -m 755 "$TMP/run"

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
	'log measurements statistics selection tracking refclocks rtc stamps bound' 'pidfile none' "controlsocket $TMP/run/control.sock" \
	'cmdport 11323' "bindcmdaddress $TMP/run/chronyd.sock"
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

say() { "$BUILD/test/daemon/speak" "$TMP/run/control.sock" "$1" >>"$TMP/said"; }
reads=(status sources sourcestats 'exchanges 127.0.0.2' select server clients stamps bound counters metrics version)
orders=('add server 127.0.0.9 port 11123 minpoll 0' 'offline 127.0.0.9' 'online 127.0.0.9' 'burst 1/2 127.0.0.9'
	'delete 127.0.0.9')
for line in "${reads[@]}" nonsense makestep "${orders[@]}"; do say "$line"; done
last_client=$(allocations client "$client")
expect "nor for ${#reads[@]} questions and ${#orders[@]} orders ($first_client, then $last_client)" \
	[ "$first_client" = "$last_client" -a "$(grep -c '"ok":true' "$TMP/said")" = "$((${#reads[@]} + ${#orders[@]}))" ]
# By UDP, where nobody may order that logs are opened anew: that takes what fopen() does.
"$BUILD/test/daemon/rude" 11323 1 >"$TMP/rude"
last_client=$(allocations client "$client")
expect "nor for chronyc's protocol, well and badly spoken ($(cut -c1-40 "$TMP/rude")...: $first_client, then $last_client)" \
	[ "$first_client" = "$last_client" -a "$(grep -c 'answered=[1-9]' "$TMP/rude")" = 1 ]
[ $failures = 0 ] || cat "$TMP/server.log" "$TMP/client.log"
exit $((failures > 0))
