#!/usr/bin/env bash
# Lists of leap seconds that are damaged, expired or missing, and directives about them that are
# wrong: file, line and cause are named.
. test/lib.sh

good='3692217600	37	# 1 Jan 2017'
# damaged NAME LINE CAUSE TEXT: a list that ends the daemon, by that line
damaged()
{
	printf '%b\n' "$4" >"$TMP/$1"
	run_daemon 10 -d -x 'port 0' 'local stratum 3' "leapseclist $TMP/$1" 'pidfile none'
	expect "$1: ends with status 1 (was $status)" [ "$status" = 1 ]
	expect "$1: line and cause are named" [ "$(lines "$TMP/out" "$TMP/$1:$2: .*$3")" = 1 ]
	[ $failures = 0 ] || cat "$TMP/out"
}
damaged words 2 'not NTP seconds' "$good\nsoon 38"
damaged noon 2 'not a midnight' "$good\n3786868800 38"
damaged twice 2 'not one second' "$good\n3786825600 39"
damaged hash 2 'hash' "$good\n#h\t1 2 3 4 5"
damaged empty 0 'no leap second' '# nothing'
damaged zone-file 1 'NUL byte' 'TZif2\0\0'

# usable NAME PATTERN DIRECTIVE...: it starts, and says so
usable()
{
	run_daemon 10 -d -x -t 0.5 'port 0' 'local stratum 3' 'pidfile none' "${@:3}"
	expect "$1: runs (status $status)" [ "$status" = 0 ]
	expect "$1: one line says what is wrong" [ "$(lines "$TMP/out" "$2")" = 1 ]
	[ $failures = 0 ] || cat "$TMP/out"
}
usable missing 'no-such-list: No such file.*announced by the sources alone' \
	"leapseclist $TMP/no-such-list"
usable no-zone 'Such_Place: No such file' 'leapsectz right/Such_Place'
printf '%s\n#@ 3700000000\n' "$good" >"$TMP/expired"
usable expired 'expired: expired on 2017-04-01' "leapseclist $TMP/expired"
printf '%s\n#@ %s\n' "$good" $(($(date +%s) + 2208988800 + 86400 * 20)) >"$TMP/old"
usable old "old: expires on .*a newer one is needed" "leapseclist $TMP/old"
printf '%s\n#@ %s\n' "$good" $(($(date +%s) + 2208988800 + 86400 * 30)) >"$TMP/new"
run_daemon 10 -d -x -t 0.5 'port 0' 'local stratum 3' 'pidfile none' "leapseclist $TMP/new"
expect "new: nothing to say" [ "$status" = 0 -a "$(lines "$TMP/out" "$TMP/new")" = 0 ]

cat >"$TMP/conf" <<-END
	leapsecmode smear
	smoothtime 400
	smoothtime 400 fast
	smoothtime 400 0.001 mostly
	smoothtime -1 0.001
	leapseclist
END
run_daemon 10 -d -x -f "$TMP/conf"
expect "directives: ends with status 1 (was $status)" [ "$status" = 1 ]
for line in 1 2 3 4 5 6; do
	expect "line $line is named once: $(sed -n "${line}p" "$TMP/conf")" \
		[ "$(lines "$TMP/out" "$TMP/conf:$line\b")" = 1 ]
done
run_daemon 10 -d -x 'local stratum 3' 'smoothtime 400 0.001 leaponly' 'pidfile none' 'port 0'
expect "leaponly without leapsecmode slew is refused (status $status)" \
	[ "$status" = 1 -a "$(lines "$TMP/out" 'leapsecmode slew')" = 1 ]
[ $failures = 0 ] || cat "$TMP/out"
exit $((failures > 0))
