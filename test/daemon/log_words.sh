#!/usr/bin/env bash
# log_words: where messages go: -l, -L, a journal's priorities; a file that is rotated, by SIGHUP, from
# inside the sandbox; a configuration that was changed since.
# shellcheck disable=SC2154  # $pid: test/lib.sh
. test/lib.sh
isolate "$@"
mkdir "$TMP/log"
common=('port 0' 'local stratum 1' 'pidfile none' 'controlsocket none' "logdir $TMP/log" 'log measurements')

start_daemon file -d -x -l "$TMP/log/messages" "${common[@]}"
expect "-l: messages go to the file, with their time" await 5 \
	grep -qE '^20[0-9-]+T[0-9:]+Z drivestampd .* started' "$TMP/log/messages"
mv "$TMP/log/messages" "$TMP/log/messages.1"
kill -HUP "$pid"
expect "SIGHUP: it is opened anew, and so are measurement logs" await 5 \
	grep -q 'measurement logs are opened anew' "$TMP/log/messages"
stop_daemon "$pid"
expect "nothing goes elsewhere" [ ! -s "$TMP/file.log" ]

socket=$TMP/control.sock
printf '%s\n' "${common[@]/controlsocket none/controlsocket $socket}" >"$TMP/conf"
start_daemon conf -d -x -f "$TMP/conf"
await 5 test -S "$socket"
reload() { "$BUILD/tool/drivestamp" reload --socket "$socket"; }
expect "reload: a configuration that is as it was: nothing of it" grep -q "^no 'sourcedir' is configured" <<<"$(reload)"
echo 'logchange 0.5' >>"$TMP/conf"
expect "reload: it was changed: a restart is asked for" grep -q "$TMP/conf was since the start: a restart" <<<"$(reload)"
warned() { [ "$(lines "$TMP/conf.log" "Warning: reload: $TMP/conf was changed since the start")" = "$1" ]; }
expect "... and the log warns, once" warned 1
kill -HUP "$pid"
expect "SIGHUP: it warns again" await 5 warned 2
stop_daemon "$pid"

run_daemon 5 -d -x -t 0.3 -L 1 "${common[@]}" 'corrtimeratio 3'
expect "-L 1: warnings, and nothing less" eval \
	'grep -q "Warning: " "$TMP/out" && ! grep -q started "$TMP/out"'
run_daemon 5 -d -x -L 7 "${common[@]}"
expect "-L 7 is an error" eval '[ "$status" = 1 ] && grep -q "not a level" "$TMP/out"'
run_daemon 5 -d -x -l /nowhere/at/all "${common[@]}"
expect "a file that cannot be had is an error" eval '[ "$status" = 1 ] && grep -q "/nowhere/at/all" "$TMP/out"'

# As systemd.exec(5) has it: the device and inode of what stderr is.
: >"$TMP/journal"
JOURNAL_STREAM=$(stat -c '%d:%i' "$TMP/journal") timeout 5 "${no_clock[@]}" "$DAEMON" -d -x -t 0.3 \
	"${common[@]}" 'corrtimeratio 3' 2>>"$TMP/journal"
expect "in a journal: priorities in place of the time" eval \
	'grep -q "^<4>Warning: " "$TMP/journal" && grep -q "^<5>drivestampd .* started" "$TMP/journal"'
[ "$failures" = 0 ]
