#!/usr/bin/env bash
# The configuration that README.md shows is one that the daemon takes.
. test/lib.sh

awk '/^```$/ { inside = 0 } /^# \/etc\/drivestamp/ { inside = 1 } inside' README.md >"$TMP/readme.conf"
expect "README.md shows a configuration" [ "$(wc -l <"$TMP/readme.conf")" -ge 5 ]
run_daemon 5 -p -f "$TMP/readme.conf"
expect "and the daemon takes it (status $status)" [ "$status" = 0 ]
[ "$status" = 0 ] || cat "$TMP/out"
exit $((failures > 0))
