#!/usr/bin/env bash
# doctor: `drivestamp doctor` tells the truth in namespaces of this machine and in containers without
# rights, against kept outputs (test/doctor/*.expected, masked by filter.awk); its JSON is as
# doc/doctor.schema.json says; the lines that it advises are lines of drivestampd; wrong words are
# refused. It must never look at the machine's own interfaces, nor send by them.
#
# DS_KEEP=1 writes the outputs that are compared over the kept ones, to be looked at and committed.
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh

TOOL=$(readlink -f "$BUILD/tool/drivestamp")
DAEMON=$(readlink -f "$DAEMON")
export TOOL DAEMON TMP

# shellcheck source=/dev/null
. .ci/packages.sh
need_packages jq 2>/dev/null || :
if ! command -v jq >/dev/null; then
	echo "skip - doctor: no jq"
	exit 0
fi

# is NAME: the output in $TMP/NAME is the kept one
is()
{
	awk -v kernel=0 -f test/doctor/filter.awk "$TMP/$1" >"$TMP/$1.masked"
	[ -z "${DS_KEEP:-}" ] || cp "$TMP/$1.masked" "test/doctor/$1.expected"
	diff -u "test/doctor/$1.expected" "$TMP/$1.masked"
}
valid()
{
	jq -r -n --slurpfile schema doc/doctor.schema.json -f test/doctor/validate.jq "$1" >"$TMP/bad" 2>&1
	[ ! -s "$TMP/bad" ] || { head "$TMP/bad"; return 1; }
}
jq_is() { json_is "$@" || { jq -c ".interfaces[].trial" "$2"; return 1; }; }
status_is() { [ "$(cat "$TMP/$1.status")" = "$2" ] || { echo "status $(cat "$TMP/$1.status")"; return 1; }; }
says() { grep -qE -- "$1" "$TMP/out" || { cat "$TMP/out"; return 1; }; }
ended() { [ "$status" = "$1" ] || { echo "status $status"; cat "$TMP/out"; return 1; }; }
doctor()
{
	status=0
	timeout -k 5 60 "$TOOL" doctor "$@" >"$TMP/out" 2>&1 </dev/null || status=$?
}

# ---- wrong words ----

doctor --tyr
expect "an unknown option: status 2" ended 2
expect "an unknown option: the nearest is named" says "the nearest is '--try'"
doctor no-such-if0
expect "no such interface: status 2" ended 2
expect "no such interface: it is named" says 'no-such-if0: no such interface'
"$TOOL" doctor lo >/dev/full 2>"$TMP/out"
status=$?
expect "output that cannot be written: status 2" ended 2
"$TOOL" help doctor >"$TMP/out"
expect "help names --try and --json" eval "says --try && says --json"

if [ "$(id -u)" != 0 ] || ! unshare -n -p -f -m --mount-proc true 2>/dev/null; then
	echo "skip - doctor: namespaces need root"
	exit $((failures > 0))
fi

# ---- namespaces: lo, and a veth pair whose other end answers ----

# run NAME ARGUMENTS...: output and status to $TMP/NAME; the last words of a setup below
cat >"$TMP/inside.sh" <<'INSIDE'
run()
{
	local name=$1
	shift
	"${as[@]}" "$TOOL" doctor "$@" >"$TMP/$name" 2>&1 </dev/null
	echo $? >"$TMP/$name.status"
}
as=()
ip link set lo up
unshare -n sleep 60 &
other=$!
ip link add va type veth peer name vb
for i in 1 2 3 4 5 6 7 8 9 10; do # until it is in a namespace of its own
	[ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
	sleep 0.1
done
ip link set vb netns $other 2>/dev/null
ip addr add 10.118.9.1/24 dev va
ip link set va up
nsenter -n -t $other ip addr add 10.118.9.2/24 dev vb
nsenter -n -t $other ip link set vb up
for i in $(seq 30); do # IPv6 looks for another with its address first
	ip -6 addr show dev va scope link 2>/dev/null | grep -q tentative || break
	sleep 0.1
done
echo >/dev/udp/10.118.9.2/9 # so that its hardware address is known
ip link add link va name va.7 type vlan id 7 2>/dev/null && ip link set va.7 up
INSIDE
cat >"$TMP/namespaces.sh" <<'NAMESPACES'
. "$TMP/inside.sh"
before=$(ip -d link)
run namespaces lo va
run namespaces.json --json lo va
run try --try va
run try.json --try --json va
[ "$before" = "$(ip -d link)" ] && echo same >"$TMP/same"

# Others: a daemon of ours that may not set the clock, at port 123; who is called as one that may; and
# one in another network namespace, whose cards are not these.
cp "$(command -v sleep)" "$TMP/chronyd"
cp "$(command -v sleep)" "$TMP/ptp4l"
"$TMP/chronyd" 60 &
nsenter -n -t $other "$TMP/ptp4l" 60 &
for i in $(seq 50); do [ "$(cat /proc/$!/comm)" = ptp4l ] && break; sleep 0.1; done
setpriv --bounding-set -sys_time --inh-caps -sys_time "$DAEMON" -d -x -u root 'local stratum 1' \
	allow 'cmdport 0' "pidfile $TMP/pid" >/dev/null 2>&1 &
for i in $(seq 50); do [ -e "$TMP/pid" ] && break; sleep 0.1; done
run others lo
run others.json --json lo
NAMESPACES
unshare -n -p -f -m --mount-proc bash "$TMP/namespaces.sh"
expect "lo and veth: as kept" is namespaces
expect "lo and veth: its JSON is of the schema" valid "$TMP/namespaces.json"
expect "--try on veth: as kept" is try
expect "--try on veth: its JSON is of the schema" valid "$TMP/try.json"
expect "--try: ten packets were stamped by the kernel; what came in was stamped" \
	jq_is '.interfaces[0].trial | .done and .sent == 10 and .sent_kernel == 10 and
		.received >= 10 and .received_kernel == .received' "$TMP/try.json"
expect "nothing was changed" test -e "$TMP/same"
expect "other daemons and port 123: as kept" is others
expect "other daemons: its JSON is of the schema" valid "$TMP/others.json"
for name in namespaces try others; do
	expect "$name: the status is that of the JSON" \
		test "$(jq .status "$TMP/$name.json")" = "$(cat "$TMP/$name.json.status")"
done
status_is namespaces "$(cat "$TMP/namespaces.json.status")" || not_ok "both forms have one status"

# lo is down, and nothing can be tried: nothing is said of what a trial would have shown.
unshare -n -p -f -m --mount-proc "$TOOL" doctor --json >"$TMP/fresh.json" 2>&1
expect "a namespace in which nothing is up: its JSON is of the schema" valid "$TMP/fresh.json"
expect "... and what was not tried is not called missing" \
	jq_is '.kernel.chosen_ids == null and ([.advice[].id] | index("kernel-counts") == null) and
		([.advice[] | select(.id == "kernel-not-tried").words] == ["Whether the kernel stamps was not tried over lo: it is down."])' \
	"$TMP/fresh.json"

# What is advised must be what the daemon understands.
jq -r '.advice[].lines[]' "$TMP"/*.json | sort -u >"$TMP/advised.conf"
expect "the lines that are advised are lines of drivestampd" \
	eval '"$DAEMON" -p -f "$TMP/advised.conf" >"$TMP/out" 2>&1 || { cat "$TMP/out"; false; }'

# ---- containers: no devices, no rights; as root and as nobody; lo is down ----

cat >"$TMP/container.sh" <<'CONTAINER'
. "$TMP/inside.sh"
ip link set lo down
mount -t tmpfs none /dev
mknod /dev/null c 1 3 && chmod 666 /dev/null
mount -t tmpfs none /sys
as=(setpriv --bounding-set=-all --inh-caps=-all)
run container-root lo va
run container-root.json --json lo va
run container-try --try va
as=(setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all)
run container-nobody lo va
run container-nobody.json --json lo va
umount /proc
run container-bare.json --json
CONTAINER
unshare -n -p -f -m --mount-proc bash "$TMP/container.sh"
expect "a container without rights, as root: as kept" is container-root
expect "a container without rights: something is to be bettered" status_is container-root 1
expect "a container without rights: its JSON is of the schema" valid "$TMP/container-root.json"
expect "a container without rights: what --try cannot do is said" is container-try
expect "a container without rights, as nobody: as kept" is container-nobody
expect "... and its JSON is of the schema" valid "$TMP/container-nobody.json"
expect "without /proc, /sys and devices it still looks" valid "$TMP/container-bare.json"

exit $((failures > 0))
