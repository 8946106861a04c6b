#!/usr/bin/env bash
# What was served and to whom, as the control socket tells it: every request is counted once, in
# all and for its sender.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

begin() { # NAME PORT LINES...
	local name=$1 port=$2
	shift 2
	start_daemon "$name" -d -x "port $port" 'local stratum 1' 'allow 127.0.0.0/28' \
		'deny 127.0.0.8' "controlsocket $TMP/$name.sock" 'boundfile none' 'bindcmdaddress /' \
		"pidfile $TMP/$name.pid" "$@"
	await 5 test -s "$TMP/$name.pid" || { not_ok "$name starts"; finish; }
}
begin some 11123
begin few 11124 'clientloglimit 2048' 'allow 127.0.1.0/24'
begin none 11125 noclientlog

ask() { "$tools/speak" "$TMP/$1.sock" "$2"; }
# member FILE NAME: of the first object that has it
member() { sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" "$1"; }
# of ADDRESS NAME: what `clients` says of it
of() { tr '{' '\n' <"$TMP/clients" | sed 's/}.*//' | grep -F "\"address\":\"$1\"" >"$TMP/one" && member "$TMP/one" "$2"; }

for _ in 1 2 3; do "$tools/asker" one 127.0.0.2 127.0.0.1 11123 4 3 48; done >"$TMP/asked"
"$tools/asker" one 127.0.0.8 127.0.0.1 11123 4 3 48 >>"$TMP/asked" # denied
"$tools/asker" one 127.0.0.3 127.0.0.1 11123 4 4 48 >>"$TMP/asked" # an answer is no request
"$tools/asker" one 127.0.0.3 127.0.0.1 11123 4 3 20 >>"$TMP/asked" # short
# Where all is busy the stamps of a whole flood may come behind its end: then another.
tries=10
"$DAEMON" -v | grep -q -- -interleaved && tries=1
for _ in $(seq $tries); do
	"$tools/asker" flood 127.0.0.1 11123 200 >>"$TMP/flood"
	tail -n 1 "$TMP/flood" | grep -q 'interleaved 0' || break
done
echo "# $(wc -l <"$TMP/flood") floods"
ask some server >"$TMP/server"
ask some clients >"$TMP/clients"

count() { member "$TMP/server" "$1"; }
sent=$(awk '{ for (i = 1; i < NF; i++) if ($i == "sent") n += $(i + 1) } END { print n + 0 }' "$TMP/flood")
expect "all that was received is counted ($(count received), $sent of them a flood)" \
	[ "$(count received)" = $((sent + 6)) ]
expect "and is answered, denied or dropped" \
	[ "$(count received)" = $(($(count answered) + $(count denied) + $(count dropped))) ]
expect "denied: one, dropped: two" [ "$(count denied) $(count dropped)" = '1 2' ]
expect "answers are basic or interleaved ($(count basic), $(count interleaved))" \
	[ "$(count answered)" = $(($(count basic) + $(count interleaved))) ]
grep -q '"kernel":[1-9]' "$TMP/server" && stamped=yes || stamped=no
if [ $stamped = yes ] && ! "$DAEMON" -v | grep -q -- -interleaved; then
	expect "some are interleaved" [ "$(count interleaved)" -gt 0 ]
	expect "stamps are held for the next ($(count saved))" [ "$(count saved)" -gt 0 ]
	expect "the oldest is no older than this test ($(count saved_span_ns) ns)" \
		between 1 "$(count saved_span_ns)" 60000000000
fi

expect "who asked is told: three basic answers" [ "$(of 127.0.0.2 basic)" = 3 ]
expect "... one who is denied" [ "$(of 127.0.0.8 denied)" = 1 ]
expect "... two packets that are dropped" [ "$(of 127.0.0.3 dropped)" = 2 ]
expect "... the flood" [ $(($(of 127.0.0.1 basic) + $(of 127.0.0.1 interleaved))) = "$sent" ]

# 16 places, in two sets of eight: whoever was heard longest ago gives way. That fewer than eight of 60
# find either set has a chance of 1e-9.
for i in $(seq 60); do "$tools/asker" one 127.0.1.$i 127.0.0.1 11124 4 3 48; done >"$TMP/asked"
ask few clients >"$TMP/clients"
expect "16 of 60 are kept" [ "$(tr '{' '\n' <"$TMP/clients" | grep -c '"address"')" = 16 ]
expect "44 gave way" grep -q '"dropped":44,"next"' "$TMP/clients"
expect "the last is there" [ "$(of 127.0.1.60 basic)" = 1 ]
expect "the first is not" [ -z "$(of 127.0.1.1 basic)" ]

"$tools/asker" one 127.0.0.2 127.0.0.1 11125 4 3 48 >"$TMP/asked"
expect "noclientlog: nobody is remembered" eval 'ask none clients | grep -q "\"clients\":\[\]"'
expect "... who was answered" eval 'ask none server | grep -q "\"answered\":1,"'
finish
