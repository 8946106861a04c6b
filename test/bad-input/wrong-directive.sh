#!/usr/bin/env bash
# A word that is no directive: file, line, the word and the nearest known one; no start.
. test/lib.sh

cat >"$TMP/conf" <<-END
	# a comment
	port 0
	sever 192.0.2.1
	local stratum 5
END
run_daemon 10 -d -x -f "$TMP/conf"
expect "ends with status 1 (was $status)" [ "$status" = 1 ]
expect "names file and line" [ "$(lines "$TMP/out" "$TMP/conf:3\b")" = 1 ]
expect "names the word and the nearest known one" \
	[ "$(lines "$TMP/out" "sever\b.*\bserver\b")" = 1 ]
expect "says so in one line, and at most one more that it gives up" \
	[ "$(wc -l <"$TMP/out")" -le 2 ]

run_daemon 10 -d -x 'port 0' 'alow 192.0.2.0/24'
expect "on the command line: ends with status 1 (was $status)" [ "$status" = 1 ]
expect "on the command line: says which word" [ "$(lines "$TMP/out" "alow\b.*\ballow\b")" = 1 ]
[ $failures = 0 ] || cat "$TMP/out"
exit $((failures > 0))
