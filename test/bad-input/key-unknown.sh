#!/usr/bin/env bash
# A source that names a key which is not in the key file, or no key file at all, or a version that
# has no MAC of today's kind: nothing is ever asked without the key.
. test/lib.sh

echo "1 AES128 HEX:000102030405060708090a0b0c0d0e0f" >"$TMP/keys"
chmod 600 "$TMP/keys"
printf 'keyfile %s\nserver 192.0.2.1 key 1\nserver 192.0.2.2 key 2\nserver 192.0.2.3 key 3\n' \
	"$TMP/keys" >"$TMP/conf"
run_daemon 10 -d -x -f "$TMP/conf"
expect "not in the file: ends with status 1 (was $status)" [ "$status" = 1 ]
for line in 3 4; do
	expect "not in the file: line $line is named" \
		[ "$(lines "$TMP/out" "$TMP/conf:$line: .*key .* not in the keyfile")" = 1 ]
done
expect "the key that is there is not complained of" [ "$(lines "$TMP/out" "$TMP/conf:2:")" = 0 ]

printf 'server 192.0.2.1 key 7\nserver 192.0.2.2\n' >"$TMP/conf"
run_daemon 10 -d -x -f "$TMP/conf"
expect "no key file: ends with status 1 (was $status)" [ "$status" = 1 ]
expect "no key file: the line and the cause are named" \
	[ "$(lines "$TMP/out" "$TMP/conf:1: 'key 7' without 'keyfile'")" = 1 ]

printf 'keyfile %s\nserver 192.0.2.1 key 1 version 2\n' "$TMP/keys" >"$TMP/conf"
run_daemon 10 -d -x -f "$TMP/conf"
expect "version 2: ends with status 1 (was $status)" [ "$status" = 1 ]
expect "version 2: the line and the cause are named" \
	[ "$(lines "$TMP/out" "$TMP/conf:2: 'key' needs version 3 or 4")" = 1 ]
[ $failures = 0 ] || cat "$TMP/out"
exit $((failures > 0))
