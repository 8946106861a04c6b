#!/usr/bin/env bash
# A key file that is not there: the end where a source needs it, a warning where nothing does.
. test/lib.sh

printf 'keyfile %s/none\nserver 192.0.2.1 key 1\nport 0\n' "$TMP" >"$TMP/conf"
run_daemon 10 -d -x -f "$TMP/conf"
expect "a source needs it: ends with status 1 (was $status)" [ "$status" = 1 ]
expect "a source needs it: one line names file and cause" \
	[ "$(lines "$TMP/out" "$TMP/none: .*no such file")" = 1 ]

printf 'keyfile %s/none\nlocal\nport 0\npidfile none\n' "$TMP" >"$TMP/conf"
run_daemon 10 -d -x -t 0.2 -f "$TMP/conf"
expect "nothing needs it: runs and ends with status 0 (was $status)" [ "$status" = 0 ]
expect "nothing needs it: one line warns" \
	[ "$(lines "$TMP/out" "$TMP/none: .*no such file.*get no answer")" = 1 ]
[ $failures = 0 ] || cat "$TMP/out"
exit $((failures > 0))
