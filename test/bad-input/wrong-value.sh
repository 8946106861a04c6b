#!/usr/bin/env bash
# Values that are out of range, no numbers, too many or missing: every one is named in one run.
. test/lib.sh

cat >"$TMP/conf" <<-END
	server 192.0.2.1 minpoll 99
	server 192.0.2.2 maxpoll many
	port 70000
	local stratum 0
	makestep 1
	allow 192.0.2.0/99
	server
END
run_daemon 10 -d -x -f "$TMP/conf"
expect "ends with status 1 (was $status)" [ "$status" = 1 ]
for line in 1 2 3 4 5 6 7; do
	expect "line $line is named once: $(sed -n "${line}p" "$TMP/conf")" \
		[ "$(lines "$TMP/out" "$TMP/conf:$line\b")" = 1 ]
done
expect "the value itself is in the message" [ "$(lines "$TMP/out" 'conf:1\b.*(99|minpoll)')" = 1 ]
[ $failures = 0 ] || cat "$TMP/out"
exit $((failures > 0))
