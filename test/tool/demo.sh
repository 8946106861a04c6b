#!/usr/bin/env bash
# demo: ends as it should, says why, and leaves nothing behind: with daemons that misbehave, and with
# the real one. What a good run must reach is asked elsewhere (./run in ./check).
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh

TOOL=$BUILD/tool/drivestamp
fake=$PWD/test/tool/fake-daemon
export FAKE_PIDS=$TMP/pids
mkdir "$TMP/tmp"
: >"$FAKE_PIDS"

# demo FAKE ARGUMENTS...: output in $TMP/out, status in $status
demo()
{
	local how=$1
	shift
	status=0
	FAKE=$how TMPDIR=$TMP/tmp timeout -k 5 40 "$TOOL" demo --daemon "$fake" "$@" \
		>"$TMP/out" 2>&1 </dev/null || status=$?
}

says() { grep -qE -- "$1" "$TMP/out" || { cat "$TMP/out"; return 1; }; }
has() { grep -qE -- "$1" "$TMP/json" || { cat "$TMP/json"; return 1; }; }

# No file, and no process that was started with a file of ours.
nothing_left()
{
	local pid
	[ -z "$(ls -A "$TMP/tmp")" ] || { ls "$TMP/tmp"; return 1; }
	while read -r pid; do
		! kill -0 "$pid" 2>/dev/null || return 1
	done <"$FAKE_PIDS"
	! grep -la -- "$TMP/tmp" /proc/[0-9]*/cmdline 2>/dev/null
}
ended() { [ "$status" = "$1" ] || { echo "status $status"; cat "$TMP/out"; return 1; }; }

demo good --seconds 4 --json "$TMP/json"
expect "a run that works ends with 0" ended 0
expect "it prints median, RMS and p99 of the true error" \
	says 'true error +median 500 ns +RMS 500 ns +p99 500 ns'
expect "JSON: the same median" has '"true_error": .*"median_ns": 500\.0'
expect "JSON: worked, whole" has '"worked": true'
expect "JSON: stamps lost by both, from their counters" has '"lost_client": 3, "lost_server": 3'
expect "nothing is left" nothing_left

demo good --loopback --seconds 4 --json -
expect "loopback says so" says 'on loopback'

mkdir "$TMP/bin"
printf '#!/bin/sh\necho "RTNETLINK answers: made to fail" >&2; exit 2\n' >"$TMP/bin/ip"
chmod +x "$TMP/bin/ip"
PATH="$TMP/bin:$PATH" demo good --seconds 4
expect "a network that cannot be made: loopback, and the reason" \
	says '^Both hosts on loopback \(.*(made to fail|no right to make)'
expect "and it works there" ended 0

demo wrong --seconds 4
expect "a clock that stays wrong is a failure" ended 1
expect "and the reason is given" says 'did not come right'

demo silent --seconds 4
expect "no exchange is a failure" ended 1
expect "and the reason is given" says 'no exchange was completed'

demo dies --seconds 10 --json "$TMP/json"
expect "a daemon that dies ends the run with 1" ended 1
expect "it is said which, and how" says 'the client ended with status 3'
expect "its last lines are shown" says 'Fatal: made to die'
expect "the summary is marked as partial" says '^PARTIAL'
expect "JSON: partial" has '"partial": true'
expect "nothing is left" nothing_left

demo stubborn --seconds 4
expect "a daemon that ignores SIGTERM is named" says 'did not end when asked'
expect "and ended all the same" nothing_left

demo good --daemon /nonexistent/drivestampd --seconds 4
expect "a daemon that is not there: status 1" ended 1
expect "one line names it" says 'cannot run /nonexistent/drivestampd'

demo good --json /nonexistent/file --seconds 4
expect "a JSON file that cannot be written is found out at once" says 'cannot write /nonexistent'

# interrupted SIGNAL: the real daemon, three seconds, then the signal
interrupted()
{
	TMPDIR=$TMP/tmp "$TOOL" demo --daemon "$DAEMON" --seconds 60 >"$TMP/out" 2>&1 </dev/null &
	local pid=$!
	daemons+=("$pid")
	sleep 3
	kill -"$1" "$pid"
	status=0
	wait "$pid" 2>/dev/null || status=$?
}
interrupted INT
expect "SIGINT: a partial summary" says '^PARTIAL, cut short after 3 of 60 s'
expect "SIGINT: status 1" ended 1
expect "SIGINT: nothing is left" nothing_left
interrupted TERM
expect "SIGTERM: a partial summary" says '^PARTIAL'
expect "SIGTERM: nothing is left" nothing_left
interrupted KILL
expect "SIGKILL: nothing is left after a moment" await 5 nothing_left

exit $((failures > 0))
