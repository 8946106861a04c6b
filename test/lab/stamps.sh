#!/usr/bin/env bash
# `drivestamp lab stamps`: what it counts, the order in which moments must lie, its JSON, what it
# says where it cannot measure, and what it leaves behind. No figure is judged by its size but one
# against another of the same run.
. test/lib.sh
isolate "$@"
TOOL=$BUILD/tool/drivestamp
export TMPDIR=$TMP

# stamps ARGUMENTS...: status in $status, output in $TMP/out, messages in $TMP/err
stamps()
{
	status=0
	timeout -k 5 40 "$TOOL" lab stamps "$@" >"$TMP/out" 2>"$TMP/err" </dev/null || status=$?
}

# ---- one number ----
for way in '' --connected; do
	# shellcheck disable=SC2086
	stamps --brief --interface lo --from 127.0.0.1 --to 127.0.0.1 --seconds 0.3 --gap 1000 $way
	number=$(cat "$TMP/out")
	expect "--brief ${way:-(not connected)}: a number, 100 ns to 1 ms ($number, $status)" \
		eval '[ $status = 0 ] && [[ $number =~ ^[0-9]+$ ]] &&
			[ "$number" -ge 100 ] && [ "$number" -le 1000000 ]'
done
stamps --brief
expect "--brief without --to: usage ($status)" \
	eval '[ $status = 2 ] && grep -q "needs --to" "$TMP/err"'
stamps --brief --to 1.2.x.4
expect "no address: its option and its text are named ($status)" \
	eval '[ $status = 2 ] && grep -q -- "--to: .1\.2\.x\.4. is no address" "$TMP/err"'
stamps --brief --interface nosuch0 --to 127.0.0.1 --seconds 0.2
expect "no such interface: named ($status)" \
	eval '[ $status = 1 ] && grep -q "nosuch0: No such device" "$TMP/err" && [ ! -s "$TMP/out" ]'
stamps --brief --to 192.0.2.1 --seconds 0.2 --gap 1000
expect "no route: no number, and why ($status)" \
	eval '[ $status = 1 ] && [ ! -s "$TMP/out" ] &&
		grep -q "refused some: Network is unreachable" "$TMP/err"'
stamps --devices veth,ln
expect "a device that there is not: the list is told ($status)" \
	eval '[ $status = 2 ] && grep -q "list of veth, lo, tun and tun-wait" "$TMP/err"'
stamps --load all
expect "a load that there is not: the list is told ($status)" \
	eval '[ $status = 2 ] && grep -q "none, cpu, net or both" "$TMP/err"'

# ---- JSON ----
# whole FILE: brackets close in order, strings end, no comma stands before a bracket or another
# comma, and no figure is no number
whole()
{
	awk '{
		for (i = 1; i <= length($0); i++) {
			c = substr($0, i, 1)
			if (text) { if (c == "\\") i++; else if (c == "\"") text = 0; continue }
			if (c == "\"") text = 1
			else if (c ~ /[{[]/) open = open (c == "{" ? "}" : "]")
			else if (c ~ /[]}]/) {
				if (substr(open, length(open)) != c || last == ",") exit bad = 1
				open = substr(open, 1, length(open) - 1)
			} else if (c == "," && last ~ /[,:{[]/) exit bad = 1
			if (c !~ /[ \t]/) last = c
		}
		if ($0 ~ /: *-?(nan|inf)/) exit bad = 1
	} END { exit bad || text || open != "" || NR == 0 }' "$1"
}
# value DEVICE CONDITION GAP MEMBER: of a gap in the JSON; CONDITION -: of the device
value()
{
	awk -v device="$1" -v condition="$2" -v gap="$3" -v member="$4" '
		/"device": / { d = $2; gsub(/[",]/, "", d); c = "-" }
		/^ *"(idle|loaded)": / { c = $1; gsub(/[":]/, "", c) }
		d == device && c == condition && (gap == "-" || index($0, "\"" gap "\": {")) &&
			match($0, "\"" member "\": [^,}]*") {
			v = substr($0, RSTART, RLENGTH); sub(/^[^:]*: /, "", v); print v; exit
		}' "$TMP/json"
}

# counted DEVICE: nothing is lost, and every packet that was used has all of its gaps. The queue of
# a tun device may overflow under load: packets are lost on their way then, no stamp is.
counted()
{
	local condition gap name packets count bad=0 lost=0
	case $1 in tun*) lost=$(value "$1" - - packet-lost) ;; esac
	for name in send-refused stamp-missing stamp-double stamp-wrong-id error-queue-other \
		receive-stamp-missing packet-double packet-foreign card-stamp-missing; do
		[ "$(value "$1" - - $name)" = 0 ] || bad=1
	done
	[ "$(value "$1" - - packet-lost)" -le "$lost" ] || bad=1
	for condition in idle loaded; do
		packets=$(value "$1" "$condition" - packets)
		[ "${packets:-0}" -ge 20 ] || bad=1
		for gap in before_to_kernel_tx kernel_tx_to_after; do
			[ "$(value "$1" "$condition" $gap count)" = "$packets" ] || bad=1
		done
		for gap in kernel_tx_to_rx kernel_rx_to_user; do
			count=$(value "$1" "$condition" $gap count)
			[ "$count" -le "$packets" ] && [ "$count" -ge $((packets - lost)) ] || bad=1
		done
		[ "$(value "$1" "$condition" kernel_tx_to_card count)" = 0 ] || bad=1
	done
	[ $bad = 0 ] || grep -A3 "\"device\": \"$1\"" "$TMP/json"
	return $bad
}

# ordered DEVICE: before <= kernel transmit stamp <= kernel receive stamp <= clock after recvmsg. And
# transmit stamp <= clock after send on devices without a queue: with one, a processor that sends may
# put the packet of another one into it, later.
ordered()
{
	local condition gap
	for condition in idle loaded; do
		for gap in before_to_kernel_tx kernel_tx_to_after kernel_tx_to_rx kernel_rx_to_user; do
			case $1.$gap in tun*.kernel_tx_to_after) continue ;; esac
			[ "$(value "$1" $condition $gap negative)" = 0 ] || return 1
		done
	done
}

# percentiles DEVICE: rise, with the least and the most around them
percentiles()
{
	local condition gap name
	for condition in idle loaded; do
		for gap in before_to_kernel_tx kernel_tx_to_after kernel_tx_to_rx kernel_rx_to_user; do
			for name in least_ns p1_ns p5_ns p25_ns p50_ns p75_ns p95_ns p99_ns p99.9_ns \
				most_ns; do
				value "$1" $condition $gap $name
			done | sort -gc || return 1
		done
	done
}

root=$(id -u)
if [ "$root" = 0 ] && unshare -n true 2>/dev/null; then
	devices='veth lo'
	[ -c /dev/net/tun ] && devices="$devices tun tun-wait" || echo "skip - tun: no /dev/net/tun"
	# A machine that others use may stand still for a whole block: then there is nothing to judge.
	enough()
	{
		local device condition packets
		for device in $devices; do
			for condition in idle loaded; do
				packets=$(value "$device" $condition - packets)
				[ "${packets:-0}" -ge 20 ] || return 1
			done
		done
	}
	for try in 1 2 3; do
		stamps --devices "${devices// /,}" --seconds 0.6 --json "$TMP/json" --markdown "$TMP/page" \
			--svg "$TMP/picture"
		enough && break
		echo "# try $try: too few packets in a block"
	done
	expect "all devices, idle and loaded ($status)" [ "$status" = 0 ]
	expect "its JSON is whole" whole "$TMP/json"
	for device in $devices; do
		expect "$device: nothing lost, every packet has all of its moments" counted "$device"
		expect "$device: moments lie in the order in which they happen" ordered "$device"
		expect "$device: percentiles rise" percentiles "$device"
		expect "$device: a sentence for idle and one for loaded" [ "$(grep -cE \
			"^$device, (idle|loaded): the clock after send\(\) is " "$TMP/out")" = 2 ]
		expect "$device: eight rows of the page" \
			[ "$(grep -c "^| $device | " "$TMP/page")" = 8 ]
		expect "$device: idle and loaded in the picture" \
			[ "$(grep -cE ">$device, (idle|loaded)<" "$TMP/picture")" = 2 ]
	done
	expect "the picture has both medians of each, and no figure that is none" eval '
		[ "$(grep -o "<circle" "$TMP/picture" | wc -l)" = $((4 * $(wc -w <<<"$devices"))) ] &&
			! grep -qiE "nan|inf[^o]" "$TMP/picture"'
	shown=$(awk '/^veth,/ { d = 1 } /^kernel tx -> kernel rx/ { g = d }
		g && $1 == "idle" { print $6; exit }' "$TMP/out")
	json=$(value veth idle kernel_tx_to_rx p50_ns)
	expect "table and JSON say the same ($shown us, $json ns)" \
		awk -v a="$shown" -v b="$json" 'BEGIN { exit !(sprintf("%.2f", b / 1000) == a) }'

	stamps --devices "${devices// /,}" -6 --connected --load none --seconds 0.3 --json "$TMP/json"
	expect "IPv6, connected, idle only ($status, $(value veth idle - packets) packets)" \
		eval '[ $status = 0 ] && whole "$TMP/json" && grep -q "^veth, IPv6, connected" "$TMP/out" &&
			[ "$(value veth idle kernel_tx_to_rx count)" -ge 20 ] &&
			[ -z "$(value veth loaded - packets)" ]'

	# ---- cut short ----
	"$TOOL" lab stamps --devices veth --seconds 20 --json "$TMP/json" >"$TMP/out" 2>&1 </dev/null &
	daemons+=($!)
	id=$!
	sleep 1
	# idle and loaded are blocks of 2 s: by now the sender has sent
	kill -INT "$id"
	status=0
	wait "$id" || status=$?
	expect "interrupted: 3, what there was is told as cut short ($status)" \
		eval '[ $status = 3 ] && grep -q "CUT SHORT" "$TMP/out" && whole "$TMP/json" &&
			grep -q "\"partial\": true" "$TMP/json" &&
			[ "$(value veth idle kernel_tx_to_rx count)" -ge 20 ]'

	# all of its processes, by its folder's janitor's and its own children
	family() { ps -e -o pid=,ppid= | awk -v top="$1" '{ p[$1] = $2 } END { for (i in p) {
		for (j = i; j in p && j != top; j = p[j]); if (j == top && i != top) print i } }'; }
	"$TOOL" lab stamps --devices tun --seconds 20 >"$TMP/out" 2>&1 </dev/null &
	id=$!
	daemons+=("$id")
	sleep 1
	ids=$(family "$id")
	expect "before SIGKILL: its processes are found ($(wc -w <<<"$ids"))" \
		[ "$(wc -w <<<"$ids")" -ge 3 ]
	kill -KILL "$id"
	wait "$id" 2>/dev/null
	# shellcheck disable=SC2086
	# (one that has ended and that nobody has asked for yet is none)
	none() { for i in $ids; do ps -o stat= -p "$i" | grep -qv "^Z" && return 1; done; return 0; }
	expect "SIGKILL: no process of its is left" await 3 none
	expect "no folder of its is left" eval '! compgen -G "$TMP/drivestamp-*" >/dev/null'
else
	echo "skip - veth and tun: not root, or no namespaces"
fi

# ---- one device, no namespaces ----
stamps --loopback --load none --seconds 0.3 --json -
cp "$TMP/out" "$TMP/json"
expect "--loopback: lo alone, and JSON on standard output ($status)" \
	eval '[ $status = 0 ] && tail -n +3 "$TMP/out" >"$TMP/json" && whole "$TMP/json" &&
		grep -q "Only lo: as asked for" "$TMP/out"'
stamps --interface lo --to 127.0.0.1 --load none --seconds 0.3 --json "$TMP/json"
expect "an interface and an address of this host: received here ($status)" \
	eval '[ $status = 0 ] && whole "$TMP/json" && grep -q "no card that stamps" "$TMP/out" &&
		[ "$(value lo idle kernel_rx_to_user count)" -ge 20 ]'
stamps --interface lo --load both --seconds 0.3
expect "a flood is not sent to those who are not ours ($status)" \
	eval '[ $status = 2 ] && grep -q "between hosts of ours" "$TMP/err"'
stamps --loopback --load none --seconds 0.2 --json /nonexistent/file
expect "a file that cannot be written: named ($status)" \
	eval '[ $status = 1 ] && grep -q "/nonexistent/file: No such file" "$TMP/err"'

[ "$failures" = 0 ]
