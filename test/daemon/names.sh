#!/usr/bin/env bash
# Names of sources: several addresses, addresses that change, a name server that never answers.
# In mount and network namespaces of its own, with an /etc/hosts of its own; needs root.
. test/lib.sh
[ "$(id -u)" = 0 ] || skip_all "an /etc/hosts of one's own needs root"
if [ -z "${DS_PRIVATE:-}" ]; then
	unshare -n -m --propagation private true 2>/dev/null || skip_all "no right to make namespaces"
	rm -rf "$TMP"
	DS_PRIVATE=1 exec unshare -n -m --propagation private "$0" "$@"
fi
. test/daemon/lib.inc
ip link set lo up

# Written in place: the file itself is mounted.
printf '%s\n' '127.0.0.2 two.test' '127.0.0.3 two.test' '127.0.0.4 moving.test' \
	'127.0.0.2 single.test' '127.0.0.3 single.test' '::1 six.test' '127.0.0.2 both.test' '::1 both.test' >"$TMP/hosts"
echo 'multi on' >"$TMP/host.conf"
echo 'hosts: files dns' >"$TMP/nsswitch.conf"
printf '%s\n' 'nameserver 127.0.0.9' 'options timeout:30 attempts:5' >"$TMP/resolv.conf"
for file in hosts host.conf nsswitch.conf resolv.conf; do
	[ -e "/etc/$file" ] || { [ "$file" = host.conf ] && continue; skip_all "no /etc/$file here"; }
	mount --bind "$TMP/$file" "$(readlink -f "/etc/$file")" || skip_all "no right to mount"
done
[ "$(getent ahosts two.test | awk '{ print $1 }' | sort -u | wc -l)" = 2 ] ||
	skip_all "this C library does not give all addresses of a name in /etc/hosts"
# The name server: it hears everything and says nothing.
start_fake dns 127.0.0.9:53=silent
fast='port 11123 minpoll -3 maxpoll -3'

start_daemon server -d -x 'port 11123' 'local stratum 1' allow "pidfile $TMP/server.pid"
await 5 test -s "$TMP/server.pid" || { not_ok "a server starts"; finish; }
server=$pid

start_daemon pool -d -x 'port 0' "pool two.test maxsources 2 $fast" "pidfile $TMP/pool.pid"
pool=$pid
start_daemon wide -d -x 'port 0' "pool two.test maxsources 4 $fast" "pidfile $TMP/wide.pid"
wide=$pid
start_daemon twice -d -x 'port 0' "pool two.test maxsources 1 $fast" "pool single.test maxsources 1 $fast" \
	"pidfile $TMP/twice.pid"
twice=$pid
start_daemon single -d -x 'port 0' "server single.test $fast" "pidfile $TMP/single.pid"
single=$pid
start_daemon four -d -x -4 'port 0' "server both.test $fast" "server six.test $fast" "pidfile $TMP/four.pid"
four=$pid
start_daemon six -d -x 'port 0' "server both.test $fast ipv6" "pidfile $TMP/six.pid"
six=$pid
# Time runs ten times as fast for it: a name is asked again after 64 s.
start_fake moving 127.0.0.4:11201=good,good,good,silent 127.0.0.5:11201=good
start_shimmed moving SHIM_HASTE=10 -d -x 'port 0' "pidfile $TMP/moving.pid" \
	'server moving.test port 11201 minpoll 0 maxpoll 0'
moving=$pid

# A resolver that hangs: the others are measured and clients are served meanwhile.
start_daemon hanging -d -x 'port 11124' 'local stratum 1' allow "server hanging.test $fast" \
	"server 127.0.0.1 $fast" "server two.test $fast" "pidfile $TMP/hanging.pid"
hanging=$pid
expect "hanging: the daemon is ready all the same" await 5 test -s "$TMP/hanging.pid"
expect "hanging: the name server is asked" await 10 grep -q '^53 ' "$TMP/dns.asked"
worst=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	us=$("$tools/asker" one any 127.0.0.1 11124 4 3 48 | cut -d ' ' -f 6)
	[ "${us:-999999}" -le "$worst" ] || worst=${us:-999999}
done
expect "hanging: each of 10 requests is answered, in at most $worst us" [ "$worst" -lt 100000 ]
expect "hanging: other names are found meanwhile" await 5 grep -q '(two.test)' "$TMP/hanging.log"
expect "hanging: other sources are measured" await 5 grep -q 'Selected source 127.0.0.[12]' "$TMP/hanging.log"
sleep 0.8
child=$(cat "/proc/$hanging/task/$hanging/children" 2>/dev/null)
began=$SECONDS
stop_daemon "$hanging"
expect "hanging: ends cleanly (status $status)" [ "$status" = 0 ]
expect "hanging: at once" [ $((SECONDS - began)) -le 2 ]
if [ -n "$child" ]; then
	gone() { ! kill -0 "$1" 2>/dev/null; }
	# shellcheck disable=SC2086
	expect "hanging: the child that asked is gone" await 2 gone $child
else
	echo "skip - hanging: this kernel does not name children"
fi
n=$(sed -n 's/.*source 127.0.0.1:11123: .*answers=\([0-9]*\).*/\1/p' "$TMP/hanging.log")
expect "hanging: the source with an address had $n answers" [ "${n:-0}" -ge 3 ]

# moving: silent after three answers; the name gets another address; it is asked again.
asked() { [ "$(grep -c "^11201 " "$TMP/moving.asked")" -ge "$1" ]; }
await 10 asked 4 || not_ok "moving: the first address is asked"
expect "moving: its first address" [ "$(lines "$TMP/moving.log" 'source 127\.0\.0\.4 \(moving\.test\)')" = 1 ]
sed 's/^127.0.0.4 /127.0.0.5 /' "$TMP/hosts" >"$TMP/hosts.new"
cat "$TMP/hosts.new" >"$TMP/hosts"
expect "moving: is replaced by the new one" \
	await 20 grep -q 'source 127.0.0.4.*(moving.test) replaced by 127.0.0.5' "$TMP/moving.log"
before=$(grep -c '^11201 ' "$TMP/moving.asked")
expect "moving: which is asked" await 5 asked $((before + 5))
stop_daemon "$moving"
expect "moving: ends cleanly (status $status)" [ "$status" = 0 ]
n=$(sed -n 's/.*source 127.0.0.5:11201: .*answers=\([0-9]*\).*/\1/p' "$TMP/moving.log")
expect "moving: and answers (${n:-0} times)" [ "${n:-0}" -ge 3 ]
expect "moving: nothing is known of the first one any more" \
	[ "$(lines "$TMP/moving.log" 'source 127\.0\.0\.4:11201: requests')" = 0 ]

# addresses NAME: of its sources that answered
addresses() { sed -n 's/.*source \(.*\):11123: requests=.*answers=[1-9].*/\1/p' "$TMP/$1.log" | sort | xargs; }
for name in pool wide twice single four six; do
	stop_daemon "${!name}"
	expect "$name: ends cleanly (status $status)" [ "$status" = 0 ]
done
while read -r name wanted text; do
	got=$(addresses "$name")
	expect "$name: $text ($got)" [ "$got" = "${wanted//,/ }" ]
done <<-END
	pool 127.0.0.2,127.0.0.3 a name with two addresses gives two sources
	wide 127.0.0.2,127.0.0.3 two addresses give no more than two
	twice 127.0.0.2,127.0.0.3 two pools do not share an address
	four 127.0.0.2 -4 takes the IPv4 address only
	six [::1] ipv6 takes the IPv6 address only
END
expect "single: server takes one address ($(addresses single))" [ "$(addresses single | wc -w)" = 1 ]
expect "four: one line says that six.test has no address for it" \
	[ "$(lines "$TMP/four.log" 'six\.test')" = 1 ]
stop_daemon "$server"
finish
