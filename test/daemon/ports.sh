#!/usr/bin/env bash
# Ports that requests come from: a new one for each by default, one for all with acquisitionport,
# also where that is the server's own; and two servers never share a port.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

start_daemon first -d -x 'port 11131' 'local stratum 1' allow "pidfile $TMP/first.pid"
start_daemon second -d -x 'port 11132' 'local stratum 1' allow "pidfile $TMP/second.pid"
for name in first second; do
	await 5 test -s "$TMP/$name.pid" || { not_ok "$name starts"; finish; }
done

run_daemon 3 -d -x 'port 11131' 'local stratum 1' allow 'pidfile none'
expect "a second server on the port ends with 1" [ "$status" = 1 ]

start_fake fake 127.0.0.1:11134=good 127.0.0.1:11135=good
start_daemon fresh -d -x 'port 0' 'server 127.0.0.1 port 11135 minpoll -2 maxpoll -2' \
	"pidfile $TMP/fresh.pid"

# Three sources asked at the same moments from one port, which is also the port we serve on.
start_daemon both -d -x 'port 11133' 'local stratum 3' allow 'acquisitionport 11133' \
	'server 127.0.0.1 port 11131 minpoll -2 maxpoll -2 xleave' \
	'server 127.0.0.1 port 11132 minpoll -2 maxpoll -2 xleave' \
	'server 127.0.0.1 port 11134 minpoll -2 maxpoll -2' "pidfile $TMP/both.pid"
both=$pid
await 5 test -s "$TMP/both.pid" || { not_ok "both starts"; finish; }
sleep 2
asked=$("$tools/asker" one 127.0.0.2 127.0.0.1 11133 4 3 48 2>&1)
kill "$both"
wait "$both"
for port in 11131 11132; do
	line=$(grep "source 127.0.0.1:$port: requests" "$TMP/both.log")
	requests=${line#*requests=} && requests=${requests%% *}
	answers=${line#*answers=} && answers=${answers%% *}
	expect "the server on $port answered all requests but the last ($answers of $requests)" \
		[ "$answers" -ge 5 -a "$answers" -ge "$((requests - 1))" ]
done
case $asked in
answer*) ok "and whoever asks our server on that port is answered" ;;
*) not_ok "and whoever asks our server on that port is answered: $asked" ;;
esac
from() { awk -v port="$1" '$1 == port { print $4 }' "$TMP/fake.asked" | sort -u | tr '\n' ' '; }
expect "its requests came from the port that was named (seen: $(from 11134))" \
	[ "$(from 11134)" = "11133 " ]
set -- $(from 11135)
expect "without acquisitionport each request comes from a port of its own ($# ports seen)" \
	[ $# -ge 5 ]

# A socket hears anybody from when it is bound to the port until it is connected: that time is made
# long here, and the port is sent answers from the right address but another port, and from
# another address.
start_fake late 127.0.0.1:11137=good
start_shimmed slow SHIM_CONNECT=300000 -d -x 'port 0' 'acquisitionport 11138' \
	'server 127.0.0.1 port 11137 minpoll -1 maxpoll -1' 'pidfile none'
slow=$pid
for ((i = 0; i < 25; i++)); do
	for from in 127.0.0.1 127.0.0.9; do
		"$tools/asker" one $from 127.0.0.1 11138 4 4 48 >/dev/null &
	done
	sleep 0.1
done
stop_daemon "$slow"
line=$(grep "source 127.0.0.1:11137: requests" "$TMP/slow.log")
requests=${line#*requests=} && requests=${requests%% *}
answers=${line#*answers=} && answers=${answers%% *}
n=$(counter wrong-address "$TMP/slow.log")
expect "acquisitionport: $n answers from another address or port before connect() are dropped" \
	[ "$n" -ge 5 ]
expect "and the true ones after them are taken ($answers of $requests)" \
	[ "$answers" -ge 3 -a "$answers" -ge "$((requests - 1))" ]
n=$(($(counter origin "$TMP/slow.log") + $(counter mode "$TMP/slow.log")))
expect "none of them came as far as the protocol ($n)" [ "$n" = 0 ]
finish
