#!/usr/bin/env bash
# What the daemon may do after start-up, and its small files: drift file, pid file. Going to the
# background.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

mkdir "$TMP/run"
chmod 777 "$TMP" "$TMP/run"
start_daemon server -d -x 'port 11123' 'local stratum 1' allow "pidfile $TMP/server.pid"
server=$pid
await 5 test -s "$TMP/server.pid" || { not_ok "a server starts"; finish; }
line='server 127.0.0.1 port 11123 minpoll -3 maxpoll -3 iburst'

# status PID WORD: of /proc
status_of() { awk -v word="$2:" '$1 == word { $1 = ""; print substr($0, 2) }' "/proc/$1/status"; }

if [ "$(id -u)" = 0 ] && id nobody >/dev/null 2>&1; then
	nobody=$(id -u nobody)
	start_daemon user -d --clock virtual,offset=0.01,freq=30 -u nobody 'port 0' "$line" \
		"pidfile $TMP/run/user.pid" "driftfile $TMP/run/drift" 'makestep 1 3'
	user=$pid
	start_daemon low -d -x 'port 0' "$line" 'acquisitionport 1001' 'user nobody' \
		"pidfile $TMP/run/low.pid"
	low=$pid
	await 5 test -s "$TMP/run/user.pid" && await 5 test -s "$TMP/run/low.pid" ||
		not_ok "both start"
	await 5 grep -q 'Selected source' "$TMP/user.log" || not_ok "-u nobody: measures"
	expect "-u nobody: all user ids are its ($(status_of "$user" Uid))" \
		[ "$(status_of "$user" Uid)" = "$nobody $nobody $nobody $nobody" ]
	expect "-u nobody: no group of root's ($(status_of "$user" Groups))" \
		[ "$(status_of "$user" Groups | tr ' ' '\n' | grep -cx 0)" = 0 ]
	expect "-u nobody: no_new_privs" [ "$(status_of "$user" NoNewPrivs)" = 1 ]
	for set in CapPrm CapEff CapInh CapAmb; do
		expect "-u nobody, virtual clock: no capability in $set" \
			[ "$(status_of "$user" $set)" = 0000000000000000 ]
	done
	# Bit 10 is CAP_NET_BIND_SERVICE: each request has a socket of its own.
	expect "user nobody, acquisitionport 1001: the right to bind low ports, no other" \
		[ "$(status_of "$low" CapEff)" = 0000000000000400 ]
	expect "and it measures from there" await 5 grep -q 'Selected source' "$TMP/low.log"
	sleep 4
	stop_daemon "$user"
	expect "-u nobody: ends cleanly (status $status)" [ "$status" = 0 ]
	stop_daemon "$low"
	expect "user nobody: ends cleanly (status $status)" [ "$status" = 0 ]
	expect "the drift file is nobody's" [ "$(stat -c %u "$TMP/run/drift" 2>/dev/null)" = "$nobody" ]
	read -r freq skew <"$TMP/run/drift"
	# It says how fast the clock gains: by 30 ppm, as it was told to.
	# three seconds of a busy machine: what it claims must hold, not a figure of ours
	expect "the drift file says what is true ($freq +/- $skew ppm)" \
		awk "BEGIN { off = $freq - 30; exit !(off * off <= (1 + 5 * $skew) ^ 2) }"
	expect "and how sure that is" between 0.0001 "$skew" 100
	run_daemon 5 -d -x -u nosuchuser 'port 0' "$line" "pidfile $TMP/run/none.pid"
	expect "-u nosuchuser: ends with status 1 (was $status)" [ "$status" = 1 ]
	expect "-u nosuchuser: one line names it" [ "$(lines "$TMP/out" nosuchuser)" = 1 ]
	expect "-u nosuchuser: leaves no pid file" [ ! -e "$TMP/run/none.pid" ]
else
	echo "skip - -u: needs root"
	printf '30.0 1.0\n' >"$TMP/run/drift"
fi

# Read again: the clock runs right from the beginning, before any packet.
mkdir "$TMP/logs"
start_daemon again -d --clock virtual,freq=30 'port 0' "driftfile $TMP/run/drift" \
	"logdir $TMP/logs" 'log shadow' 'logbanner 0' "pidfile $TMP/again.pid"
again=$pid
printf 'fast 1.0\n' >"$TMP/bad"
start_daemon bad -d --clock virtual 'port 0' "$line" "driftfile $TMP/bad" "pidfile $TMP/bad.pid"
bad=$pid
start_daemon none -d --clock virtual 'port 0' "driftfile $TMP/absent" "pidfile $TMP/none.pid"
none=$pid
start_daemon locked -d --clock virtual,freq=9 'port 0' "$line" "driftfile $TMP/no/such/drift" \
	"pidfile $TMP/locked.pid"
locked=$pid
for name in again bad none locked; do await 5 test -s "$TMP/$name.pid" || not_ok "$name starts"; done
expect "drift file: what was read is said" \
	[ "$(lines "$TMP/again.log" "frequency.* read from $TMP/run/drift")" = 1 ]
expect "drift file: nonsense is warned of, with file and line" \
	[ "$(lines "$TMP/bad.log" "Warning: $TMP/bad:1: ")" = 1 ]
expect "drift file: that there is none yet is no news" [ "$(lines "$TMP/none.log" absent)" = 0 ]
await 5 samples "$TMP/logs/shadow.log" 3
rate=$(samples "$TMP/logs/shadow.log" | awk 'NR == 2 { print $4 }')
read -r freq skew <"$TMP/run/drift"
expect "drift file: is in force without a source ($rate ppm)" \
	awk "BEGIN { off = $rate + $freq; exit !(off * off < 1e-4) }"
gain=$(samples "$TMP/logs/shadow.log" | awk 'NR == 1 { a = $3 } { b = $3 } END { print (b - a) * 1e6 }')
expect "and the clock that gains 30 ppm gains what the file left of it ($gain us in 2 s)" \
	awk "BEGIN { off = $gain - 2 * (30 - $freq); exit !(off * off < 12 ^ 2) }"
expect "bad drift file: it measures all the same" await 5 grep -q 'Selected source' "$TMP/bad.log"
expect "drift file that cannot be written: it measures" await 5 grep -q 'Selected source' "$TMP/locked.log"
sleep 1
for name in again bad none locked; do
	stop_daemon "${!name}"
	expect "$name: ends cleanly (status $status)" [ "$status" = 0 ]
	expect "$name: its pid file is gone" [ ! -e "$TMP/$name.pid" ]
done
expect "drift file that cannot be written: said once" \
	[ "$(lines "$TMP/locked.log" "cannot write $TMP/no/such/drift.*No such file")" = 1 ]
expect "no half-written file is left" [ "$(find "$TMP" "$TMP/run" -maxdepth 1 -name '*drift.*' | wc -l)" = 0 ]

# pid file
expect "pid file: holds the process" [ "$(cat "$TMP/server.pid")" = "$server" ]
run_daemon 5 -d -x 'port 0' "$line" "pidfile $TMP/server.pid"
expect "pid file: a second daemon ends with status 1 (was $status)" [ "$status" = 1 ]
expect "pid file: one line names file and process" \
	[ "$(lines "$TMP/out" "\b$server\b.*$TMP/server.pid")" = 1 ]
expect "pid file: is still the first one's" [ "$(cat "$TMP/server.pid")" = "$server" ]
true &
gone=$!
wait "$gone"
echo "$gone" >"$TMP/stale.pid"
start_daemon stale -d -x 'port 0' "$line" "pidfile $TMP/stale.pid"
is_own() { [ "$(cat "$TMP/$1.pid" 2>/dev/null)" = "$2" ]; }
expect "pid file: a stale one is replaced" await 5 is_own stale "$pid"
stop_daemon "$pid"
expect "pid file: and removed at the end" [ ! -e "$TMP/stale.pid" ]
start_daemon taken -d -x 'port 0' "$line" "pidfile $TMP/taken.pid"
await 5 test -s "$TMP/taken.pid"
echo 1 >"$TMP/taken.pid"
stop_daemon "$pid"
expect "pid file: somebody else's is left alone" [ "$(cat "$TMP/taken.pid")" = 1 ]

# Background: the command comes back when the daemon is ready, with a status that says whether.
run_daemon 10 -x 'port 11125' allow 'local stratum 1' "pidfile $TMP/back.pid"
expect "background: status 0 (was $status)" [ "$status" = 0 ]
back=$(cat "$TMP/back.pid" 2>/dev/null || echo 0)
[ "$back" -gt 1 ] && daemons+=("$back")
expect "background: pid file is there at once" [ "$back" -gt 1 ]
expect "background: and answers at once" \
	[ "$("$tools/asker" one any 127.0.0.1 11125 4 3 48 | cut -d ' ' -f 1-4)" = 'answer 48 4 4' ]
expect "background: a session of its own" [ "$(cut -d " " -f 6 "/proc/$back/stat")" = "$back" ]
expect "background: no descriptor of the shell's is held" \
	[ "$(readlink "/proc/$back/fd/0" "/proc/$back/fd/1" "/proc/$back/fd/2" | sort -u)" = /dev/null ]
run_daemon 10 -x 'port 11125' allow 'local stratum 1' "pidfile $TMP/back2.pid"
expect "background: where the port is taken, status 1 (was $status)" [ "$status" = 1 ]
expect "background: and the cause on the terminal" [ "$(lines "$TMP/out" '11125.*in use')" -ge 1 ]
[ "$back" -gt 1 ] && kill "$back"
ended() { ! kill -0 "$back" 2>/dev/null; }
expect "background: ends on SIGTERM" await 5 ended
expect "background: and removes its pid file" [ ! -e "$TMP/back.pid" ]
stop_daemon "$server"
finish
