#!/usr/bin/env bash
# Broadcasts and multicasts, sent and heard by running daemons: basic and interleaved, IPv4 and
# IPv6; with the right key, the wrong one and none; through a cable that loses every tenth
# packet, over a restart of the server and a step of its clock; with an attacker on the cable who
# replays, forges, strips and spoofs. All hosts share the kernel's clock: what an offset should be
# is known. Takes 15 to 30 s.
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top" || exit 1
. test/lib.sh
. test/daemon/lib.inc
. test/netns.sh
ns_skip_status=0
ns_begin broadcast
trap 'cleanup; ns_end' EXIT
daemon=$(realpath "$DAEMON")
relay=$(realpath "$BUILD/test/daemon/relay")

if "$daemon" -v | grep -q -- -interleaved; then mode=5B; else mode=5I; fi
printf '1 SHA1 HEX:%040d\n2 SHA1 HEX:%039d1\n' 7 7 >"$ns_dir/keys"
chmod 600 "$ns_dir/keys"

# host NAME N: a namespace on the bridge
host()
{
	ns_add "$1" &&
		ns_ip wire link add "to$2" type veth peer name lan netns "$(ns_name "$1")" &&
		ns_ip wire link set "to$2" master bridge up &&
		ns_ip "$1" addr add "10.118.1.$2/24" brd + dev lan &&
		ns_ip "$1" link set lan up && ns_ip "$1" link set lan multicast on
	ns_ip "$1" -6 addr add "fe80::$2/64" dev lan nodad 2>/dev/null
}
# cable S C N: two hosts with a relay between them
cable()
{
	ns_add "$1" && ns_add "r$3" && ns_add "$2" &&
		ns_ip "$1" link add lan type veth peer name left netns "$(ns_name "r$3")" &&
		ns_ip "$2" link add lan type veth peer name right netns "$(ns_name "r$3")" &&
		ns_ip "$1" addr add "10.118.$3.1/24" brd + dev lan && ns_ip "$1" link set lan up &&
		ns_ip "$2" addr add "10.118.$3.2/24" brd + dev lan && ns_ip "$2" link set lan up &&
		ns_ip "r$3" link set left up && ns_ip "r$3" link set right up
}
# start NAME CLOCK LINE...: in the namespace of that name; $ns_pid
start()
{
	local name=$1 clock=$2
	shift 2
	mkdir -p "$ns_dir/$name"
	printf '%s\n' "$@" "keyfile $ns_dir/keys" "pidfile $ns_dir/$name/pid" "logdir $ns_dir/$name" \
		'log measurements' 'logbanner 0' >"$ns_dir/$name/conf"
	ns_start "$name" "$ns_dir/$name/log" "$daemon" -d -x --clock "$clock" -u root \
		-f "$ns_dir/$name/conf"
	echo "$ns_pid" >"$ns_dir/$name/id"
}
stop() { ns_stop "$(cat "$ns_dir/$1/id")"; }
# heard NAME MODE [LOW HIGH]: "N M": broadcasts of that mode in its log, and how many of them have
# an offset outside these bounds, in seconds
heard()
{
	awk -v mode="$2" -v low="${3:--1e9}" -v high="${4:-1e9}" '$18 == mode {
		n++; out += $12 < low || $12 > high } END { print n + 0, out + 0 }' \
		"$ns_dir/$1/measurements.log" 2>/dev/null || echo 0 0
}
hears() { [ "$(heard "$1" "$2" | cut -d ' ' -f 1)" -ge "$3" ]; }
# works NAME MODE LEAST LOW HIGH TEXT: heard so often, never outside the bounds
works()
{
	local n out
	read -r n out < <(heard "$1" "$2" "$4" "$5")
	expect "$6: $n samples are $2 (at least $3), $out of them outside $4 to $5 s" \
		[ "$n" -ge "$3" -a "$out" = 0 ]
}
reason() { counter "$2" "$ns_dir/$1/log"; }

ns_add wire && ns_ip wire link add bridge type bridge mcast_snooping 0 2>/dev/null ||
	ns_skip 'broadcast: the kernel has no bridge'
ns_ip wire link set bridge up
n=0
for name in server basic idle second keyed plain multicast six otherkey from full; do
	n=$((n + 1))
	host $name $n || { not_ok "host $name"; finish; }
done
ns_ip server route add 224.0.0.0/4 dev lan
cable lossy lost 5 || not_ok 'a cable'
cable robbed victim 6 || not_ok 'a cable'

six='' && ns_ip server -6 addr show dev lan 2>/dev/null | grep -q fe80::1/ && six=1
start server system 'local stratum 1' allow 'broadcast 0.25 10.118.1.255 key 1 xleave' \
	'broadcast 0.25 224.0.1.1 key 1 xleave' ${six:+'broadcast 0.25 ff02::101 key 1 xleave dev lan'}
start basic system 'local stratum 2' allow 'broadcast 0.25 10.118.1.255'
start idle system allow 'broadcast 0.25 10.118.1.255'
start second system 'local stratum 3' allow 'broadcast 0.25 10.118.1.255'
start keyed system 'broadcastclient key 1'
start plain system 'broadcastclient unauthenticated from 10.118.1.2 from 10.118.1.3'
start multicast system 'multicastclient 224.0.1.1 key 1'
[ -z "$six" ] || start six system 'multicastclient ff02::101 key 1 dev lan'
start otherkey system 'broadcastclient key 2'
start from system 'broadcastclient key 1 from 10.118.1.77'
start full system 'broadcastclient unauthenticated maxsources 1'

broadcast='broadcast 0.125 10.118.5.255 key 1 xleave'
start lossy virtual 'local stratum 1' allow "$broadcast"
start lost system 'broadcastclient key 1'
ns_start r5 "$ns_dir/relay5" "$relay" left right drop=10 && relay5=$ns_pid
start robbed system 'local stratum 1' allow 'broadcast 0.25 10.118.6.255 key 1 xleave'
start victim system 'broadcastclient key 1'
ns_start r6 "$ns_dir/relay6" "$relay" left right replay forge strip spoof=10.118.6.77 && relay6=$ns_pid

# The relay is a program, which other work on this machine holds up: offsets behind it are bounded
# by what a packet of another moment would be wrong by (an interval at least), no closer.
ns_until 200 hears lost $mode 30
ns_until 100 hears victim $mode 30
stop lossy
lost_before=$(heard lost $mode | cut -d ' ' -f 1)
works lost $mode 30 -0.02 0.02 'every tenth packet lost'
start lossy virtual 'local stratum 1' allow "$broadcast"
ns_until 150 hears lost $mode $((lost_before + 12))
works lost $mode $((lost_before + 12)) -0.02 0.02 'heard on, after a restart of the server'
stop lossy
lost_before=$(wc -l <"$ns_dir/lost/measurements.log")
start lossy virtual,offset=0.5 'local stratum 1' allow "$broadcast"
stepped()
{
	tail -n +$((lost_before + 1)) "$ns_dir/lost/measurements.log" |
		awk -v mode=$mode '$18 == mode' >"$ns_dir/stepped"
	[ "$(wc -l <"$ns_dir/stepped")" -ge 12 ]
}
ns_until 200 stepped
ns_until 100 hears keyed $mode 30
for name in keyed plain multicast ${six:+six} otherkey from full victim lost server idle; do
	stop $name
done
kill -TERM "$relay5" "$relay6"
ns_gone "$relay6"
ns_gone "$relay5"

works keyed $mode 30 -0.005 0.005 'keyed'
expect "unsigned ones of others refused there ($(reason keyed auth))" \
	[ "$(reason keyed auth)" -ge 30 ]
works plain 5B 30 -0.01 0.01 'unauthenticated, basic'
expect "others than 'from' names refused there ($(reason plain broadcast-foreign))" \
	[ "$(reason plain broadcast-foreign)" -ge 30 ]
works multicast $mode 30 -0.005 0.005 'multicast'
if [ -n "$six" ]; then
	works six $mode 30 -0.005 0.005 'IPv6 multicast'
else
	echo 'skip - IPv6 multicast: the kernel has no IPv6'
fi
for name in otherkey from; do
	expect "$name: nothing is heard" [ "$(lines "$ns_dir/$name/log" 'is heard')" = 0 ]
	expect "$name: no request is sent" [ "$(lines "$ns_dir/$name/log" 'requests=[1-9]')" = 0 ]
done
expect "wrong key: counted as auth ($(reason otherkey auth))" [ "$(reason otherkey auth)" -ge 60 ]
expect "foreign address: counted ($(reason from broadcast-foreign))" \
	[ "$(reason from broadcast-foreign)" -ge 60 ]
expect "maxsources 1: one source" [ "$(lines "$ns_dir/full/log" 'is heard')" = 1 ]
expect "maxsources 1: others counted ($(reason full broadcast-full))" \
	[ "$(reason full broadcast-full)" -ge 30 ]
expect "not synchronised: nothing is sent" \
	[ "$(lines "$ns_dir/idle/log" 'broadcast .* sent=0 ')" = 1 ]
expect "the server does not look at its own broadcasts" \
	[ "$(reason server request-mode)" = 0 ]

# after the step
stepped
all=$(wc -l <"$ns_dir/stepped")
right=$(awk '$12 > 0.48 && $12 < 0.52' "$ns_dir/stepped" | wc -l)
expect "server's clock stepped by 0.5 s: $right of $all samples say so (at least 12, all)" \
	[ "$right" -ge 12 -a "$right" = "$all" ]
expect "refused until it was measured anew ($(reason lost broadcast-disagrees))" \
	[ "$(reason lost broadcast-disagrees)" -ge 1 ]
expect "packets were lost: $(grep dropped "$ns_dir/relay5")" \
	[ "$(sed -n 's/.*dropped=\([0-9]*\).*/\1/p' "$ns_dir/relay5")" -ge 8 ]
expect "and noticed ($(reason lost broadcast-first))" \
	[ "$mode" = 5B -o "$(reason lost broadcast-first)" -ge 3 ]

# the attacker
works victim $mode 30 -0.02 0.02 'attacked: none but genuine samples'
injected=$(sed -n 's/.*injected=\([0-9]*\).*/\1/p' "$ns_dir/relay6")
expect "the attacker sent $injected packets" [ "${injected:-0}" -ge 120 ]
stale=$(reason victim broadcast-stale) auth=$(reason victim auth)
expect "replays refused: broadcast-stale=$stale" [ "$stale" -ge 30 ]
expect "forged and stripped ones refused: auth=$auth" [ "$auth" -ge 60 ]
expect "the host that was spoofed got a few requests, and became no source" \
	[ "$(awk '/source 10.118.6.77.*requests=/ { sub(/.*requests=/, ""); print $1 + 0 }
		' "$ns_dir/victim/log")" -le 12 -a "$(grep -c '10.118.6.77 .*5[BI]' "$ns_dir/victim/measurements.log")" = 0 ]
[ $failures = 0 ] || {
	tail -n 12 "$ns_dir"/*/log
	tail -n 5 "$ns_dir"/*/measurements.log
}
exit $((failures > 0))
