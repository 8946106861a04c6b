#!/usr/bin/env bash
# A key file that everybody may read, a short key, MD5: the daemon says so, and works.
. test/lib.sh

printf '1 SHA1 sesame\n2 sesame-open-yourself\n3 AES128 HEX:000102030405060708090a0b0c0d0e0f\n' \
	>"$TMP/keys"
chmod 644 "$TMP/keys"
printf 'keyfile %s\nlocal\nport 0\npidfile none\n' "$TMP/keys" >"$TMP/conf"
run_daemon 10 -d -x -t 0.2 -f "$TMP/conf"
expect "runs and ends with status 0 (was $status)" [ "$status" = 0 ]
expect "everybody may read it: one line" [ "$(lines "$TMP/out" "$TMP/keys: everybody may read")" = 1 ]
expect "a short key: one line" [ "$(lines "$TMP/out" "$TMP/keys:1: a key of 6 bytes")" = 1 ]
expect "MD5: one line" [ "$(lines "$TMP/out" "$TMP/keys:2: MD5 is broken")" = 1 ]
expect "AES128: nothing" [ "$(lines "$TMP/out" "$TMP/keys:3:")" = 0 ]
expect "no key is shown" [ "$(lines "$TMP/out" sesame)" = 0 ]
[ $failures = 0 ] || cat "$TMP/out"
exit $((failures > 0))
