#!/usr/bin/env bash
# Lines of a key file that hold no key: every one is named in one run, and no key is shown.
. test/lib.sh

cat >"$TMP/keys" <<-END
	1 SHA1 sesame-open-yourself
	1 SHA256 sesame-open-yourself
	sesame
	0 SHA1 sesame-open-yourself
	4294967296 SHA1 sesame-open-yourself
	2 sesame open-yourself
	3 SHA1 sesame open yourself
	4 SHA1 HEX:736573616d65f
	5 SHA1 HEX:sesame
	6 AES128 sesame-open
	7 TIGER sesame-open-yourself
	8 SHA1 HEX:
END
chmod 600 "$TMP/keys"
printf 'keyfile %s\nserver 192.0.2.1 key 1\nport 0\n' "$TMP/keys" >"$TMP/conf"
run_daemon 10 -d -x -f "$TMP/conf"
expect "ends with status 1 (was $status)" [ "$status" = 1 ]
for line in 2 3 4 5 6 7 8 9 10 11 12; do
	expect "line $line is named once: $(sed -n "${line}p" "$TMP/keys")" \
		[ "$(lines "$TMP/out" "$TMP/keys:$line: ")" = 1 ]
done
expect "line 1 is a key" [ "$(lines "$TMP/out" "$TMP/keys:1: ")" = 0 ]
expect "no key is shown" [ "$(lines "$TMP/out" '(sesame|736573)')" = 0 ]
[ $failures = 0 ] || cat "$TMP/out"
exit $((failures > 0))
