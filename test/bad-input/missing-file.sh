#!/usr/bin/env bash
# A configuration, or a file that it includes, that is not there; a directory in its place.
. test/lib.sh

run_daemon 10 -d -x -f "$TMP/none.conf"
expect "no configuration: ends with status 1 (was $status)" [ "$status" = 1 ]
expect "no configuration: one line names the file and the cause" \
	[ "$(lines "$TMP/out" "$TMP/none\.conf.*no such file")" = 1 ]
expect "no configuration: little else is said" [ "$(wc -l <"$TMP/out")" -le 2 ]

printf 'port 0\ninclude %s/absent.conf\n' "$TMP" >"$TMP/conf"
run_daemon 10 -d -x -f "$TMP/conf"
expect "no included file: ends with status 1 (was $status)" [ "$status" = 1 ]
expect "no included file: both files are named in one line" \
	[ "$(lines "$TMP/out" "$TMP/conf:2\b.*absent\.conf")" = 1 ]

run_daemon 10 -d -x -f "$TMP"
expect "a directory: ends with status 1 (was $status)" [ "$status" = 1 ]
expect "a directory: one line names it" [ "$(lines "$TMP/out" "$TMP.*directory")" = 1 ]
[ $failures = 0 ] || cat "$TMP/out"
exit $((failures > 0))
