#!/usr/bin/env bash
# Lines for broadcasts that are wrong, incomplete or dangerous: each is named, and nothing starts;
# nor does it where a key is not in the key file, or nothing sent to many could be heard.
. test/lib.sh

cat >"$TMP/conf" <<-END
	broadcastclient
	broadcastclient key 1 unauthenticated
	multicastclient 192.0.2.1 key 1
	multicastclient key 1
	broadcastclient key 1 from nowhere
	broadcastclient key 1 minpoll 4
	broadcast 64
	broadcast 0 192.0.2.255
	broadcast 64 host.example
	broadcast 64 192.0.2.255 key 0
	broadcast 64 2001:db8::1
	broadcast 64 192.0.2.255 ttl 256
END
run_daemon 10 -d -x -f "$TMP/conf"
expect "ends with status 1 (was $status)" [ "$status" = 1 ]
for line in $(seq 12); do
	expect "line $line is named once: $(sed -n "${line}p" "$TMP/conf")" \
		[ "$(lines "$TMP/out" "$TMP/conf:$line\b")" = 1 ]
done
expect "without a key: the word that would allow it is said" \
	[ "$(lines "$TMP/out" "conf:1: .*'unauthenticated'")" = 1 ]

# refused TEXT PATTERN LINE...
refused()
{
	local text=$1 pattern=$2
	shift 2
	run_daemon 10 -d -x "$@"
	expect "$text: status 1 (was $status)" [ "$status" = 1 ]
	expect "$text: said" [ "$(lines "$TMP/out" "$pattern")" = 1 ]
	[ "$(lines "$TMP/out" "$pattern")" = 1 ] || cat "$TMP/out"
}
echo '1 SHA1 HEX:0123456789012345678901234567890123456789' >"$TMP/keys"
chmod 600 "$TMP/keys"
refused 'no key file' "'key 1' without 'keyfile'" 'broadcastclient key 1'
refused 'no such key' 'key 2\b' "keyfile $TMP/keys" 'broadcastclient key 2'
refused 'no such key to sign with' 'key 3\b' "keyfile $TMP/keys" 'local' 'broadcast 64 192.0.2.255 key 3'
refused 'bound to an address' "'bindaddress' exclude" 'bindaddress 127.0.0.1' \
	'multicastclient 224.0.1.1 unauthenticated'
refused 'bound to an address without a broadcast address' 'no interface that has any' \
	'bindaddress 127.0.0.1' 'port 11123' 'broadcastclient unauthenticated'
refused 'no port' "'port 0'" 'port 0' 'broadcastclient unauthenticated'
exit $((failures > 0))
