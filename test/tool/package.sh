#!/usr/bin/env bash
# package: ./run package builds what lintian has nothing to say of; what is in it stands where it belongs;
# units are as tight as they say; the AppArmor profile parses; hooks take addresses alone.
. test/lib.sh
. .ci/packages.sh
. test/packages.inc

command -v dpkg-buildpackage >/dev/null || command -v apt-get >/dev/null || skip_all "no Debian"
need_packages lintian apparmor systemd logrotate >/dev/null 2>&1 || skip_all "packages of the check are missing"
build_packages || { not_ok "it builds"; tail -n 30 "$PACKAGES/said"; exit 1; }
ok "it builds"
for name in drivestamp drivestamp-tools; do
	deb=$(echo "$PACKAGES/${name}"_*.deb)
	said=$(lintian --allow-root --fail-on error,warning "$deb" 2>&1) && clean=yes || clean=
	expect "lintian has nothing to say of $name" [ -n "$clean" ]
	[ -n "$clean" ] || echo "$said"
	dpkg -x "$deb" "$TMP/$name"
done
units=lib/systemd # until Debian 12
[ -e "$TMP/drivestamp/$units" ] || units=usr/lib/systemd
holds() { expect "$1 has $2" [ -e "$TMP/$1/$2" ]; }
for file in usr/bin/drivestamp usr/sbin/drivestampd usr/share/man/man5/drivestampd.conf.5.gz \
	usr/include/drivestamp/bound.h $units/system/drivestamp-shadow.service; do
	holds drivestamp-tools "$file"
done
for file in $units/system/drivestamp.service etc/drivestamp/drivestamp.conf \
	$units/ntp-units.d/50-drivestamp.list etc/logrotate.d/drivestamp; do
	holds drivestamp "$file"
done
expect "drivestamp-tools can stand beside another daemon, drivestamp takes its place" eval \
	'! dpkg -f "$PACKAGES"/drivestamp-tools_*.deb Conflicts Provides | grep -q time-daemon &&
	[ "$(dpkg -f "$PACKAGES"/drivestamp_*.deb Provides Conflicts Replaces | grep -c time-daemon)" = 3 ]'

# The configuration that comes with it, by the daemon that comes with it.
daemon=$TMP/drivestamp-tools/usr/sbin/drivestampd
said=$("$daemon" -p -f "$TMP/drivestamp/etc/drivestamp/drivestamp.conf" 2>&1) && good=yes || good=
expect "its configuration is good" [ -n "$good" ]
[ -n "$good" ] || echo "$said"

# exposure UNIT LIMIT: of systemd-analyze security, in tenths
exposure()
{
	local unit=$TMP/$1/$units/system/$2
	systemd-analyze security --offline=true --threshold="$3" "$unit" >"$TMP/security" 2>&1
	local status=$?
	expect "$(tail -n 1 "$TMP/security" | tr -dc 'A-Za-z0-9 .:-'), at most $3 tenths" [ $status = 0 ]
}
exposure drivestamp drivestamp.service 19
exposure drivestamp drivestamp-wait.service 10
exposure drivestamp drivestamp-exporter.service 15
exposure drivestamp-tools drivestamp-shadow.service 19
said=$(apparmor_parser -Q -K "$TMP/drivestamp/etc/apparmor.d/usr.sbin.drivestampd" 2>&1) && good=yes || good=
expect "the AppArmor profile parses" [ -n "$good" ]
[ -n "$good" ] || echo "$said"

# ---- DHCP ----

export DRIVESTAMP_DHCP=$TMP/dhcp DRIVESTAMP_NO_RELOAD=1
hook=$TMP/drivestamp/usr/lib/drivestamp/dhcp-servers
"$hook" eth0 192.0.2.1 2001:db8::1 '$(touch /tmp/x)' 'a;b' 2>"$TMP/said"
expect "addresses become sources, what is none is said" eval \
	'[ "$(cat "$TMP/dhcp/eth0.sources")" = "server 192.0.2.1 iburst
server 2001:db8::1 iburst" ] && [ "$(wc -l <"$TMP/said")" = 2 ]'
printf 'sourcedir %s\n' "$TMP/dhcp" >"$TMP/dhcp.conf"
expect "the daemon reads them" eval '"$daemon" -p -f "$TMP/dhcp.conf" | grep -q "server 192.0.2.1"'
"$hook" eth0
expect "they go with the lease" [ ! -e "$TMP/dhcp/eth0.sources" ]
expect "an interface's name is looked at" eval '! "$hook" ../etc 192.0.2.1 2>/dev/null'
[ "$failures" = 0 ]
