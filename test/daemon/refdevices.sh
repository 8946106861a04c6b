#!/usr/bin/env bash
# Reference clocks behind devices that test/daemon/devices plays: pulses of the kernel and of a card,
# the card's clock in each of its ways. A virtual clock begins wrong and follows CLOCK_REALTIME.
. test/lib.sh
if [ -z "${DS_ISOLATED:-}" ] && [ "$(id -u)" = 0 ] && unshare -n -i true 2>/dev/null; then
	rm -rf "$TMP"
	DS_ISOLATED=1 exec unshare -n -i "$0" "$@"
fi
[ -n "${DS_ISOLATED:-}" ] || skip_all "no namespace of shared memory: needs root"
ip link set lo up
. test/daemon/lib.inc

# follow NAME SETTINGS ARGUMENTS...: on a clock that is 0.2 s and 40 ppm wrong
follow()
{
	local name=$1 settings=$2
	shift 2
	mkdir -p "$TMP/$name"
	"${no_clock[@]}" env LD_PRELOAD="$tools/devices.so" $settings "$DAEMON" -d \
		--clock virtual,offset=0.2,freq=40 'port 0' 'pidfile none' "logdir $TMP/$name" \
		'log refclocks shadow' 'logbanner 0' 'makestep 0.01 1' "$@" \
		>"$TMP/$name.log" 2>&1 </dev/null &
	pid=$!
	daemons+=("$pid")
	names+=("$name")
}
names=()
# error NAME: RMS and maximum in us of the last six lines of shadow.log
error()
{
	samples "$TMP/$1/shadow.log" | tail -n 6 | awk '{ n++; e = $3 * 1e6; s += e * e
		if (e < 0) e = -e; if (e > m) m = e } END { printf "%.2f %.2f\n", sqrt(s / n), m }'
}

# Coarse clocks tell the second: 60 ms late, 2 ms of noise. What is read is gone: one for each.
nmea()
{
	echo "refclock SHM $1 dpoll -3 poll -1 offset 0.06 delay 0.2 refid NMEA noselect"
}
for unit in 0 1 2 3; do
	"$tools/feeder" shm $unit interval=0.1 noise=2000000 offset=-0.06 >/dev/null 2>&1 </dev/null &
	daemons+=("$!")
done
fast='DEVICES_RATE=10 DEVICES_NOISE=1000'
follow pps "$fast" "$(nmea 0)" 'refclock PPS /dev/pps77 dpoll -4 poll -1 rate 10 lock NMEA'
# The falling edge is 100 ms behind: `offset` knows it.
follow clear 'DEVICES_RATE=2 DEVICES_NOISE=1000' "$(nmea 1)" \
	'refclock PPS /dev/pps77:clear dpoll -2 poll 0 rate 2 lock NMEA offset 0.1'
follow extpps "$fast" "$(nmea 2)" \
	'refclock PHC /dev/ptp77:extpps:pin=1:channel=1 poll -1 rate 10 lock NMEA'
# A list of leap seconds that has come to 37 in other years than ours.
awk 'BEGIN { print "#@ 4291747200"
	for (i = 10; i <= 37; i++) printf "%.0f %d\n", 2272060800 + (i - 10) * 25920000, i }' >"$TMP/leaps"
follow phc DEVICES_NOISE=300 "leapseclist $TMP/leaps" 'refclock PHC /dev/ptp77 dpoll -3 poll -1 tai'
follow precise 'DEVICES_NOISE=300 DEVICES_WAYS=p' \
	'refclock PHC /dev/ptp77 dpoll -3 poll -1 offset -37'
# Whole seconds that are seen to begin, to what a wake-up takes on a busy machine; and seconds that
# began between two readings, 62 ms apart.
follow rtc '' 'refclock RTC /dev/rtc77:utc dpoll -2 poll 1'
follow bare '' 'refclock RTC /dev/rtc78:utc dpoll -4 poll -1'
# A real-time clock that is 5 s ahead is measured while we follow the card.
printf '0.0 0 0.0\n0\nUTC\n' >"$TMP/adjtime"
follow rtcfile 'DEVICES_WAYS=p DEVICES_RTC=5' "leapseclist $TMP/leaps" "rtcfile $TMP/kept" \
	'rtcdevice /dev/rtc77' "hwclockfile $TMP/adjtime" 'log rtc' \
	'refclock PHC /dev/ptp77 dpoll -3 poll -1 tai'
# Another is 3 s ahead, as its file says; ours begins 1000 s back and has no source.
echo "1 $(date +%s) 3.0 0.0" >"$TMP/rtc3"
mkdir "$TMP/set"
"${no_clock[@]}" env LD_PRELOAD="$tools/devices.so" DEVICES_RTC=3 "$DAEMON" -s -d \
	--clock virtual,offset=-1000 'port 0' 'pidfile none' "logdir $TMP/set" 'log shadow' \
	'logbanner 0' "rtcfile $TMP/rtc3" 'rtcdevice /dev/rtc77' rtconutc 'local' \
	>"$TMP/set.log" 2>&1 </dev/null &
set=$!
# Its clock as pulses: whatever whole seconds it is ahead.
follow plain 'DEVICES_NOISE=300 DEVICES_WAYS=po' "$(nmea 3)" \
	'refclock PHC /dev/ptp77:nocrossts dpoll -3 poll -1 pps lock NMEA'
sleep 12
for name in "${names[@]}"; do
	read -r rms max < <(error "$name")
	case $name in rtc) limit=30000 ;; bare) limit=150000 ;; *) limit=5 ;; esac
	expect "$name: a clock 0.2 s and 40 ppm wrong follows: RMS $rms us" \
		between 0 "$rms" $limit
	expect "$name: at most $max us" between 0 "$max" $((limit * 3))
done
# What a reading may be wrong by: half of the 2 us between the stamps at most, and by what the noise of many
# readings bounds no less than half of that (ds_phc_combine()), whatever noise there was and however many
# readings a busy machine had time for; nothing is known if precise.
dispersion() { samples "$TMP/$1/refclocks.log" | awk '$4 != "-" { print $9 * 1e9; exit }'; }
expect "phc: dispersion $(dispersion phc) ns" between 500 "$(dispersion phc)" 1000
expect "precise: dispersion $(dispersion precise) ns" between 1 "$(dispersion precise)" 500
kill "$set" && wait "$set"
expect "-s: the clock is set by the real-time clock: wrong by $(error set | cut -d' ' -f1) us" \
	between 0 "$(error set | cut -d' ' -f1)" 50000
expect "-s: says so" grep -q 'set from the real-time clock, by \(1000\.0\|999\.9\)' "$TMP/set.log"
for ((i = 4; i < ${#daemons[@]}; i++)); do
	stop_daemon "${daemons[i]}"
	expect "${names[i - 4]}: ends cleanly (status $status)" [ "$status" = 0 ]
done
expect "pps: no pulse is taken twice" \
	between 1 "$(sed -n 's/.*refclock PPS1: samples=\([0-9]*\).*/\1/p' "$TMP/pps.log")" 135

read -r valid at ahead fast <"$TMP/kept"
expect "rtcfile: $valid $at $ahead $fast" between 4.99 "$ahead" 5.01
expect "rtcfile: of now" between $(($(date +%s) - 20)) "$at" "$(date +%s)"
expect "rtc.log: $(samples "$TMP/rtcfile/rtc.log" | wc -l) lines of 9 columns" \
	[ "$(samples "$TMP/rtcfile/rtc.log" | awk '{ print NF }' | sort -u)" = 9 ]
run_daemon 3 -d --clock virtual -t 1 'port 0' local "rtcfile $TMP/kept" 'rtcdevice /dev/nosuchrtc'
expect "no real-time clock: a warning" \
	grep -q 'is not tracked: /dev/nosuchrtc: cannot open: No such file' "$TMP/out"

# refused REASON ARGUMENTS...: the daemon ends with status 1 and says so
refused()
{
	local reason=$1
	shift
	status=0
	timeout 5 "${no_clock[@]}" env LD_PRELOAD="$tools/devices.so" DEVICES_WAYS=x "$DAEMON" -d \
		--clock virtual 'port 0' 'server 127.0.0.1' "$@" >"$TMP/out" 2>&1 </dev/null ||
		status=$?
	expect "$*: ends with status 1 (was $status)" [ "$status" = 1 ]
	expect "$*: $reason" grep -qF "command line:3: $reason" "$TMP/out"
}
refused 'PHC0: /dev/ptp77: cannot read the clock: Operation not supported' 'refclock PHC /dev/ptp77'
refused 'RTC0: /dev/null: cannot read the time: Inappropriate ioctl for device' 'refclock RTC /dev/null'
refused 'PHC0: lo: cannot find its PTP clock: Operation not supported' 'refclock PHC lo'
refused 'PHC0: nosuch0: cannot find its PTP clock: No such device' 'refclock PHC nosuch0'
refused 'PPS0: /dev/null: cannot ask what it can do: Inappropriate ioctl for device (no PPS device)' \
	'refclock PPS /dev/null'
finish
