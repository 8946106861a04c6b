#!/usr/bin/env bash
# Reference clocks that test/daemon/feeder plays: shared memory, a socket, pulses. A virtual clock
# begins wrong and follows; its true error is known. Rights of the socket, bad samples, silence.
. test/lib.sh
# Shared memory has one name for the whole machine, unless it is in a namespace.
if [ -z "${DS_ISOLATED:-}" ] && [ "$(id -u)" = 0 ] && unshare -n -i true 2>/dev/null; then
	rm -rf "$TMP"
	DS_ISOLATED=1 exec unshare -n -i "$0" "$@"
fi
[ -n "${DS_ISOLATED:-}" ] || skip_all "no namespace of shared memory: needs root"
ip link set lo up
. test/daemon/lib.inc
feeder=$tools/feeder
chmod 777 "$TMP"
nobody=$(id -u nobody)

# feed NAME ARGUMENTS...: in the background
feed()
{
	local name=$1
	shift
	"$feeder" "$@" >"$TMP/$name.fed" 2>&1 </dev/null &
	daemons+=("$!")
}
# follow NAME ARGUMENTS...: a daemon on a clock that is 0.3 s and 40 ppm wrong
follow()
{
	local name=$1
	shift
	mkdir -p "$TMP/$name"
	chmod 777 "$TMP/$name"
	start_daemon "$name" -d --clock virtual,offset=0.3,freq=40 'port 0' 'pidfile none' \
		"logdir $TMP/$name" 'log refclocks statistics tracking shadow' 'logbanner 0' \
		'makestep 0.01 -1' "$@"
}
# error NAME: RMS and maximum in us of the true error of the last six lines of shadow.log
error()
{
	samples "$TMP/$1/shadow.log" | tail -n 6 | awk '{ n++; e = $3 * 1e6; s += e * e
		if (e < 0) e = -e; if (e > m) m = e } END { printf "%.2f %.2f\n", sqrt(s / n), m }'
}
# report NAME REFID WORD: of the line `refclock REFID:`
report()
{
	awk -v id="$2:" -v word="$3=" '/ refclock / { for (i = 1; i <= NF; i++) {
		if ($i == "refclock" && $(i + 1) == id) on = 1
		if (on && index($i, word) == 1) n = substr($i, length(word) + 1) } on = 0 }
		END { print n + 0 }' "$TMP/$1.log"
}

# Shared memory: 2 us of noise and a sample in twelve far off, in nanoseconds and in microseconds.
feed shm shm 0 interval=0.1 noise=2000 wild=8
feed micro shm 1 interval=0.1 noise=2000 micro=1
follow shm 'refclock SHM 0 dpoll -3 poll 1 refid GPS'
shm=$pid
follow micro 'refclock SHM 1 dpoll -3 poll -1'
micro=$pid
# A socket: made as root, used as nobody; feeders come later.
follow sock -u nobody "refclock SOCK $TMP/at.sock dpoll -3 poll 1 refid SOCK" \
	"refclock SOCK $TMP/at.group:perm=0660:group=$(id -gn nobody) noselect poll -1"
sock=$pid
# Pulses: a coarse clock tells the second; the pulses themselves are 3 s off, and late by 50 ms.
feed coarse shm 2 interval=0.1 noise=2000000 offset=-0.05
follow pulse 'refclock SHM 2 dpoll -3 poll -1 offset 0.05 delay 0.2 refid NMEA noselect' \
	"refclock SOCK $TMP/at.pulse poll 0 dpoll -3 lock NMEA refid PPS width 0.1"
pulse=$pid
# A clock that jumps by 0.3 s when only a sample or two of it have been used.
follow jump "refclock SOCK $TMP/at.jump dpoll -3 poll 1 refid JUMP"
jump=$pid
# Pulses without `lock`, and a coarse source that is followed until they count.
follow alone 'refclock SHM 3 dpoll -3 poll -1 delay 0.1 precision 0.01 refid NMEA' \
	"refclock SOCK $TMP/at.alone poll -1 refid PPS prefer"
alone=$pid
feed alone shm 3 interval=0.1 noise=2000000
for path in sock group pulse alone jump; do
	await 5 test -S "$TMP/at.$path" || not_ok "a socket at $path"
done
expect "the socket is ours alone (mode $(stat -c %a,%u "$TMP/at.sock"))" \
	[ "$(stat -c %a,%u "$TMP/at.sock")" = 600,0 ]
expect "perm and group are obeyed" \
	[ "$(stat -c %a,%u,%g "$TMP/at.group")" = "660,0,$(id -g nobody)" ]
feed sock sock "$TMP/at.sock" interval=0.1 noise=2000 wild=8
feed group sock "$TMP/at.group" interval=0.1 noise=2000
group=${daemons[-1]}
# Both edges of pulses of 0.1 s; and one.
feed pulse-pulses sock "$TMP/at.pulse" interval=0.05 noise=2000 pulse=1 whole=-3 edges=0.1
feed alone-pulses sock "$TMP/at.alone" interval=0.1 noise=2000 pulse=1 whole=-3
"$feeder" sock "$TMP/at.jump" interval=0.1 noise=2000 offset=0.3 count=8
feed jump sock "$TMP/at.jump" interval=0.1 noise=2000
sleep 13
for name in shm micro sock pulse alone jump; do
	read -r rms max < <(error "$name")
	# this one has begun anew a few seconds ago
	[ "$name" = jump ] && limit=100 || limit=5
	expect "$name: a clock 0.3 s and 40 ppm wrong follows: RMS $rms us" between 0 "$rms" $limit
	expect "$name: at most $max us" between 0 "$max" $((3 * limit))
done
expect "shm: is selected by its name" [ "$(lines "$TMP/shm.log" 'Selected source GPS$')" = 1 ]
expect "sock: runs as nobody" [ "$(awk '/^Uid:/ { print $2 }' "/proc/$sock/status")" = "$nobody" ]

# Silence: said once; and again a sample.
stop=${daemons[1]}
kill "$stop" && wait "$stop" 2>/dev/null
await 8 grep -q 'source SHM0 (SHM0): does not answer' "$TMP/micro.log"
expect "silence is said" [ "$(lines "$TMP/micro.log" 'does not answer')" = 1 ]
# A segment and a socket are removed: others are made under their names, by whoever comes first. The
# socket's is of who the daemon is by now.
kill "$group" && wait "$group" 2>/dev/null
ipcrm -M 0x4e545031
rm "$TMP/at.group"
await 8 test -S "$TMP/at.group"
expect "a socket that was removed is made again, by nobody ($(stat -c %a,%u,%g "$TMP/at.group"))" \
	[ "$(stat -c %a,%u,%g "$TMP/at.group")" = "660,$nobody,$(id -g nobody)" ]
feed again sock "$TMP/at.group" interval=0.1 noise=2000
feed anew shm 1 interval=0.1 noise=2000 micro=1
anew=${daemons[-1]}
await 8 grep -q 'source SHM0: is there again' "$TMP/micro.log"
await 8 grep -q 'source SOC1: is there again' "$TMP/sock.log"
for name in micro:SHM0 sock:SOC1; do
	expect "$name was gone, and is there again; both are said once" \
		[ "$(grep -c "source ${name#*:}: is " "$TMP/${name%:*}.log")" = 2 ]
done
kill "$anew" && wait "$anew" 2>/dev/null
# What makes no sense is counted, and changes nothing.
feed bad shm 1 interval=0.1 leap=7
feed unsynchronised sock "$TMP/at.group" interval=0.1 leap=3
feed size sock "$TMP/at.group" interval=0.1 size=39
feed magic sock "$TMP/at.group" interval=0.1 magic=1
sleep 1.5
for name in shm micro sock pulse alone jump; do
	stop_daemon "${!name}"
	expect "$name: ends cleanly (status $status)" [ "$status" = 0 ]
done
expect "bad segments are counted ($(report micro SHM0 bad))" [ "$(report micro SHM0 bad)" -gt 2 ]
expect "and said once" [ "$(lines "$TMP/micro.log" 'makes no sense')" = 1 ]
expect "bad datagrams are counted ($(report sock SOC1 bad))" [ "$(report sock SOC1 bad)" -gt 10 ]
expect "and those that say they have no time ($(report sock SOC1 unsynchronised))" \
	[ "$(report sock SOC1 unsynchronised)" -gt 5 ]
expect "no sample was taken for another reason" \
	[ "$(report sock SOC1 samples)" = "$(report sock SOC1 used)" ]
expect "the other edge of pulses is not used ($(report pulse PPS ambiguous) of $(report pulse PPS samples))" \
	between $(($(report pulse PPS samples) * 2 / 5)) "$(report pulse PPS ambiguous)" \
	$(($(report pulse PPS samples) * 3 / 5))
expect "pulses before the second is known are counted ($(report alone PPS alone))" \
	[ "$(report alone PPS alone)" -gt 0 ]
expect "the sockets that may be removed are ($(ls "$TMP" | tr '\n' ' '))" \
	[ ! -e "$TMP/at.pulse" -a ! -e "$TMP/at.alone" ]

# The log: chrony's columns.
e='-?[0-9]\.[0-9]{6}e[-+][0-9]{2}'
form="[0-9-]{10} [0-9:]{8}\.[0-9]{6} GPS  +([0-9]+ N 0 +$e|- N - +-) +$e +[0-9]\.[0-9]{3}e[-+][0-9]{2}"
log=$TMP/shm/refclocks.log
expect "refclocks.log: $(samples "$log" | wc -l) lines, each column of its form" \
	[ "$(samples "$log" | grep -cvE "^$form\$")" = 0 ]
expect "refclocks.log: a line a poll for what the filter made" \
	[ "$(samples "$log" | grep -c 'GPS .* - N -')" -ge 15 ]
expect "statistics.log names it" grep -q ' GPS  ' "$TMP/shm/statistics.log"

# What cannot be had: an error that names file, line and cause.
run_daemon 5 -d --clock virtual 'port 0' 'refclock PPS /dev/no-such-pps' 'server 127.0.0.1'
expect "no device: ends with status 1 (was $status)" [ "$status" = 1 ]
expect "and says which" grep -q 'command line:2: PPS0: /dev/no-such-pps: cannot open: No such file' "$TMP/out"
touch "$TMP/file"
run_daemon 5 -d --clock virtual 'port 0' "refclock SOCK $TMP/file"
expect "a file in the place of the socket is left alone, and the daemon ends" \
	[ "$status" = 1 -a -f "$TMP/file" ]
finish
