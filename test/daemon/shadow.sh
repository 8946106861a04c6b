#!/usr/bin/env bash
# In shadow: beside a daemon that runs by the very same file, nothing is touched, no right is needed
# or kept, and what is logged of the two clocks is true.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc
. test/peers.sh

otherhand=$tools/otherhand.so
start_daemon server -d -x 'port 11123' 'local stratum 1' allow "pidfile $TMP/server.pid"
await 5 test -s "$TMP/server.pid" || { not_ok "a server starts"; finish; }
line='server 127.0.0.1 port 11123 minpoll -3 maxpoll -3 iburst xleave'

# The other daemon's file: whatever it may hold.
other=$TMP/other
mkdir "$other" "$other/log" "$other/dump"
echo '7 SHA1 HEX:0123456789abcdef0123456789abcdef01234567' >"$other/keys"
echo '12.5 0.1' >"$other/drift"
chmod 600 "$other/keys"
cat >"$other/conf" <<END
$line
confdir $other/conf.d
sourcedir $other/sources.d
keyfile $other/keys
driftfile $other/drift
dumpdir $other/dump
ntsdumpdir $other/dump
pidfile $other/pid
logdir $other/log
log measurements tracking
acquisitionport 11345
allow 127.0.0.0/8
local stratum 12
maxupdateskew 100.0
makestep 1 3
rtcsync
refclock SOCK $other/sock refid SOK
cmdport 0
bindcmdaddress /
END

# What is there: names, sizes, times, contents; and who holds the port.
snapshot()
{
	(cd "$other" && find . -printf '%p %y %s %i %T@ %m %U\n' | sort &&
		find . -type f -exec cksum {} + | sort)
	awk '$2 ~ /:007B$/' /proc/net/udp /proc/net/udp6
}
chronyd=
if [ "$(id -u)" = 0 ] && peer_find chronyd; then
	# No right to the clock, and stopped while we look: what changes is not its doing.
	"${no_clock[@]}" "$peer" -x -d -u root -f "$other/conf" >"$TMP/chronyd.log" 2>&1 </dev/null &
	chronyd=$!
	daemons+=("$chronyd")
	await 5 test -s "$other/pid" || not_ok "chronyd starts: $(cat "$TMP/chronyd.log")"
	await 5 samples "$other/log/measurements.log" 3 || not_ok "chronyd measures"
	kill -STOP "$chronyd"
else
	echo "skip - beside chronyd: ${peer_why:-needs root}"
fi
snapshot >"$TMP/before"

# begin NAME ARGUMENTS...: in shadow by the other's file; any try to set a clock leaves a line
begin()
{
	local name=$1
	shift
	"${no_clock[@]}" env LD_PRELOAD="$otherhand" OTHERHAND_START="$started" OTHERHAND_TOLD="$TMP/$name.told" \
		OTHERHAND_PLAN="${plan:-}" "$DAEMON" -d "$@" >"$TMP/$name.log" 2>&1 </dev/null &
	pid=$!
	daemons+=("$pid")
}
started=$(date +%s)
begin beside "--shadow=$TMP/beside" -f "$other/conf"
beside=$pid
# The machine's clock, as they see it, gains 40 ppm, is stepped by 0.25 s, and then loses 15 ppm.
plan='0 0.002 40; 6 0.25 -15'
begin steered "--shadow=$TMP/steered" "$line"
steered=$pid

# In a user namespace there is a right to set clocks, of no use for the machine's.
if unshare -Ur true 2>/dev/null; then
	unshare -Ur "$DAEMON" -d "--shadow=$TMP/righteous" "$line" >"$TMP/righteous.log" 2>&1 </dev/null &
	righteous=$!
	daemons+=("$righteous")
	await 5 samples "$TMP/righteous/shadow_exchanges.log" 3
	status_of() { awk -v word="$2:" '$1 == word { print $2 }' "/proc/$1/status"; }
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		bits=$(status_of "$righteous" $set)
		expect "the right to set a clock is in no $set ($bits)" [ $((0x${bits:-2000000} >> 25 & 1)) = 0 ]
	done
	stop_daemon "$righteous"
else
	echo "skip - rights given up: no user namespaces"
fi
if [ "$(id -u)" = 0 ]; then
	program=$(realpath "$DAEMON")
	mkdir "$TMP/theirs"
	chown nobody "$TMP/theirs"
	(cd "$TMP/theirs" && exec setpriv --reuid nobody --regid nogroup --clear-groups --bounding-set -all \
		"$program" -d -t 3 --shadow "$line" >"$TMP/nobody.log" 2>&1 </dev/null)
	expect "nobody, without any right: status 0 (was $?)" [ $? = 0 ]
	expect "and measures" samples "$TMP/theirs/drivestamp-shadow/shadow_exchanges.log" 5
	run_daemon 3 -d -t 1 -u nobody "--shadow=$TMP/given" "$line"
	expect "-u nobody: the folder is its" [ "$(stat -c %U "$TMP/given")" = nobody ]
	expect "and what is in it" samples "$TMP/given/shadow_exchanges.log" 2
fi

# What cannot be
for wrong in -x -q -Q -s '--clock=virtual'; do
	run_daemon 5 -d --shadow "$wrong" "$line"
	expect "--shadow $wrong: status 1 (was $status), one line says why" \
		[ "$status $(lines "$TMP/out" "shadow and ${wrong%%=*} exclude")" = "1 1" ]
done
run_daemon 5 -d "--shadow=$other/keys" "$line"
expect "a folder that is a file: status 1 (was $status), one line" \
	[ "$status $(lines "$TMP/out" "$other/keys: Not a directory")" = "1 1" ]
run_daemon 5 -d "--shadow=$TMP/no/such" "$line"
expect "a folder that cannot be made: status 1 (was $status), one line" \
	[ "$status $(lines "$TMP/out" "$TMP/no/such: No such file")" = "1 1" ]
run_daemon 5 -p --shadow=else 'server a.example nts' 'peer b.example' 'broadcast 1 192.0.2.255' \
	'multicastclient 224.0.1.1 unauthenticated' 'tempcomp /sys/none 30 26000 0.0 0.000183 0.0' \
	'refclock SHM 0 refid SHM' 'refclock PPS /dev/pps0 lock SHM refid PPS' 'rtcfile /var/lib/other/rtc'
expect "directives that we do not know, or that touch: status 0 (was $status)" [ "$status" = 0 ]
for word in nts tempcomp peer broadcast multicastclient SHM PPS rtcfile; do
	expect "$word: one line says that it is left out" \
		[ "$(lines "$TMP/out" "Warning: .*\b$word\b.* left out in shadow")" = 1 ]
done
expect "and the source stays" [ "$(lines "$TMP/out" '^server a.example$')" = 1 ]

sleep_until() { while [ $(($(date +%s) - started)) -lt "$1" ]; do sleep 0.2; done; }
sleep_until 11
status_of() { awk -v word="$2:" '$1 == word { print $2 }' "/proc/$1/status"; }
snapshot >"$TMP/after"
for name in beside steered; do
	stop_daemon "${!name}"
	expect "$name: ends cleanly (status $status)" [ "$status" = 0 ]
	expect "$name: no try to set the machine's clock" [ ! -e "$TMP/$name.told" ]
done
expect "the other daemon's files and port are as they were" cmp "$TMP/before" "$TMP/after"
if [ -n "$chronyd" ]; then
	kill -CONT "$chronyd"
	before=$(samples "$other/log/measurements.log" | wc -l)
	expect "and it goes on" await 5 samples "$other/log/measurements.log" $((before + 2))
fi
for word in allow local acquisitionport pidfile driftfile logdir rtcsync SOK; do
	expect "$word: one line says that it is left out" \
		[ "$(lines "$TMP/beside.log" "Warning: .*\b$word\b.* left out in shadow")" = 1 ]
done
expect "no word but 'Shadow clock' for what is corrected" \
	[ "$(lines "$TMP/beside.log" 'Shadow clock wrong by') $(lines "$TMP/beside.log" 'System clock')" = "1 0" ]
expect "a drift file of its own" [ -s "$TMP/beside/drift" ]
expect "logs of its own" samples "$TMP/beside/measurements.log" 10

# The same packets against both clocks: the source is right, so the system's offset is what the
# plan says of it. A stamp may be off by what the host's clock steered away in a packet's time.
truth()
{
	awk -v start="$started" 'BEGIN { while ((getline line <"/dev/stdin") > 0) {
		n = split(line, f, " ")
		if (f[4] != "X") continue
		split(f[2], c, ":")
		seen = c[1] * 3600 + c[2] * 60 + c[3] - start % 86400
		if (seen < -43200) seen += 86400
		# what the clock shows is ahead by what is asked for: good to a nanosecond here
		t = seen - 0.002; if (seen > 6.24) t = seen - 0.25
		ahead = t < 6 ? 0.002 + 40e-6 * t : 0.25 - 15e-6 * (t - 6)
		count++
		off = f[10] + ahead; if (off < 0) off = -off
		slack = f[11] / 2 + 2e-6
		if (off > slack) bad++
	}
	print count + 0, bad + 0 }' <"$TMP/steered/shadow_exchanges.log"
}
read -r n bad < <(truth)
expect "the system's offset on each packet is the true one ($n packets, $bad off by more than half the delay)" \
	eval '[ "$n" -ge 40 ] && [ "$bad" -le $((n / 50 + 1)) ]'
events() { awk '$4 == "E" && $5 == "'"$1"'"' "$TMP/$2/shadow_events.log"; }
n=$(events system-step steered | awk '{ n++; s = $6 } END { print n + 0, s }')
expect "steered: one step, and how far (count and s: $n)" between 0.2477 "${n#1 }" 0.2479
rates=$(events system-rate steered | awk 'END { print $7 - $6 }')
expect "steered: its rate changed by -55 ppm ($rates)" between -55.1 "$rates" -54.9
expect "beside: nobody stepped anything" [ "$(events system-step beside | wc -l)" = 0 ]
last=$(awk '$4 == "C" { n++; if ($6 != "-" && $5 * $5 <= ($6 + 1e-3) ^ 2) m++ } END { print m / n }' "$TMP/beside/shadow_clocks.log")
expect "beside: the two clocks agree, both being right ($last of all lines)" between 0.95 "$last" 1
n=$(awk '$4 == "X" { o = $9 < 0 ? -$9 : $9; if (++n > 20) { m++; if (o <= $11 / 2 + 1e-5) good++ } } END { print good / m }' \
	"$TMP/steered/shadow_exchanges.log")
expect "steered: our clock is not moved by what is done to the other ($n of its offsets are of the delay)" \
	between 0.9 "$n" 1
finish
