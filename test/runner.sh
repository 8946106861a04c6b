#!/usr/bin/env bash
# What runs the tests, tested: no silence is success, no failure is lost, and what is run again is told.
# It must never use test/lib.sh, which needs a daemon.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
failed=0

# file NAME LINES: a test of that name
file() { printf '#!/bin/sh\n%s\n' "$2" >"$TMP/$1.sh" && chmod +x "$TMP/$1.sh"; }
# run WORD...: test/run on the files that it names; its words in $said, in one line
run()
{
	rm -f "$TMP"/counts "$TMP"/failures "$TMP"/ran.*
	said=$(test/run -t 1 -c "$TMP/counts" -f "$TMP/failures" "$@" 2>&1)
	status=$?
	said=$(tr '\n' ';' <<<"$said") counts=$(cat "$TMP/counts")
	failures=$(tr '\n' ';' 2>/dev/null <"$TMP/failures")
}
# is TEXT STATUS COUNTS SAID [FAILURES]: what the last run came to; SAID and FAILURES are patterns
is()
{
	# shellcheck disable=SC2053
	if [ "$status" = "$2" ] && [ "$counts" = "$3" ] && [[ $said == $4 ]] && [[ $failures == ${5:-} ]]; then
		echo "ok - $1"
	else
		echo "not ok - $1: status $status, counts $counts, said $said, failures $failures"
		failed=1
	fi
}

file good 'echo "ok 1 - one"; echo "ok - two"; echo "skip - three"'
file bad 'echo "ok - one"; echo why; echo "not ok - two"'
file silent ':'
file status 'echo "ok - one"; exit 3'
file skipped 'echo "skip - none here"; exit 77'
file slow 'echo "ok - one"; exec sleep 9'
# Fails when it is run for the first time.
file second "echo x >>$TMP/ran.second; if [ \$(wc -l <$TMP/ran.second) = 2 ]; then echo 'ok - late'; else echo 'not ok - late'; exit 1; fi"
# Is alone when it is run again.
file alone "if [ -e $TMP/ran.alone ]; then if [ -e $TMP/ran.beside ]; then echo 'not ok - alone'; else echo 'ok - alone'; fi
	else : >$TMP/ran.alone; echo 'not ok - alone'; fi"
file beside ": >$TMP/ran.beside; sleep 0.5; rm $TMP/ran.beside; echo 'ok - done'"

run "$TMP/good.sh"
is "what passed is counted" 0 '2 0 1' 'ok - good: one;ok - good: two;skip - good: three;'
run -p 'room/' "$TMP/bad.sh"
is "what failed is shown, with what it said" 1 '1 1 0' '*;not ok - room/bad: two;*| why;*' 'not ok - room/bad: two;'
run "$TMP/silent.sh"
is "silence is a failure" 1 '0 1 0' 'not ok - silent: reported no test;*' 'not ok - silent: *'
run "$TMP/status.sh"
is "so is a bad status" 1 '1 1 0' '*not ok - status: ended with status 3;*' 'not ok - status: *'
run "$TMP/skipped.sh"
is "which is none for what was skipped" 0 '0 0 1' 'skip - skipped: none here;'
run "$TMP/slow.sh"
is "and one that takes too long" 1 '1 1 0' '*not ok - slow: not done after 1 s;*' 'not ok - slow: *'
run "$TMP/none.sh"
is "a file that there is not" 1 '0 1 0' '*not ok - none: *' 'not ok - none: *'

run "$TMP/second.sh" "$TMP/good.sh"
is "nothing is run again unasked" 1 '2 1 1' '*not ok - second: late;*' 'not ok - second: late;'
run -a 1 "$TMP/second.sh" "$TMP/good.sh"
is "run again: it is told that it failed at first, and counts once" 0 '3 0 1' \
	'again - second: late;*ok - good: one;*ok - second: late;' 'again - second: late;'
run -a 1 "$TMP/bad.sh" "$TMP/good.sh"
is "what fails twice has failed, and counts once" 1 '3 1 1' 'again - bad: two;*not ok - bad: two;*' \
	'again - bad: two;not ok - bad: two;'
run -a 1 "$TMP/second.sh" "$TMP/bad.sh"
is "more than may be: none is run again" 1 '1 2 0' '*# 2 files failed: none is run again;*not ok - second: late;*not ok - bad: two;*' \
	'again - *not ok - *'
run -j 2 -a 1 "$TMP/alone.sh" "$TMP/beside.sh"
is "what is run again is alone" 0 '2 0 0' 'again - alone: alone;*ok - beside: done;ok - alone: alone;' 'again - alone: alone;'
exit $failed
