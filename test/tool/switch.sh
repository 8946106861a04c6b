#!/usr/bin/env bash
# switch: `drivestamp switch` on folders that are laid out as machines are: the daemon that keeps the
# time is found, the steps are whole and in order, and the import that they name works. It must
# never run a step on this machine.
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh

TOOL=$(readlink -f "$BUILD/tool/drivestamp")
# shellcheck source=/dev/null
. .ci/packages.sh
need_packages jq 2>/dev/null || :
command -v jq >/dev/null || skip_all "switch: no jq"

valid()
{
	"$TOOL" switch --json "$@" >"$TMP/json" || return 1
	jq -r -n --slurpfile schema doc/switch.schema.json -f test/doctor/validate.jq "$TMP/json" >"$TMP/bad" 2>&1
	[ ! -s "$TMP/bad" ] || { head "$TMP/bad"; return 1; }
}
is() { json_is "$1" "$TMP/json" || { jq -c '[.from, .warnings, [.steps[].title]]' "$TMP/json"; return 1; }; }
titles() { [ "$(jq -r '[.steps[].title] | join(", ")' "$TMP/json")" = "$1" ] || { jq -r '.steps[].title' "$TMP/json"; return 1; }; }

# machine NAME: an empty one in $root
machine()
{
	root=$TMP/$1
	mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/usr/lib/systemd/system" \
		"$root/var/lib/dpkg" "$root/usr/sbin"
	: >"$root/usr/lib/systemd/systemd"
	: >"$root/var/lib/dpkg/status"
}
package() { printf 'Package: %s\nStatus: install ok installed\n\n' "$1" >>"$root/var/lib/dpkg/status"; }
enable()
{
	: >"$root/usr/lib/systemd/system/$1"
	ln -s "/usr/lib/systemd/system/$1" "$root/etc/systemd/system/multi-user.target.wants/$1"
}

# ---- chrony on Debian, with gpsd's socket, hooks, a drift file ----

machine chrony
package chrony
enable chrony.service
mkdir -p "$root/etc/chrony" "$root/var/lib/chrony" "$root/etc/dhcp/dhclient-exit-hooks.d"
cp test/import/chrony-stratum1.conf "$root/etc/chrony/chrony.conf"
echo '-12.5 0.1' >"$root/var/lib/chrony/chrony.drift"
: >"$root/etc/dhcp/dhclient-exit-hooks.d/chrony"
expect "chrony: valid JSON" valid --root "$root"
expect "chrony: it is the one" is '.from == "chrony" and .done == false'
expect "chrony: the steps" titles "Install the programs beside the old daemon, Import its configuration, Let it run in shadow, for an hour or a week, Stop the old daemon, Take over what it has learnt of the clock, Install the service, Put the configuration in its place, Give the service the rights that it needs, Start drivestampd, Start gpsd again, See whether it works, Servers from DHCP, and the like"
expect "chrony: stopped by its unit, and started by it" \
	is '.steps[3] | .command == "systemctl disable --now chrony.service" and .undo == "systemctl enable --now chrony.service"'
expect "chrony: the way back of the package" is '.steps[5].undo == "apt install chrony; rm /usr/local/bin/chronyc"'
mkdir -p "$root/etc/chrony"
for file in /etc/chrony/my.keys '/etc/chrony/a;b'; do
	: >"$root$file"
	sed "\$a keyfile $file" test/import/chrony-stratum1.conf >"$root/etc/chrony/chrony.conf"
	valid --root "$root" || :
	jq -r '.steps[6].command' "$TMP/json"
done >"$TMP/keys"
expect "chrony: its keys are put in their place, and a name that a shell would take for more is not told" \
	eval 'grep -q "_drivestamp /etc/chrony/my.keys /etc/drivestamp/drivestamp.keys" "$TMP/keys" && ! grep -q ";b" "$TMP/keys"'
cp test/import/chrony-stratum1.conf "$root/etc/chrony/chrony.conf"
valid --root "$root"
expect "chrony: the rights that its configuration takes" \
	is '.steps[7] | (.command | test("drop-ins/serve.conf") and endswith("\nsystemctl daemon-reload")) and (.undo | test("^rm .*/serve.conf"))'
expect "chrony: the hook and the socket" \
	is '.facts | .hooks == ["/etc/dhcp/dhclient-exit-hooks.d/chrony"] and .sockets == ["/run/chrony.ttyS0.sock"]'
expect "each step that changes something says how to go back" \
	is '[.steps[0:8][] | select(.command != null and .undo == null)] == []'
expect "each step has a check" is '[.steps[] | select(.check == null)] == []'

# The import that the step names, on that machine's files.
command=$(jq -r '.steps[1].command' "$TMP/json" | sed "s:/root/drivestamp.conf:$TMP/ours:; s: /etc/: $root/etc/:; s:^drivestamp :$TOOL :")
expect "chrony: the import that it names works" eval "$command 2>$TMP/report"
expect "... and what is written is accepted" eval 'run_daemon 10 -p -f "$TMP/ours"; [ "$status" = 0 ]'

# ---- ntpsec with keys ----

machine ntpsec
package ntpsec
enable ntpsec.service
mkdir -p "$root/etc/ntpsec" "$root/var/lib/ntpsec"
cp test/import/ntp-campus.conf "$root/etc/ntpsec/ntp.conf"
echo '12.5' >"$root/var/lib/ntpsec/ntp.drift"
expect "ntpsec: valid JSON" valid --root "$root"
expect "ntpsec: it is the one" is '.from == "ntpsec"'
expect "ntpsec: keys are converted, and put in their place" \
	is '(.steps[1].command | test("--output-keys /root/drivestamp.keys")) and (.steps[6].command | test("drivestamp.keys"))'
expect "ntpsec: the sign of the drift is turned" eval \
	"[ \"\$(jq -r '.steps[4].command' \"\$TMP/json\" | sed 's:.*&& ::; s: >.*::; s:/var:$root/var:' | sh)\" = '-12.5 1' ]"

# ---- others ----

machine timesyncd
package systemd-timesyncd
enable systemd-timesyncd.service
mkdir -p "$root/etc/systemd"
cp test/import/timesyncd-lan.conf "$root/etc/systemd/timesyncd.conf"
expect "timesyncd: valid, and it is the one" eval 'valid --root "$root" && is ".from == \"timesyncd\""'
expect "timesyncd: --from another: said that nothing of it was found" \
	eval 'valid --root "$root" --from openntpd && is ".warnings | any(test(\"Nothing of openntpd\"))"'
machine both
enable chrony.service
enable openntpd.service
expect "two that are enabled: both are stopped" eval 'valid --root "$root" &&
	is "[.steps[] | select(.title == \"Stop the old daemon\") | .command | test(\"chrony.service\") and test(\"openntpd.service\")] == [true]"'
machine none
expect "no daemon: install, start, see" eval 'valid --root "$root" &&
	titles "Install the programs beside the old daemon, Install the service, Start drivestampd, See whether it works"'
rm -rf "$root/usr/lib/systemd" "$root/var/lib/dpkg"
mkdir -p "$root/etc/init.d"
: >"$root/etc/init.d/ntp"
: >"$root/etc/ntp.conf"
: >"$root/usr/sbin/drivestampd"
expect "no systemd: by the init script" eval 'valid --root "$root" --from ntpsec &&
	is "[.steps[] | select(.title == \"Start drivestampd\") | .command] == [\"drivestampd -f /etc/drivestamp/drivestamp.conf\"]"'
expect "this machine: steps or nothing to do, and valid" valid
"$TOOL" switch >"$TMP/out" 2>&1
expect "... in words" grep -q "^What was found here:" "$TMP/out"
"$TOOL" switch --from chronny >"$TMP/out" 2>&1
status=$?
expect "a wrong --from: status 2" [ $status = 2 ]
expect "... and the nearest is named" grep -q "the nearest is 'chrony'" "$TMP/out"
exit $((failures > 0))
