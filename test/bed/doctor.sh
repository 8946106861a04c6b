#!/usr/bin/env bash
# doctor: `drivestamp doctor` on hosts of the bed tells what they are, against kept outputs
# (test/doctor/bed-*.expected, masked by filter.awk): a full card, one for PTP only, one that promises
# stamps and gives none, a device without a card, a host whose card our daemon uses; and --try puts
# the card back, whatever ends it. It must never leave a host behind.
#
# Card, clock and pulse are models (doc/bed.md); kernel, ioctls and packets are real.
# DS_KEEP=1 writes the outputs that are compared over the kept ones, to be looked at and committed.
cd "$(dirname "$0")/../.." || exit 1
. test/bed/lib.sh

TOOL=$(readlink -f "$BUILD/tool/drivestamp")
command -v jq >/dev/null || skip_all "doctor on the bed: no jq"
bed_or_skip 2
bed_start 1 daemon sec=0 bedclk.wire_delay=5000
bed_start 2 daemon sec=0 bedclk.wire_delay=5000 bedclk.phc_ppb=5000
bed_ready 1 2 || exit 1

# look HOST NAME ARGUMENTS...: its output to $TMP/NAME
look()
{
	local host=$1 name=$2
	shift 2
	bed_tell "$host" "$TOOL doctor $*" >"$TMP/$name" 2>&1
}
is()
{
	awk -v kernel=1 -v heard="${2:-}" -f test/doctor/filter.awk "$TMP/$1" >"$TMP/$1.masked"
	[ -z "${DS_KEEP:-}" ] || cp "$TMP/$1.masked" "test/doctor/$1.expected"
	diff -u "test/doctor/$1.expected" "$TMP/$1.masked"
}
valid()
{
	jq -r -n --slurpfile schema doc/doctor.schema.json -f test/doctor/validate.jq "$1" >"$TMP/bad" 2>&1
	[ ! -s "$TMP/bad" ] || { head "$TMP/bad"; return 1; }
}
# The kernels of the bed have no IPv6: what comes in is the neighbour's answer to ARP.
jq_is() { json_is "$@" || { jq -c ".interfaces[].trial" "$2"; return 1; }; }
meet() { bed_tell "$1" "echo >/dev/udp/10.77.0.$((3 - $1))/9" 2>/dev/null; }
setting() { bed_tell "$1" 'hwstamp_ctl -i hw0' 2>/dev/null | tr -s ' \t\n' ' '; }
is_off() { setting "$1" | grep -q 'tx_type 0 rx_filter 0'; }
is_on() { setting "$1" | grep -q 'tx_type 1 rx_filter 1'; }

# ended_by HOST SIGNAL: what is seen on the way, "set", "ended" and, a moment later, "back". A busy machine may
# look too late, when the doctor is done: then it is tried again, twice at most.
ended_by()
{
	local again out=$TMP/ended-$2
	for again in 0 1 2; do
		bed_tell "$1" "exec 2>/dev/null
			$TOOL doctor --try hw0 >/run/out & pid=\$!
			for i in \$(seq 999); do
				[[ \$(hwstamp_ctl -i hw0) != *'tx_type 1'* ]] || { kill -$2 \$pid && echo ended; break; }
			done
			wait \$pid
			for i in \$(seq 50); do
				[[ \$(hwstamp_ctl -i hw0) != *'tx_type 0'* ]] || { echo back; break; }
			done" >"$out"
		[ "$(tr '\n' ' ' <"$out")" != "ended back " ] || break
		[ "$(cat "$out")" = back ] || return 0 # else it was done
	done
	[ $again = 0 ] || echo "# SIG$2: tried $((again + 1)) times"
}
has_ended() { [ "$(tr '\n' ' ' <"$TMP/ended-$1")" = "ended back " ] || { cat "$TMP/ended-$1"; return 1; }; }

# The doctor watches pulses for 2 s each time: both hosts are looked at, at the same time.

# ---- host 1: lesser cards ----

lesser()
{
	bed_fault 1 ptp_only 1
	meet 1
	look 1 bed-ptp-only --try hw0
	bed_fault 1 ptp_only 0
	bed_fault 1 tx_none 1
	bed_fault 1 rx_none 1
	meet 1
	look 1 bed-silent --try hw0
	bed_fault 1 tx_none 0
	bed_fault 1 rx_none 0
	bed_tell 1 'ip addr add 10.78.0.2/24 dev vec0'
	look 1 bed-software --try vec0
	ended_by 1 KILL
}
lesser &
lesser=$!

# ---- host 2: a full card, and our daemon with it ----

look 2 bed-card
expect "a full card, a clock, a pulse: as kept" is bed-card
expect "nothing was set" is_off 2
meet 2
look 2 bed-card.json --try --json hw0
expect "a full card: the JSON is of the schema" valid "$TMP/bed-card.json"
expect "a full card: every packet sent was stamped by it" \
	jq_is '.interfaces[0].trial | .sent == 10 and .sent_card == 10 and .sent_kernel == 10' "$TMP/bed-card.json"
expect "a full card: the neighbour's answers were stamped by it" \
	jq_is '.interfaces[0].trial | .received_card >= 10' "$TMP/bed-card.json"
jq -r '.advice[].lines[]' "$TMP/bed-card.json" >"$TMP/advised.conf"
expect "the lines that are advised are lines of drivestampd" \
	eval 'grep -q hwtimestamp "$TMP/advised.conf" && "$DAEMON" -p -f "$TMP/advised.conf" >"$TMP/out" 2>&1'
expect "the card was put back" is_off 2
ended_by 2 TERM
expect "SIGTERM in the middle of --try: the card was set, and is put back" has_ended TERM

cat >"$TMP/ours.conf" <<-END
	server 10.77.0.1 minpoll 0 maxpoll 0
	hwtimestamp hw0
	pidfile /run/ours.pid
END
bed_tell 2 "$DAEMON -d -u root -f $TMP/ours.conf >/run/ours.log 2>&1 &"
await 5 is_on 2
look 2 bed-daemon
expect "our daemon keeps the clock and uses the card: as kept" is bed-daemon

wait "$lesser"
expect "a card for PTP only: as kept" is bed-ptp-only
expect "a card that promises stamps and gives none: as kept" is bed-silent
expect "... is named, after ten packets" \
	grep -q "Tried: of 10 sent the kernel stamped 10, the card 0; of .* the card 0" "$TMP/bed-silent.masked"
expect "a device without a card: as kept" is bed-software no
expect "SIGKILL in the middle of --try: the card was set, and is put back" has_ended KILL
bed_end 1 2
exit $((failures > 0))
