#!/usr/bin/env bash
# The card of a bed host as os/card sees and sets it: filters granted, widened and refused, put back;
# through a VLAN, a bond and a bridge; virtual clocks; what a killed daemon leaves; and how well the
# card's clock is known against what is stated. The card and its clock are modelled (lab/bed).
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source-path=SCRIPTDIR/../..
. test/bed/lib.sh
carder=$(readlink -f "$BUILD/test/daemon/carder")

bed_or_skip 2
for host in 1 2; do
	bed_start $host daemon sec=0 load=ipv6,8021q,bonding,bridge bedclk.phc_cross=1 bedclk.phc_ppb=30000 osc.ppm=20
done
bed_ready 1 2 || exit 1
host=1

# says TEXT PATTERN COMMANDS: their output in $host, as a pattern of the shell's
says()
{
	local out
	out=$(bed_tell $host "$3")
	# shellcheck disable=SC2053
	if [[ $out == $2 ]]; then ok "$1"; else not_ok "$1: $out"; fi
}

kind() # NAME VALUE: of the card, from now on
{
	bed_fault $host "$1" "$2"
}

# ---- its clock: of host 2, meanwhile ----
# What is stated is one standard deviation, and a run is hardly more than one draw: twice that is borne.
# A cross-stamp is one reading of a system clock that moves in steps of 256 ns here, and compared with another.
grain_ns=0
clock_is_known() # TEXT WAY COMMAND
{
	local line error_ns stated_ns most
	line=$(bed_tell $host "$3")
	error_ns=$(sed -n 's/.* error_ns=\([0-9]*\) .*/\1/p' <<<"$line")
	stated_ns=$(sed -n 's/.* stated_ns=\([0-9]*\) .*/\1/p' <<<"$line")
	most=$(sed -n 's/.* most=\([0-9]*\)\..*/\1/p' <<<"$line")
	if [[ $line == "way=$2 "*" failed=0 "* ]] && [ "$error_ns" -le $((2 * stated_ns + grain_ns)) ] && [ "$most" -lt 4 ]; then
		ok "$1: off by $error_ns ns rms, stated $stated_ns (modelled clock)"
	else
		not_ok "$1: $line"
	fi
}
clocks()
{
	host=2
	kind phc_cross 1
	clock_is_known 'the clock of the card is known as well as is stated, without the cross-stamps it has' 1 "$carder clock /dev/ptp0 3 nocrossts"
	grain_ns=256
	clock_is_known '... with cross-stamps, which fail in the midst' 0 \
		"$carder clock /dev/ptp0 4 & sleep 3; echo 0 >/sys/module/bedclk/parameters/phc_cross; wait"
	grain_ns=0
	kind phc_read_at 250
	clock_is_known '... over a slow bus with a way back three times as long' 1 "$carder clock /dev/ptp0 4 read=20000"
	kind phc_fail 1
	says 'one that fails is an error' '/dev/ptp0: cannot read the clock: Input/output error' "$carder clock /dev/ptp0 1"
	kind phc_fail 0

	says 'its virtual clocks are found' '* vclocks=2 vclock=1 *' \
		"echo 2 >/sys/class/ptp/ptp0/n_vclocks; $carder look hw0"
	says 'while there are any nobody steers the clock beneath' '*busy*0' \
		"phc_ctl /dev/ptp0 freq 5000 2>&1; phc_ctl /dev/ptp1 freq 100000 >/dev/null 2>&1; echo \$?"
	clock_is_known '... which stays as well known while a virtual one is steered' 1 "$carder clock /dev/ptp0 3"
	bed_tell 2 'echo 0 >/sys/class/ptp/ptp0/n_vclocks'
}
clocks >"$TMP/clocks" 2>&1 &
clocks=$!

# ---- the card itself ----
card='driver=bedclk tx=1 rx=1 ptp=? all=1 ntp=? phc=0'
says 'the card as it is' "kind=plain stamper=hw0 $card vclocks=0 vclock=-1 speed=1000 up=1 best=* note=''" \
	"$carder look hw0"
says 'it stamps nothing yet' 'tx=0 rx=0 flags=0' "$carder setting hw0"
says 'all packets are stamped, and that is how it is set' $'all\ntx=1 rx=1 flags=0' \
	"$carder set hw0 all; $carder setting hw0"
says 'who wants less of it leaves it alone' $'all\nall\ntx=1 rx=1 flags=0' \
	"$carder set hw0 ptp; $carder set hw0 none; $carder setting hw0"
says 'put back' 'tx=0 rx=0 flags=0' "$carder restore hw0 0 0 0 && $carder setting hw0"
says 'packets sent only' $'none\ntx=1 rx=0 flags=0' "$carder set hw0 none; $carder setting hw0"
says 'a filter that comes wider than asked for is told as it came' 'all' "$carder set hw0 ptp"
says 'what the card cannot is an error' 'Numerical result out of range' "$carder restore hw0 2 0 0"
says 'without the right that is said, and the setting kept' \
	$'hw0 (bedclk) refuses to stamp (transmit on, receive filter all): needs CAP_NET_ADMIN\ntx=0 rx=0 flags=0' \
	"$carder restore hw0 0 0 0
	setpriv --bounding-set -net_admin --inh-caps -net_admin $carder set hw0 all; $carder setting hw0"

# ---- cards that can less ----
kind ptp_only 1
says 'a card that stamps PTP alone: transmissions for NTP' '* ptp=1 all=0 ntp=0 * best=none *' "$carder look hw0"
says '... refuses all packets, in words' 'hw0 (bedclk) refuses to stamp (transmit on, receive filter all): it cannot' \
	"$carder set hw0 all"
says '... and gives PTP where that is asked for' ptp "$carder set hw0 ptp"
kind ptp_only 0
kind ntp_only 1
says 'a card with a filter for NTP' $'* best=ntp *\nntp' "$carder look hw0; $carder set hw0 ntp"
kind ntp_only 0
kind tx_only 1
says 'a card that stamps no packet received' $'* tx=1 rx=0 * best=none *\nnone' "$carder look hw0; $carder restore hw0 0 0 0; $carder set hw0 none"
kind tx_only 0
kind no_stamps 1
says 'a card without stamps' '* tx=0 rx=0 *' "$carder look hw0"
kind no_stamps 0
kind link_mbps 100
says 'the speed of its link' '* speed=100 *' "$carder look hw0"
kind link_mbps 1000
bed_tell 1 "$carder restore hw0 0 0 0"

# ---- a daemon that is killed ----
cat >"$TMP/daemon.conf" <<END
server 10.77.0.254 port 9
hwtimestamp hw0
pidfile /run/ours.pid
END
begin="$DAEMON -d -f $TMP/daemon.conf >>/run/ours.log 2>&1 & pid=\$!
	for i in \$(seq 50); do $carder setting hw0 | grep -q tx=1 && [ -s /run/ours.pid ] && break; sleep 0.1; done
	sleep 0.3; $carder setting hw0;"
says 'a daemon sets the card, and at its end puts it back' $'tx=1 rx=1 flags=0\ntx=0 rx=0 flags=0' \
	"$begin kill \$pid; wait \$pid; $carder setting hw0"
says '... unless another program has set it meanwhile: that is left, and said' \
	$'tx=1 rx=1 flags=0\ntx=1 rx=0 flags=0\n1' \
	"$begin hwstamp_ctl -i hw0 -t 1 -r 0 >/dev/null; kill \$pid; wait \$pid; $carder setting hw0
	grep -c 'stays as another program has set it' /run/ours.log; $carder restore hw0 0 0 0; rm -f /run/ours.pid"
says 'one that is killed leaves it set' $'tx=1 rx=1 flags=0\ntx=1 rx=1 flags=0' \
	"$begin kill -9 \$pid; wait \$pid 2>/dev/null; $carder setting hw0"
says '... which the next one finds, uses and leaves as it found it' $'tx=1 rx=1 flags=0\ntx=1 rx=1 flags=0' \
	"rm -f /run/ours.pid; $begin kill \$pid; wait \$pid; $carder setting hw0"
[ "$failures" = 0 ] || bed_tell 1 'tail -n 20 /run/ours.log' | sed 's/^/    | /'
bed_tell 1 "$carder restore hw0 0 0 0"

# ---- what stands on a card ----
says 'a VLAN stamps by the card beneath, and sets that' $"kind=vlan stamper=hw0 $card *all"$'\ntx=1 rx=1 flags=0' \
	"ip link add link hw0 name hw0.7 type vlan id 7 && ip link set hw0.7 up
	$carder look hw0.7; $carder set hw0.7 all; $carder setting hw0"
says 'a bond without a member says so' "kind=bond stamper=bond0 *note='bond0 has no active member'" \
	"$carder restore hw0 0 0 0; ip link del hw0.7; ip link del bond0 2>/dev/null
	ip link add bond0 type bond mode active-backup miimon 50 && ip link set bond0 up; $carder look bond0"
says 'a bond that spreads what it sends says so' "kind=bond stamper=bond1 *note='bond1 sends by all of its members: name these'" \
	"ip link add bond1 type bond mode balance-rr; $carder look bond1"
says 'a bond stamps by its active member' $"kind=bond stamper=hw0 $card *all"$'\ntx=1 rx=1 flags=0' \
	"ip link set hw0 down; ip link set hw0 master bond0; ip link set hw0 up
	for i in \$(seq 30); do $carder look bond0 | grep -q stamper=hw0 && break; sleep 0.1; done
	$carder look bond0; $carder set bond0 all; $carder setting hw0"
says 'a VLAN on a bond' "kind=vlan stamper=hw0 $card *" \
	"ip link add link bond0 name bond0.7 type vlan id 7; $carder look bond0.7"
says 'a bridge with the bond and the VLAN on it as ports has one card' "kind=bridge stamper=hw0 $card *note=''" \
	"ip link add br0 type bridge; ip link set bond0 master br0; ip link set bond0.7 master br0; $carder look br0"
says 'a bridge with ports that do not stamp says so' "kind=bridge stamper=br1 *note='br1 has no port that stamps'" \
	"ip link add br1 type bridge; $carder look br1"

wait "$clocks"
cat "$TMP/clocks"
failures=$((failures + $(lines "$TMP/clocks" "^not ok")))
expect "all of host 2 was looked at" grep -q "steered: off by" "$TMP/clocks"
bed_end 1 2
[ "$failures" = 0 ]
