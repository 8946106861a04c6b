#!/usr/bin/env bash
# Lines about peers that cannot be meant: each is named in one run.
. test/lib.sh

echo "1 AES128 HEX:00112233445566778899aabbccddeeff" >"$TMP/keys"
chmod 600 "$TMP/keys"
cat >"$TMP/conf" <<-END
	peer
	peer 192.0.2.1 presend 6 key 1
	peer 192.0.2.2 maxpeers 2
	peer 192.0.2.3 minpoll 5 maxpoll 4
	ephemeral
	ephemeral maxpeers 2
	ephemeral key 1 maxpeers 0
	ephemeral key 1 maxpeers 17
	ephemeral 192.0.2.4 key 1
	ephemeral key 1 port 123
	server 192.0.2.5 maxpeers 1
END
run_daemon 10 -d -x -f "$TMP/conf"
expect "ends with status 1 (was $status)" [ "$status" = 1 ]
for line in 1 2 3 4 5 6 7 8 9 10 11; do
	expect "line $line is an error: $(sed -n "${line}p" "$TMP/conf")" \
		[ "$(lines "$TMP/out" "[0-9]Z $TMP/conf:$line\b")" = 1 ]
done
[ $failures = 0 ] || cat "$TMP/out"

run_daemon 10 -d -x "keyfile $TMP/keys" "peer 127.0.0.1 key 1" "port 0"
expect "'port 0' and a peer exclude each other (status $status)" [ "$status" = 1 ]
expect "and the message says so" [ "$(lines "$TMP/out" "'peer' .*needs the port that 'port 0' closes")" = 1 ]
run_daemon 10 -d -x "keyfile $TMP/keys" "ephemeral key 2"
expect "an ephemeral key that is not in the file (status $status)" [ "$status" = 1 ]
run_daemon 10 -d -x "ephemeral key 1"
expect "an ephemeral key without a file (status $status)" [ "$status" = 1 ]
run_daemon 10 -p "peer 192.0.2.1 burst"
expect "'burst' of a peer is a warning (status $status)" [ "$status" = 0 ]
expect "that says what becomes of it" [ "$(lines "$TMP/out" "'burst' does not work with peers")" = 1 ]
[ $failures = 0 ] || cat "$TMP/out"
exit $((failures > 0))
