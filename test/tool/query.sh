#!/usr/bin/env bash
# query: asks our own server over loopback, in both modes, and says what it must when there is
# nothing to ask.
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh
isolate "$@"

TOOL=$BUILD/tool/drivestamp
query()
{
	status=0
	timeout -k 5 60 "$TOOL" query "$@" >"$TMP/out" 2>&1 </dev/null || status=$?
}
says() { grep -qE -- "$1" "$TMP/out" || { cat "$TMP/out"; return 1; }; }
times() { [ "$(grep -cE -- "$2" "$TMP/out")" = "$1" ] || { cat "$TMP/out"; return 1; }; }
ended() { [ "$status" = "$1" ] || { echo "status $status"; cat "$TMP/out"; return 1; }; }
# server NAME PORT DIRECTIVE...
server()
{
	local name=$1 port=$2
	shift 2
	start_daemon "$name" -d -x -u root 'local stratum 1' "port $port" 'cmdport 0' \
		"pidfile $TMP/$name.pid" "$@"
	await 5 test -e "$TMP/$name.pid" || cat "$TMP/$name.log"
}

server open 11200 'allow'
server plain 11201 'allow' 'noclientlog'
server shut 11202 'allow 192.0.2.0/24'

query --count 3 --interval 0.05 127.0.0.1:11200
expect "basic: status 0" ended 0
expect "basic: three exchanges whose T3 is called a guess" \
	times 3 '^ +[0-9]+ +basic +(kernel|daemon) +server +guess +(kernel|daemon) '
expect "basic: the verdict offers --interleaved" says 'All answers were basic, as asked'

query --interleaved --count 13 --interval 0.05 --json 127.0.0.1:11200
expect "interleaved: status 0" ended 0
if "$TOOL" query --interleaved --count 2 --interval 0.05 127.0.0.1:11200 |
	grep -q 'no interleaved mode'; then
	echo "skip - interleaved: this build has no interleaved mode"
else
	expect "interleaved: basic and interleaved answers alternate" \
		times 6 '"number": [0-9]*[13579], .*"answer": "interleaved"'
	expect "interleaved: each tells when the basic answer before it left" \
		times 6 '"previous_t3_real_minus_guess_ns": -?[0-9]+'
	expect "interleaved: they are of set 1, whose T3 is a drivestamp" \
		times 6 '"kind": "set1", .*"t3": "drivestamp"'
	expect "interleaved: the verdict says so" says 'The server interleaves \(6 of 13'

	query --interleaved --count 6 --interval 0.05 127.0.0.1:11201
	expect "a server that does not interleave is told" \
		says 'does not interleave: it answered 5 requests'
	query --interleaved --count 2 --interval 0.05 127.0.0.1:11200
	expect "two answers are too few for a verdict" says 'Too few answers to tell'
fi

if [ -e /proc/net/if_inet6 ]; then
	query -6 --count 2 --interval 0.05 '[::1]:11200'
	expect "IPv6: status 0, two exchanges" times 2 '^ +[0-9]+ +basic '
else
	echo "skip - IPv6: none here"
fi

query --count 2 --interval 0.05 127.0.0.1:11209
expect "nobody there: status 1" ended 1
expect "nobody there: said so" times 2 'refused: nobody listens'
query --count 2 --interval 0.05 --timeout 0.2 127.0.0.1:11202
expect "a silent server: status 1" ended 1
expect "a silent server: lost after the timeout" times 2 'no answer within 0\.2 s'

query --interval 0.5 192.0.2.1
expect "less than a second to a stranger is refused" says 'at least 1 towards'
expect "with status 2" ended 2
query --cuont 3 127.0.0.1
expect "an unknown option: the nearest is named" says "the nearest is '--count'"
expect "and status 2" ended 2
query --count 0 127.0.0.1
expect "a value out of range: option, value and range are named" \
	says "\-\-count: '0' is not a whole number from 1 to 1000"
query 127.0.0.1:99999
expect "a bad port" says "'127.0.0.1:99999' is not HOST"
query
expect "no host: status 2" ended 2
query name.invalid
expect "a name that is not known: status 1, one line" times 1 "cannot find 'name.invalid'"
status=0
"$TOOL" qurey >"$TMP/out" 2>&1 || status=$?
expect "an unknown verb: the nearest is named" says "the nearest is 'query'"

exit $((failures > 0))
