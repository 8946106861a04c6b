#!/usr/bin/env bash
# What an operator orders of a running daemon by its control socket: sources that go offline, come
# and go, folders that are read again, a step; and that who may only ask orders nothing.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

socket=$TMP/client.sock
speak=$tools/speak
mkdir "$TMP/sources.d"
echo 'server 127.0.0.3 port 11123 minpoll -3 maxpoll -3' >"$TMP/sources.d/a.sources"
fast='port 11123 minpoll -3 maxpoll -3'
quiet=('port 0' 'boundfile none' 'bindcmdaddress /')
start_daemon server -d -x 'port 11123' 'local stratum 1' allow "pidfile $TMP/server.pid" \
	'controlsocket none' 'boundfile none' 'bindcmdaddress /'
start_daemon client -d --clock virtual,offset=0.05 "${quiet[@]}" 'maxslewrate 10' \
	"pidfile $TMP/client.pid" "controlsocket $socket" 'controlgroup nogroup' \
	"server 127.0.0.2 $fast" "server 127.0.0.9 $fast offline" "sourcedir $TMP/sources.d" \
	"logdir $TMP" 'log measurements'
client=$pid
await 5 test -S "$socket" || { not_ok "a control socket is there"; finish; }

# ask WORDS...: the answer to one line
ask() { "$speak" "$socket" "$*"; }
# does WORDS...: it is done
does() { ask "$@" | grep -q '"ok":true'; }
# refuses REASON WORDS...
refuses()
{
	local reason=$1
	shift
	ask "$@" | grep -q "\"ok\":false,.*\"reason\":\"$reason\""
}
# of ADDRESS MEMBER: what `sources` says of it; nothing where it is none
of() { ask sources | tr '{' '\n' | sed -n "s/.*\"address\":\"$1\",.*\"$2\":\"\{0,1\}\([^,\"}]*\).*/\1/p"; }
requests() { of "$1" requests; }
answers_from() { [ "$(of "$1" answers)" -gt "${2:-0}" ] 2>/dev/null; }
is_there() { [ -n "$(of "$1" requests)" ]; }
is_gone() { ! is_there "$1"; }

expect "both sources answer" await 5 eval 'answers_from 127.0.0.2 && answers_from 127.0.0.3'
expect "one that is configured offline is not asked" [ "$(requests 127.0.0.9)" = 0 ]

does offline 127.0.0.2
asked=$(requests 127.0.0.2) other=$(requests 127.0.0.3)
sleep 1
expect "offline: nothing is sent" [ "$(requests 127.0.0.2)" = "$asked" ]
expect "offline: others are asked" [ "$(requests 127.0.0.3)" -gt "$other" ]
expect "offline: nobody follows it ($(of 127.0.0.2 state))" [ "$(of 127.0.0.2 state)" = unreachable ]
expect "a burst of one that is offline" does burst 3/3 127.0.0.2
expect "a burst has its requests" await 5 eval "[ \$(requests 127.0.0.2) = $((asked + 3)) ]"
sleep 0.5
expect "after it, it is silent again" [ "$(requests 127.0.0.2)" = $((asked + 3)) ]
expect "online" does online 127.0.0.0/8
expect "online: all are asked" await 5 eval 'answers_from 127.0.0.9 && answers_from 127.0.0.2 5'

expect "a source is added" does add server 127.0.0.4 "$fast"
expect "it is asked" await 5 answers_from 127.0.0.4
expect "what is no source is not added" refuses bad-arguments add allow all
expect "nor what stands there already" refuses refused add server 127.0.0.4
expect "nor one whose key nobody has" refuses refused add server 127.0.0.5 key 7
expect "it is deleted" does delete 127.0.0.4
expect "it is gone" is_gone 127.0.0.4
selected=$(ask status | sed -n 's/.*"source":"\([^"]*\)".*/\1/p')
does delete "$selected"
expect "without the selected one ($selected) another is selected" await 5 eval \
	'ask status | grep -q "\"synchronised\":true,.*\"source\":\"127"'
expect "there is no such source" refuses no-such-source delete "$selected"

echo 'server 127.0.0.6 port 11123 minpoll -3 maxpoll -3' >"$TMP/sources.d/b.sources"
expect "reload" does reload
expect "reload: a new file's source is asked" await 5 answers_from 127.0.0.6
asked=$(requests 127.0.0.6)
echo 'sever 127.0.0.7' >"$TMP/sources.d/a.sources"
ask reload >"$TMP/reload.json"
expect "reload: an error is told with its file and line" grep -q '"ok":false.*/a.sources:1: ' "$TMP/reload.json"
expect "reload: then nothing has changed" [ "$(requests 127.0.0.6)" -ge "$asked" ]
echo 'server 127.0.0.7 port 11123 minpoll -3 maxpoll -3' >"$TMP/sources.d/a.sources"
expect "reload: mended" does reload sources
expect "reload: one gone, one come" eval 'is_gone 127.0.0.3 && is_there 127.0.0.7'
expect "reload: who stays goes on" [ "$(requests 127.0.0.6)" -ge "$asked" ]

await 5 eval 'ask status | grep -q "\"synchronised\":true"'
left() { ask status | sed -n 's/.*"remaining_ns":\(-\{0,1\}[0-9]*\).*/\1/p'; }
expect "the clock is slewed, slowly ($(left) ns left)" eval '[ "$(left)" -lt -10000000 ]'
expect "makestep" does makestep
expect "makestep: nothing is left ($(left) ns)" between -1000000 "$(left)" 1000000
expect "makestep: the log says so" [ "$(lines "$TMP/client.log" 'clock was stepped by -0\.0[45]')" = 1 ]

mv "$TMP/measurements.log" "$TMP/measurements.log.1"
expect "cyclelogs" does cyclelogs
expect "cyclelogs: the log goes on in a new file" await 5 samples "$TMP/measurements.log" 2

if [ "$(id -u)" = 0 ]; then
	nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$speak" "$socket" "$*"; }
	expect "who is of the group may ask" eval 'nobody sources | grep -q "\"ok\":true"'
	for order in 'offline' 'online' 'burst 1/1' 'makestep' 'reload' 'add server 127.0.0.8' \
		'delete 127.0.0.6' 'cyclelogs'; do
		expect "... and not order: $order" eval "nobody $order | grep -q '\"reason\":\"not-allowed\"'"
	done
fi

# Nothing grows with what is ordered.
resident() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$client/status"; }
files() { find "/proc/$client/fd" -type l | wc -l; }
turn() { does add server 127.0.0.8 "$fast" && does reload && does delete 127.0.0.8; }
turn
turn
before=$(resident)
for _ in $(seq 100); do turn || { not_ok "a turn of orders"; break; }; done
after=$(resident)
expect "100 additions and deletions: as much memory as before ($before kB, $after kB)" \
	[ "$after" -le $((before + 64)) ]
does offline
expect "... and no descriptors left ($(files))" [ "$(files)" -le 16 ]
stop_daemon "$client"
expect "the daemon ends well (status $status)" [ "$status" = 0 ]
finish
