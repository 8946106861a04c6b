#!/usr/bin/env bash
# image: podman builds the image of contrib/container on a Debian made for it, and runs it as the recipe's head
# says; then the Pod of contrib/kubernetes. What may be written, who it is, the health check, its end. It must
# never ask a registry, nor give a container the right to set the clock.
#
# Takes two minutes and 500 MB, and fetches 100: it is for `./check deep`, and for a run by hand. Needs root,
# podman, runc, catatonit and mmdebstrap.
# shellcheck disable=SC2154  # $pid, $status: test/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh
. test/mirror.inc
[ "$(id -u)" = 0 ] || skip_all "image: needs root"
for tool in podman runc catatonit mmdebstrap; do
	[ -n "$(command -v "$tool" || find /usr/lib* -name "$tool" -print -quit)" ] || skip_all "image: no $tool"
done
store=${DS_STORE:-$(mktemp -d)} # kept by the first half for the second
TOOL=$BUILD/tool/drivestamp

# A machine's own limits and groups may be less than what podman takes for granted.
printf '%s\n' '[containers]' 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]' '[engine]' \
	'runtime = "runc"' 'cgroup_manager = "cgroupfs"' 'events_logger = "file"' >"$store/containers.conf"
engine()
{
	CONTAINERS_CONF=$store/containers.conf podman --root "$store/root" --runroot "$store/run" \
		--tmpdir "$store/tmp" --storage-driver vfs "$@"
}
remove() { engine pod rm -fa; engine rm -fa; rm -rf "$store"; }

# ---- where there is a network: the image ----

if [ -z "${DS_ISOLATED:-}" ]; then
	trap 'remove >/dev/null 2>&1; cleanup' EXIT
	mirror=$(own_mirror)
	[ -n "$mirror" ] || skip_all "image: no mirror in apt's sources"
	mmdebstrap --variant=minbase bookworm "$store/base.tar" "$mirror" >"$TMP/log" 2>&1 ||
		{ not_ok "a Debian is made"; tail "$TMP/log"; exit 1; }
	engine import -q "$store/base.tar" docker.io/library/debian:bookworm-slim >"$TMP/log" 2>&1
	rm -f "$store/base.tar"
	mkdir "$TMP/src"
	tar --exclude='./build*' --exclude=./.git -cf - . | tar -C "$TMP/src" -xf -
	# As its head says, but in the format that has health checks, and with nothing asked of a registry.
	engine build --format docker --pull=never --network host --isolation chroot -t localhost/drivestamp:0.1.0 \
		-f contrib/container/Dockerfile "$TMP/src" >"$TMP/log" 2>&1 ||
		{ not_ok "the image is built"; tail -n 30 "$TMP/log"; exit 1; }
	echo "ok - the image is built"
	DS_STORE=$store unshare -n env DS_ISOLATED=1 "$0" "$@"
	exit
fi

# ---- without one: what was built is run ----

ip link set lo up
start_daemon server -d --clock virtual,offset=0.002 'port 11123' 'local stratum 1' allow 'pidfile none' 'controlsocket none'
facts=$(engine inspect --format '{{.Config.User}} {{.HealthCheck.Test}} {{.Config.Volumes}}' localhost/drivestamp:0.1.0)
expect "its user, its health check, its volumes: $facts" \
	[ "$facts" = '65532:65532 [CMD drivestamp status] map[/run:{} /var/lib/drivestamp:{}]' ]

# The recipe's own words, but for the port, the network and the server.
recipe=$(sed -n '/^#   docker run/,/ drivestamp$/p' contrib/container/Dockerfile | sed 's/^#//; s/\\$//' | tr -s ' \n' ' ')
words=${recipe# docker run }
words=${words% drivestamp }
words=${words/ -p 123:123\/udp/}
words=${words/ -e NTP_SERVERS=ntp1.example.net/}
expect "the recipe: $words" grep -q -- '--read-only --cap-drop ALL' <<<"$words"

# begin OPTIONS...: the recipe as `ds`, with further options
# shellcheck disable=SC2086 # the recipe is words
begin()
{
	engine run -d --name ds $words -e 'NTP_SERVERS=127.0.0.1 port 11123 minpoll 0 maxpoll 0 iburst' \
		"$@" localhost/drivestamp:0.1.0 >"$TMP/said" 2>&1 || cat "$TMP/said"
}
inside() { engine exec ds "$@" 2>&1; }
healthy() { engine healthcheck run ds >"$TMP/said" 2>&1; }
serves() { "$TOOL" query --count 2 "127.0.0.1:$1" >"$TMP/said" 2>&1; }
ends() # in 5 s, by itself
{
	engine logs ds >"$TMP/log" 2>&1
	engine stop -t 5 ds >"$TMP/said" 2>&1
	[ "$(engine ps -aq)" = '' ] || { engine rm -f ds; return 1; }
}

begin --network host -e NTP_PORT=11999
expect "it becomes healthy" await 20 healthy
expect "it measures and serves, and steers nothing" eval 'inside drivestamp status | grep -q "measured and not steered"'
expect "it serves" serves 11999
expect "it has no rights" eval 'inside cat /proc/1/status | grep -c "^Cap[A-Z][a-z]*:.0*$" | grep -qx 5'
expect "nobody can write but to its volumes" [ "$(inside sh -c 'for at in / /usr /etc /run /var/lib/drivestamp; do
	touch $at/x 2>/dev/null && echo $at; done' | tr '\n' ' ')" = '/run /var/lib/drivestamp ' ]
kib=$(inside cat /proc/1/status | awk '/^VmRSS/ { print $2 }')
expect "it takes $kib KiB" [ "$kib" -le 5120 ]
expect "it ends when it is told to" ends
expect "it confined itself, too" grep -q 'sandbox: files and system calls confined' "$TMP/log"

# In a network of its own, which has the loopback alone.
begin --network none --sysctl net.ipv4.ip_unprivileged_port_start=0 -e 'NTP_DIRECTIVES=local stratum 5'
by_itself() { inside drivestamp query --count 2 127.0.0.1 >/dev/null; }
expect "podman's word for ports below 1024: it serves at 123" await 20 by_itself
expect "... and it ends" ends
begin --network host --user 0 --cap-add NET_BIND_SERVICE
expect "in the host's network: as user 0 with that one right" await 20 serves 123
expect "... it is healthy" await 20 healthy
expect "... and it ends" ends
begin --network host --tmpfs /run:mode=1777 --tmpfs /var/lib/drivestamp:mode=1777 -e NTP_PORT=11999
expect "volumes in memory: it becomes healthy" await 20 healthy
expect "... and it ends" ends

# ---- the Pod of the DaemonSet, with this server: podman takes Pods ----

{
	printf 'apiVersion: v1\nkind: Pod\n'
	sed '1,/^  template:/d; s/^    //' contrib/kubernetes/daemonset.yaml |
		sed -E 's/^metadata:/&\n  name: ds/; /^ +ports:/,+1d; s/(NTP_SERVERS, value: )"[^"]*"/\1"127.0.0.1 port 11123 minpoll 0 maxpoll 0 iburst"/'
} >"$TMP/pod.yaml"
engine play kube "$TMP/pod.yaml" >"$TMP/said" 2>&1 || cat "$TMP/said"
pod() { engine exec ds-drivestampd "$@" 2>&1; }
synchronised() { pod drivestamp status >"$TMP/said"; }
expect "the Pod's daemon becomes right" await 20 synchronised
for probe in version sourcestats status; do
	expect "its probe: $probe" eval "grep -q 'command: \[drivestamp, $probe\]' contrib/kubernetes/daemonset.yaml && pod drivestamp $probe >/dev/null"
done
sees() { curl -s http://127.0.0.1:9975/metrics | grep -x 'drivestamp_synchronised 1'; }
expect "its exporter sees the daemon through the folder that they share" await 10 sees
[ "$failures" = 0 ] || engine logs ds-drivestampd
[ "$failures" = 0 ]
