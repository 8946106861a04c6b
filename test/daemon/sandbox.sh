#!/usr/bin/env bash
# sandbox: what somebody who got into the daemon can still do: with both parts of the sandbox, with
# each alone, and without (so that what is refused is refused by it).
# shellcheck disable=SC2154  # $pid, $BUILD: test/lib.sh
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

burglar=$tools/burglar.so
[ -e "$burglar" ] || { not_ok "no $burglar: build first"; exit 1; }
mkdir "$TMP/far" "$TMP/near"
echo word >"$TMP/far/secret"

# enter NAME SANDBOX: a daemon with it; what came of each attempt is in its log
enter()
{
	local name=$1 near=$TMP/near/$1
	rm -f "$TMP/far/loot"
	mkdir -p "$near"
	BURGLAR_FOLDER=$TMP/far LD_PRELOAD=$burglar "${no_clock[@]}" "$DAEMON" -d -x 'port 11123' \
		'local stratum 1' allow "sandbox $2" "pidfile $near/pid" "logdir $near" \
		"controlsocket $near/control.sock" "driftfile $near/drift" 'log measurements' \
		>"$TMP/$name.log" 2>&1 </dev/null &
	pid=$!
	daemons+=("$pid")
	await 5 grep -q ' started ' "$TMP/$name.log" || sed 's/^/    | /' "$TMP/$name.log"
	kill -USR2 "$pid"
	await 5 grep -q 'burglar: a namespace' "$TMP/$name.log"
	confined=$(awk '/^Seccomp:/ { s = $2 } /^NoNewPrivs:/ { n = $2 } END { print s, n }' "/proc/$pid/status")
	answer=$("$tools/speak" "$near/control.sock" status)
	expect "$name: it goes on, and answers" grep -q '"ok":true' <<<"$answer"
	stop_daemon "$pid"
	left=$(ls "$near")
	expect "$name: and ends well, its sockets and pid file removed" \
		[ "$status $left" = "0 measurements.log" ]
}
# refused NAME WHAT: is it in the log of NAME that this failed?
refused() { grep -q "burglar: $2: " "$TMP/$1.log" && ! grep -q "burglar: $2: done" "$TMP/$1.log"; }
came_of() { sed -n "s/^burglar: $2: //p" "$TMP/$1.log"; }

probe() # WORD PATTERN: is this part there at all?
{
	timeout -k 5 10 "${no_clock[@]}" "$DAEMON" -d -x -t 0.3 'port 0' "sandbox $1" 'pidfile none' \
		>"$TMP/probe" 2>&1
	! grep -q "$2.*not confined" "$TMP/probe"
}
probe landlock Landlock && landlock=yes || { landlock=; echo "skip - Landlock: not on this kernel"; }
probe seccomp seccomp && seccomp=yes || { seccomp=; echo "skip - seccomp: not in this build or kernel"; }

enter none off
for what in 'read a file' 'make a file' 'run a program'; do
	expect "without a sandbox, somebody can $what" [ "$(came_of none "$what")" = done ]
done
if [ -n "$landlock" ]; then
	enter landlock landlock
	for what in 'read a file' 'make a file' 'run a program'; do
		expect "Landlock refuses to $what ($(came_of landlock "$what"))" refused landlock "$what"
	done
fi
if [ -n "$seccomp" ]; then
	enter seccomp seccomp
	for what in 'run a program' 'listen to the wire' 'trace a process' mount 'a namespace'; do
		expect "seccomp refuses: $what ($(came_of seccomp "$what"))" refused seccomp "$what"
	done
fi
if [ -n "$landlock$seccomp" ]; then
	enter both all
	[ -z "$seccomp" ] || expect "the kernel says so (Seccomp, NoNewPrivs: $confined)" [ "$confined" = "2 1" ]
	for what in 'read a file' 'run a program'; do
		expect "both refuse to $what" refused both "$what"
	done
	expect "in words: $(grep -o 'sandbox: .*' "$TMP/both.log")" \
		grep -q 'sandbox: .*confined' "$TMP/both.log"
fi
expect "nothing was left outside" [ ! -e "$TMP/far/loot" ]

# Names are looked up by a child, inside.
start_daemon names -d -x 'port 0' 'server localhost port 11124 iburst' 'pidfile none' 'sandbox all'
expect "a name is looked up from inside" await 5 grep -q 'source .* (localhost)' "$TMP/names.log"
stop_daemon "$pid"
[ "$failures" = 0 ]
