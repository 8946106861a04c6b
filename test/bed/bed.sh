#!/bin/bash
# bed: is the bed itself right? Its oscillators, pulses, clocks and cards do what they were asked for,
# and each fault what its name says. It must never take a daemon's word for a time.
# shellcheck disable=SC2154  # $failures, $mean_ns and the like: test/lib.sh, test/bed/lib.sh
set -u
cd "$(dirname "$0")/../.." || exit 1
. test/bed/lib.sh

bed_or_skip 2
# Nobody steers their clocks. Host 1 answers, and has the pulse; its card is 7 s ahead of true time.
ahead_ns=7000000000
bed_start 1 daemon sec=0 every=250 osc.ppm=-20 osc.swing=40 osc.period=20 osc.epoch=-3 \
	bedclk.wire_delay=5000 bedclk.phc_offset=$ahead_ns
bed_start 2 daemon sec=0 every=250 osc.ppm=37.5 osc.epoch=5.25 probe=/dev/ptp0 \
	bedclk.wire_delay=5000 bedclk.phc_cross=1 load=ipv6,8021q
bed_ready 1 2 || exit 1

bed_tell 1 'while tstamp server 5000 hw0; do :; done >/run/server.log 2>&1 &
	echo 0 1 >/sys/class/ptp/ptp0/extts_enable
	stdbuf -oL ppstest /dev/pps0 >/run/pps.log 2>&1 &'
between() { [ "$2" -ge "$1" ] && [ "$2" -le "$3" ]; }
value_of() { sed -nE "s/.*$2 (-?[0-9]+).*/\1/p" <<<"$1"; }

# ask COUNT [BURST [FILTER [PORT]]]: what host 2 counted, in $says and
# $got $rx_sw $rx_hw $tx_sw $tx_hw; $way_ns, $way_min_ns (0: unknown), $late_ms
ask()
{
	says=$(bed_tell 2 "tstamp client 10.77.0.1 ${4:-5000} $1 hw0 ${3:-any} 2 ${2:-1}" | tail -n 1)
	got=$(value_of "$says" got) rx_sw=$(value_of "$says" 'rx sw') tx_sw=$(value_of "$says" 'tx sw')
	rx_hw=$(value_of "$says" 'rx sw [0-9]+ hw') tx_hw=$(value_of "$says" 'tx sw [0-9]+ hw')
	way_ns=$(value_of "$says" 'way mean') way_min_ns=$(value_of "$says" 'min')
	way_ns=$((${way_ns:-$ahead_ns} - ahead_ns)) way_min_ns=$((${way_min_ns:-$ahead_ns} - ahead_ns))
	late_ms=$(value_of "$says" 'stamp after') late_ms=${late_ms:-0}
}
counter() { bed_tell "$1" ethtool -S hw0 | awk -v name="$2:" '$1 == name { print $2 }'; }
# faults HOST NAME VALUE [NAME VALUE]...
faults()
{
	local host=$1 command='cd /sys/module/bedclk/parameters'
	shift
	while [ $# -gt 0 ]; do
		command="$command && echo $2 >$1"
		shift 2
	done
	bed_tell "$host" "$command"
}

expect "IPv6, and what else is loaded" bed_tell 2 'ip -6 addr show dev hw0 | grep -q fd77::2 &&
	[ -d /proc/net/vlan ]'

# ---- pulses: of host 1, while its card and the other's are asked ----

edges() { bed_tell 1 grep -c assert /run/pps.log; }
pulses()
{
	local before doubled gap none
	await 5 eval '[ "$(edges)" -ge 2 ]'
	faults 1 pps_double 1000
	before=$(edges)
	sleep 2.6
	doubled=$(($(edges) - before))
	faults 1 pps_double 0 pps_gap 2
	sleep 3.2
	gap=$(bed_tell 1 cat /run/pps.log | sed -n 's/.*assert \([0-9]*\)\.\([0-9]*\),.*/\1 \2/p' |
		awk 'NR > 1 { d = $1 - s + ($2 - n) / 1e9; if (d > most) most = d } { s = $1; n = $2 } END { printf "%.3f", most }')
	faults 1 pps_on 0
	before=$(edges)
	sleep 2.2
	none=$(($(edges) - before))
	faults 1 pps_on 1
	echo "$doubled $gap $none" >"$TMP/pulses"
}
pulses &
pulses=$!

# ---- stamps ----

ask 50
expect "both stamps of 50 packets, both ways" [ "$got $rx_sw $rx_hw $tx_sw $tx_hw" = "50 50 50 50 50" ]
expect "the cable takes 5 us by the cards' stamps, 7 s apart ($way_ns ns)" between 4990 $way_ns 5010

faults 2 hw_jitter 200
ask 50
faults 2 hw_jitter 0
expect "noise of the card's stamps shows ($way_min_ns to $way_ns ns)" \
	between 4200 "$way_min_ns" 4900
faults 1 wire_delay 25000 wire_jitter 100
ask 20
faults 1 wire_delay 5000 wire_jitter 0
expect "a longer cable one way ($way_ns ns)" between 24900 "$way_ns" 25100
faults 2 tx_error 700
ask 10
faults 2 tx_error 0
expect "a card that stamps 700 ns late ($way_ns ns)" between 4290 "$way_ns" 4310

faults 2 tx_lost 500
ask 40
faults 2 tx_lost 0
expect "half of the transmit stamps lost ($tx_hw of 40, $tx_sw by software)" \
	between 8 "$tx_hw" 32
expect "their software stamps are there" [ "$tx_sw" = 40 ]
faults 2 tx_late 1000 tx_late_ms 40
ask 3
faults 2 tx_late 0
expect "late transmit stamps come, late ($late_ms ms)" [ "$tx_hw" = 3 -a "$late_ms" -ge 40 ]
faults 2 tx_one 1 tx_ready 30000000
skipped=$(counter 2 tx_hwtstamp_skipped)
ask 4 4
skipped=$(($(counter 2 tx_hwtstamp_skipped) - skipped))
faults 2 tx_one 0 tx_ready 0
expect "room for one stamp: of four packets at once three are skipped ($tx_hw stamps of $got)" \
	[ "$tx_hw $tx_sw $skipped" = "4 16 12" ]
faults 2 rx_lost 500
ask 40
faults 2 rx_lost 0
expect "half of the receive stamps lost ($rx_hw of 40)" between 8 "$rx_hw" 32

# A card that promises and gives none; one without; cards of few filters.
faults 2 tx_none 1 rx_none 1
ask 5 1 all
faults 2 tx_none 0 rx_none 0
expect "promises, and gives none" [ "$rx_hw $tx_hw $rx_sw $tx_sw" = "0 0 5 5" ]
faults 2 no_stamps 1
expect "without hardware stamps: refused, and not offered" eval \
	'! bed_tell 2 tstamp filter hw0 none >/dev/null && ! bed_tell 2 ethtool -T hw0 | grep -q hardware-'
faults 2 no_stamps 0
faults 2 ptp_only 1
ask 5 1 ptp
expect "PTP only: FILTER_ALL is out of range" eval \
	'bed_tell 2 tstamp filter hw0 all | grep -q "out of range"'
expect "PTP only: transmit stamps, no receive stamps of other packets" [ "$rx_hw $tx_hw" = "0 5" ]
faults 2 ptp_only 0

# ---- a switch on the way; PTP only at the other end ----

faults 1 ptp_only 1 tc_min_ns 100000 tc_max_ns 300000
bed_tell 1 'tstamp server 319 hw0 ptp >/run/ptp.log 2>&1 &'
sleep 0.3
ask 20 1 any 319
faults 1 ptp_only 0 tc_min_ns 0 tc_max_ns 0
sleep 0.2
server=$(bed_tell 1 tail -n 1 /run/ptp.log)
corrected_ns=$(value_of "$server" 'corrected by')
expect "events to PTP's port are stamped ($server)" grep -q 'rx sw 2[01] hw 2[01]' <<<"$server"
expect "a transparent clock says what it held them for ($corrected_ns of $way_ns ns)" \
	between $((way_ns - 5000 - 15000)) "${corrected_ns:-0}" $((way_ns - 5000 + 15000))
expect "which is what was asked for" between 150000 "$way_ns" 260000

# ---- the card's clock ----

ways=$(bed_tell 2 tscprobe phc /dev/ptp0)
first=$(value_of "$ways" precise)
faults 2 phc_read 400000 phc_read_at 0
ways=$(bed_tell 2 tscprobe phc /dev/ptp0)
slow=$(value_of "$ways" extended) precise=$(value_of "$ways" precise)
width=$(sed -n 's/^extended .* //p' <<<"$ways")
faults 2 phc_read 0 phc_read_at 500
expect "a slow bus makes wide readings ($width ns), wrong by half of it ($((slow - precise)) ns)" \
	between -260000 $((slow - precise)) -150000
expect "and cross-stamps right (drift of $((precise - first)) ns)" between -60000 $((precise - first)) 60000
faults 2 phc_fail 1
expect "a card that cannot be read" eval '! bed_tell 2 phc_ctl /dev/ptp0 get | grep -q "clock time"'
faults 2 phc_fail 0
expect "cross-stamps only where asked for" eval \
	'bed_tell 1 tscprobe phc /dev/ptp0 | grep -q "precise - Operation not supported"'
stamp=$(bed_tell 1 cat /sys/class/ptp/ptp0/fifo)
expect "external time stamps of the pulse, by the card's clock ($stamp)" \
	grep -qE '^0 [0-9]+ 0$' <<<"$stamp"
faults 2 phc_ppb 30000
began=$SECONDS from_s=$(($(seconds_of 2) + 1))

# ---- clocks, against true time ----

wait "$pulses"
read -r doubled gap none <"$TMP/pulses"
expect "doubled pulses ($doubled edges in 2.6 s)" between 4 "$doubled" 8
expect "two pulses lost in a row ($gap s between two)" grep -qE "^(2.99|3.00)" <<<"$gap"
expect "no pulse" [ "$none" = 0 ]
# Seven pulses and more that are as they should be, however fast all that was.
while [ $((SECONDS - began)) -lt 14 ]; do sleep 0.2; done
bed_tell 1 cat /run/pps.log >"$TMP/pps.log"
bed_end 1 2

# within PPM GOT WANTED
within() { awk -v a="$2" -v b="$3" -v most="$1" 'BEGIN { d = a - b; exit !(d <= most && -d <= most) }'; }
truth_of 2
expect "an oscillator of +37.5 ppm ($frequency_ppm ppm, $residual_ns ns left)" within 0.2 "$frequency_ppm" 37.5
epoch_ms=$((mean_ns / 1000000))
expect "started about 5.25 s wrong, as the boot goes ($epoch_ms ms)" between 4250 $epoch_ms 5750
truth_options=--device truth_of 2 "$from_s"
expect "the card's clock at +30 ppm since ($frequency_ppm ppm)" within 1 "$frequency_ppm" 30
truth_of 1
expect "an oscillator that swings ($residual_ns ns beside a line)" between 3000 "$residual_ns" 1000000

# Edges on the system clock, less what that clock is wrong by at the moment: whole seconds.
"$BED" truth --samples "$TMP/host-1.log" >"$TMP/samples"
read -r off_ns spread_ns count < <(awk '
	# modulo 1e15 ns, for the sake of double precision
	FILENAME ~ /samples$/ { error[++n] = $2; next }
	FILENAME ~ /host-1/ && $1 == "P" { at[++m] = substr($3, length($3) - 14) + 0; next }
	/assert/ {
		split($5, part, "[.,]")
		clock = substr(part[1], length(part[1]) - 5) * 1e9 + part[2]
		away = clock - last
		last = clock
		if (away < 0.999e9 || away > 1.001e9) next # the first
		for (i = 1; i < m && at[i + 1] < clock; i++) ;
		if (i >= m || at[i] > clock) next
		off = (clock - error[i] - (error[i + 1] - error[i]) * (clock - at[i]) / (at[i + 1] - at[i])) % 1e9
		if (off > 5e8) off -= 1e9
		sum += off; squares += off * off; used++
	}
	END { mean = used ? sum / used : 0
		printf "%d %d %d\n", mean, used ? sqrt(squares / used - mean * mean) : 0, used }' \
	"$TMP/samples" "$TMP/host-1.log" "$TMP/pps.log")
expect "pulses at whole seconds of true time (by $off_ns ns, sd $spread_ns ns, $count pulses)" \
	eval '[ "$count" -ge 5 ] && below 1000 "$off_ns" "$spread_ns"'

# ---- nothing is left ----

"$BED" down
expect "no host is left, no network" eval '! ls "$BED_WORK"/run/host-*.pid 2>/dev/null && ! "$BED" tell 1 true 2>/dev/null'
exit $((failures > 0))
