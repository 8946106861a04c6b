#!/usr/bin/env bash
# The server's side of the running daemon: whom it answers, what, from where, and how it takes a
# flood.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

if [ -n "${DS_ISOLATED:-}" ]; then
	ip addr add 192.0.2.1/24 dev lo
	ip addr add 192.0.2.2/24 dev lo
	ip -6 addr add fd00:118::1/64 dev lo nodad 2>/dev/null
	ip -6 addr add fd00:118::2/64 dev lo nodad 2>/dev/null
fi
start_daemon all -d -x 'port 11123' 'local stratum 1' allow "pidfile $TMP/all.pid"
all=$pid
start_daemon some -d -x 'port 11124' 'local stratum 1' 'allow 127.0.0.0/28' 'deny 127.0.0.8/30' \
	'allow 127.0.0.9' "pidfile $TMP/some.pid"
some=$pid
start_daemon nobody -d -x 'port 11125' 'local stratum 1' "pidfile $TMP/nobody.pid"
nobody=$pid
start_daemon unsynchronised -d -x 'port 11126' allow "pidfile $TMP/unsynchronised.pid"
unsynchronised=$pid
start_daemon bound -d -x 'port 11127' 'local stratum 1' allow 'bindaddress 127.0.0.3' \
	"pidfile $TMP/bound.pid"
bound=$pid
for name in all some nobody unsynchronised bound; do
	await 5 test -s "$TMP/$name.pid" || { not_ok "$name starts"; finish; }
done

# ask FROM TO PORT VERSION MODE LENGTH: "answer LENGTH VERSION MODE ADDRESS", or "silence"
ask() { "$tools/asker" one "$@" | cut -d ' ' -f 1-5; }
# asks TEXT EXPECTED ARGUMENTS...: side by side, reported later in this order
asks=0
asks()
{
	asks=$((asks + 1))
	echo "$1" >"$TMP/ask.$asks.text"
	echo "$2" >"$TMP/ask.$asks.expected"
	ask "${@:3}" >"$TMP/ask.$asks.got" 2>&1 &
	asked+=("$!")
}
asked=()
report()
{
	wait "${asked[@]}"
	for ((i = 1; i <= asks; i++)); do
		got=$(cat "$TMP/ask.$i.got")
		expect "$(cat "$TMP/ask.$i.text"): $got" [ "$got" = "$(cat "$TMP/ask.$i.expected")" ]
	done
	asks=0 asked=()
}

for version in 1 2 3 4; do
	asks "version $version" "answer 48 $version 4 127.0.0.1" any 127.0.0.1 11123 $version 3 48
done
asks "version 1, mode 0" "answer 48 1 4 127.0.0.1" any 127.0.0.1 11123 1 0 48
for version in 0 5 6 7; do
	asks "version $version" silence any 127.0.0.1 11123 $version 3 48
done
# A symmetric active host whom we do not know is answered as a passive one, like a client.
for version in 1 4; do
	asks "version $version, mode 1" "answer 48 $version 2 127.0.0.1" any 127.0.0.1 11123 $version 1 48
done
for mode in 0 2 4 5 6 7; do
	asks "mode $mode" silence any 127.0.0.1 11123 4 $mode 48
done
for mode in 2 4 5 6 7; do
	asks "version 1, mode $mode" silence any 127.0.0.1 11123 1 $mode 48
done
for mode in 6 7; do
	asks "version 2, mode $mode, 12 bytes" silence any 127.0.0.1 11123 2 $mode 12
done
for length in 0 1 47; do
	asks "$length bytes: nothing shorter than an answer is answered" silence \
		any 127.0.0.1 11123 4 3 $length
done
for length in 52 68 72; do
	asks "$length bytes: a MAC that cannot be checked" silence any 127.0.0.1 11123 4 3 $length
done
for length in 49 56 60 1024 1025 1400; do
	asks "$length bytes: no NTP packet" silence any 127.0.0.1 11123 4 3 $length
done
for i in 1 7 9; do
	asks "allowed 127.0.0.$i" "answer 48 4 4 127.0.0.1" 127.0.0.$i 127.0.0.1 11124 4 3 48
done
for i in 8 10 11 16 200; do
	asks "not allowed 127.0.0.$i" silence 127.0.0.$i 127.0.0.1 11124 4 3 48
done
asks "not allowed ::1" silence any ::1 11124 4 3 48
asks "nobody is allowed" silence any 127.0.0.1 11125 4 3 48
asks "not synchronised" "answer 48 4 4 127.0.0.1" any 127.0.0.1 11126 4 3 48
for i in 1 2 77; do
	asks "wildcard socket, asked at 127.0.0.$i" "answer 48 4 4 127.0.0.$i" \
		any 127.0.0.$i 11123 4 3 48
done
asks "bindaddress 127.0.0.3" "answer 48 4 4 127.0.0.3" any 127.0.0.3 11127 4 3 48
asks "bindaddress 127.0.0.3, asked at 127.0.0.1" silence any 127.0.0.1 11127 4 3 48
if [ -n "${DS_ISOLATED:-}" ]; then
	for i in 1 2; do
		asks "wildcard socket, asked at 192.0.2.$i" "answer 48 4 4 192.0.2.$i" \
			127.0.0.1 192.0.2.$i 11123 4 3 48
	done
fi
if [ -e /proc/net/if_inet6 ]; then
	asks "IPv6" "answer 48 4 4 ::1" any ::1 11123 4 3 48
fi
if [ -n "${DS_ISOLATED:-}" ] && grep -q fd000118 /proc/net/if_inet6 2>/dev/null; then
	for i in 1 2; do
		asks "wildcard socket, asked at fd00:118::$i" "answer 48 4 4 fd00:118::$i" \
			::1 fd00:118::$i 11123 4 3 48
	done
fi
report
expect "nobody allowed: no socket is open" [ "$(lines "$TMP/nobody.log" 'cannot serve')" = 0 ]

got=$("$tools/asker" many 127.0.0.1 11123 64)
expect "64 clients at once: $got" [ "$got" = 'answered 64' ]
got=$("$tools/asker" many 127.0.0.1 11123 200)
expect "200 clients at once: $got" [ "$got" = 'answered 200' ]
for name in all some nobody unsynchronised bound; do
	stop_daemon "${!name}"
	expect "$name: ends cleanly (status $status)" [ "$status" = 0 ]
done
n=$(counter request-denied "$TMP/some.log")
expect "some: request-denied counted $n times of 6" [ "$n" = 6 ]
n=$(counter request-mode "$TMP/all.log")
expect "all: request-mode counted $n times of 11" [ "$n" = 11 ]
n=$(counter request-auth "$TMP/all.log")
expect "all: request-auth counted $n times of 3" [ "$n" = 3 ]

# Floods: one client, 20000 interleaved requests, as fast as it can; the daemon stopped for 100 ms
# in the middle; then again with a small receive buffer that is full again whenever the daemon sends:
# drivestamps get lost, since they share it.
served() { sed -n "s/.* served: .*\b$1=\([0-9]*\).*/\1/p" "$TMP/$2.log"; }
flood()
{
	local name=$1 id=$2 sent answers interleaved basic bogus asked got missing awaited other
	read -r _ sent _ answers _ interleaved _ basic _ bogus < <("$tools/asker" flood 127.0.0.1 11128 20000 "$id")
	stop_daemon "$id"
	expect "$name: ends cleanly (status $status)" [ "$status" = 0 ]
	expect "$name: 20000 requests were sent" [ "$sent" = 20000 ]
	expect "$name: $answers answers, none bogus" [ "$bogus" = 0 ]
	expect "$name: each is basic ($basic) or interleaved ($interleaved)" \
		[ $((basic + interleaved)) = "$answers" ]
	expect "$name: the daemon sent at least as many ($(served answers "$name"))" \
		[ "$(served answers "$name")" -ge "$answers" ]
	asked=$(served drivestamps-asked "$name") got=$(served drivestamps "$name")
	missing=$(counter stamp-missing "$TMP/$name.log") awaited=$(served drivestamps-awaited "$name")
	expect "$name: no more interleaved answers ($(served interleaved "$name")) than drivestamps ($got)" \
		[ "$(served interleaved "$name")" -le "$got" ]
	expect "$name: of $asked drivestamps $got came, $missing are missing, $awaited awaited" \
		[ $((got + missing + awaited)) = "$asked" ]
	lost=$((missing + awaited))
	other=$(counter slot-no-drivestamp "$TMP/$name.log")
	expect "$name: requests for a missing one were answered basic ($other)" \
		[ "$other" -le "$basic" ]
}
if "$DAEMON" -v | grep -q -- -interleaved; then
	echo "skip - floods: built without interleaved mode"
	finish
fi
start_daemon flood -d -x 'port 11128' 'local stratum 1' allow "pidfile $TMP/flood.pid"
await 5 test -s "$TMP/flood.pid" || not_ok "flood starts"
flood flood "$pid"
start_shimmed tight "SHIM_BUFFER=65536 SHIM_DELAY=3000" -d -x 'port 11128' 'local stratum 1' allow \
	"pidfile $TMP/tight.pid"
await 5 test -s "$TMP/tight.pid" || not_ok "tight starts"
flood tight "$pid"
expect "tight: drivestamps were lost ($lost)" [ "$lost" -ge 1 ]
finish
