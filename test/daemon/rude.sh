#!/usr/bin/env bash
# rude: chrony's protocol, at the daemon's real sockets, asked by packets that no client sends (rude.c):
# nothing is answered with more than was asked with, nothing that deserves none is answered, not by
# who pretends to be another host's; and the daemon goes on, with what it knows unchanged.
# shellcheck disable=SC2154  # $pid, $BUILD: test/lib.sh
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc
command -v jq >/dev/null || skip_all "no jq"
mkdir -m 755 "$TMP/run"
start_daemon server -d --clock virtual 'port 11123' 'local stratum 1' allow 'pidfile none' 'controlsocket none'
start_daemon ours -d --clock virtual 'port 0' 'server 127.0.0.1 port 11123 minpoll 0 maxpoll 0 iburst' 'pidfile none' \
	'cmdport 323' "bindcmdaddress $TMP/run/chronyd.sock" "controlsocket $TMP/run/control.sock"
ours=$pid
say() { "$tools/speak" "$TMP/run/control.sock" "$1"; }
ready() { say status | json_is '.updates > 3'; }
await 12 ready || not_ok "ours is synchronised"
known() { say sources | jq -c '[.sources[] | {name, address, kind, online, options}]'; }
before=$(known)
# of NAME LINE
of() { sed -n "s/.*\(^\| \)$1=\([0-9]*\).*/\2/p" <<<"$2"; }

# The owner of the UNIX socket could give orders by it: asked here by somebody else, who may only read.
others=()
if [ "$(id -u)" = 0 ]; then
	chmod 777 "$TMP/run"
	chmod 666 "$TMP/run/chronyd.sock"
	others=(setpriv --reuid nobody --regid nogroup --clear-groups)
fi
for way in 323 "$TMP/run/chronyd.sock"; do
	as=("${others[@]}")
	[ "$way" != 323 ] || as=()
	line=$("${as[@]}" "$tools/rude" "$way" 1)
	name=${way##*/}
	expect "$name: ${line:-nothing}" \
		[ "$(of sent "$line")" -ge 4000 -a "$(of answered "$line")" -ge 800 ]
	expect "$name: no answer is longer than its question" [ "$(of longer "$line")" = 0 ]
	expect "$name: nothing else is answered, nothing twice" [ "$(of unasked "$line")" = 0 ]
	expect "$name: the daemon goes on" eval 'kill -0 $ours && say status | json_is .ok'
done
expect "what it knows is as it was" [ "$(known)" = "$before" ]
if [ "$(id -u)" = 0 ]; then
	ip addr add 198.51.100.1/32 dev lo
	line=$("$tools/rude" 323 2 198.51.100.1)
	expect "from an address that is no loopback's: no answer to $(of sent "$line")" \
		[ "$(of sent "$line")" -ge 4000 -a "$(of answered "$line")" = 0 ]
fi
n=$(say status | jq -r '.synchronised')
expect "and it is synchronised" [ "$n" = true ]
stop_daemon "$ours"
expect "it ends as it should (status $status)" [ "$status" = 0 ]
[ "$failures" = 0 ]
