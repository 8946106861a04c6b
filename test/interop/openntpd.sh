#!/bin/sh
# OpenNTPD's client takes our server's answers, without the right to touch the clock. It needs a
# user and a folder of its own: both exist in its mount namespace only. Takes 20 s.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/interop/lib.inc"

need_peer openntpd openntpd
need_daemon openntpd
command -v unshare >/dev/null || {
	skip "openntpd: no unshare (package util-linux)"
	tally
}
ns_begin openntpd
ns_add s
ns_add c
ns_join s c 1
host server s drivestampd "local stratum 1
allow"

mkdir -p "$ns_dir/o/etc" "$ns_dir/o/lib/openntpd/db" "$ns_dir/o/lib/openntpd/run" "$ns_dir/o/run"
chmod 755 "$ns_dir" "$ns_dir/o" "$ns_dir/o/lib" "$ns_dir/o/lib/openntpd"
{
	cat /etc/passwd
	for user in openntpd _ntpd ntpd; do
		echo "$user:x:64999:64999::/run/openntpd:/usr/sbin/nologin"
	done
} >"$ns_dir/o/etc/passwd"
{
	cat /etc/group
	for user in openntpd _ntpd ntpd; do echo "$user:x:64999:"; done
} >"$ns_dir/o/etc/group"
printf 'server 10.118.1.1\nserver fd00:118:1::1\n' >"$ns_dir/o/etc/ntpd.conf"
cat >"$ns_dir/o/start" <<END
mount --bind $ns_dir/o/etc/passwd /etc/passwd
mount --bind $ns_dir/o/etc/group /etc/group
mount --bind $ns_dir/o/lib /var/lib
mount -t tmpfs tmpfs /run
mkdir -m 755 /run/openntpd
exec "$openntpd" -d -v -f $ns_dir/o/etc/ntpd.conf
END
ns_start c "$ns_dir/o/log" unshare --mount --propagation private sh "$ns_dir/o/start"
sleep 18

# Its log tells each accepted answer with offset and delay.
six=fd00:118:1::1
ns_ipv6 s || {
	six=
	skip "OpenNTPD over IPv6: the kernel has none"
}
for address in 10.118.1.1 $six; do
	name="OpenNTPD's client takes our server's answers, $address"
	set -- $(awk -v a="$address" 'index($0, "reply from " a ":") {
			n++; sub(/.*offset /, ""); v = $1 + 0; big += v > 0.01 || v < -0.01
		} END { print n + 0, big + 0 }' "$ns_dir/o/log")
	if [ "$1" -ge 2 ] && [ "$2" -eq 0 ]; then
		ok "$name: $1 answers, none over 10 ms"
	else
		not_ok "$name" "$1 answers, $2 of them over 10 ms"
		tail -n 8 "$ns_dir/o/log" | sed 's/^/#   /'
	fi
done
tally
