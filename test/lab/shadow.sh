#!/usr/bin/env bash
# `drivestamp lab shadow`: the report on a machine whose clock somebody else steers, wrong by what we
# know (a preloaded library plays the other hand), beside a chronyd in -x; and what it says of files
# that are not its own.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc
. test/peers.sh
TOOL=$BUILD/tool/drivestamp

# shadow ARGUMENTS...: status in $status, output in $TMP/out, messages in $TMP/err
shadow()
{
	status=0
	timeout -k 5 30 "$TOOL" lab shadow "$@" >"$TMP/out" 2>"$TMP/err" </dev/null || status=$?
}
# json KEY [WITHIN...]: the first number behind "KEY" that comes behind each word of WITHIN, in order
json()
{
	local key=$1
	shift
	awk -v key="$key" -v within="$*" '
		BEGIN { words = split(within, word, " "); at = 1 }
		at <= words && index($0, "\"" word[at] "\"") { at++ }
		at > words && match($0, "\"" key "\": *({\"value\": )?-?[0-9.e+-]+") {
			text = substr($0, RSTART, RLENGTH)
			sub(/.*[: ]/, "", text)
			print text
			exit
		}' "$TMP/json"
}

start_daemon server -d -x 'port 11123' 'local stratum 1' allow "pidfile $TMP/server.pid"
await 5 test -s "$TMP/server.pid" || { not_ok "a server starts"; finish; }
line='server 127.0.0.1 port 11123 minpoll -4 maxpoll -4 iburst xleave'

chronyd='no chronyd'
if [ "$(id -u)" = 0 ] && peer_find chronyd; then
	"${no_clock[@]}" "$peer" -x -d -u root -f /dev/stdin <<END >"$TMP/chronyd.log" 2>&1 &
$line
cmdport 0
bindcmdaddress /
pidfile $TMP/chronyd.pid
END
	daemons+=("$!")
	chronyd='a chronyd in -x'
	await 5 test -s "$TMP/chronyd.pid" || not_ok "chronyd starts: $(cat "$TMP/chronyd.log")"
else
	echo "skip - beside chronyd: ${peer_why:-needs root}"
fi

# begin NAME PLAN [SETTINGS...]: "AT AHEAD RATE; ..." of the machine's clock as it is seen
started=$(($(date +%s) + 1))
begin()
{
	local name=$1 plan=$2
	shift 2
	"${no_clock[@]}" env LD_PRELOAD="$tools/otherhand.so" OTHERHAND_START="$started" OTHERHAND_PLAN="$plan" \
		"$@" "$DAEMON" -d "--shadow=$TMP/$name" "$line" >"$TMP/$name.log" 2>&1 </dev/null &
	daemons+=("$!")
	eval "$name=$!"
}
begin right '0 0 0'
begin wrong '-9 0.003 0; 8 0.053 -100; 11 0.0527 0'
begin slewed '-9 0 0; 4 0 300' OTHERHAND_UNTOLD=1
sleep 14
for name in right wrong slewed; do
	stop_daemon "${!name}"
	expect "$name: ends cleanly, beside $chronyd (status $status)" [ "$status" = 0 ]
done

# The system's clock is 3 ms ahead, after 8 s 53 ms, and from there loses 100 ppm for 3 s.
shadow --skip 3 --json "$TMP/json" "$TMP/wrong"
expect "wrong: a report (status $status)" [ "$status" = 0 ]
n=$(json count sources all)
expect "wrong: packets ($n)" between 60 "$n" 300
n=$(json rms_ns quarter shadow)
expect "wrong: the shadow clock is right (RMS $n ns)" between 10 "$n" 200000
n=$(json max_abs_ns difference)
expect "wrong: the greatest difference ($n ns)" between 52900000 "$n" 53200000
# until 8 s 3 ms, then 53 ms: the system's RMS and bias by the share of the packets of each
first=$(awk '$4 == "C" { print $3; exit }' "$TMP/wrong/shadow_clocks.log")
read -r rms bias < <(awk -v first="$first" '$4 == "X" {
	if ($3 < first + 3) next
	e = -$10 * 1e9; near = e < 20e6 ? 3e6 : 52.8e6; n++; s += near ^ 2; b += near
} END { print sqrt(s / n), b / n }' "$TMP/wrong/shadow_exchanges.log")
n=$(json rms_ns all system)
expect "wrong: the system's RMS ($n ns, by the plan $rms)" \
	between "$(awk "BEGIN { print $rms * 0.99 }")" "$n" "$(awk "BEGIN { print $rms * 1.01 }")"
n=$(json bias_ns all system)
expect "wrong: it is fast ($n ns, by the plan $bias)" \
	between "$(awk "BEGIN { print $bias * 0.99 }")" "$n" "$(awk "BEGIN { print $bias * 1.01 }")"
n=$(json rate_changes)
expect "wrong: its rate was changed twice ($n)" [ "$n" = 2 ]
n=$(grep -c '"clock": "system"' "$TMP/json")
expect "wrong: one step of the system's clock ($n)" [ "$n" = 1 ]
n=$(json ns steps)
expect "wrong: by 50 ms ($n ns)" between 49900000 "$n" 50100000
expect "wrong: never within the bound ($(json within_bound))" between 0 "$(json within_bound)" 0.001
n=$(json beyond_hard_bound_ns)
expect "wrong: outside of what the source allows by nearly all of it ($n ns)" between 50000000 "$n" 53000000
expect "wrong: it is said that the system clock was wrong, and by how much" \
	grep -Eq 'was wrong by 5[0-3]\.[0-9] ms or more at some moment, if the sources are right' "$TMP/out"
expect "wrong: and that the shadow clock was nearer" \
	grep -q 'the shadow clock was nearer to this source' "$TMP/out"
expect "wrong: and what the figures do not show" grep -q 'the asymmetry' "$TMP/out"
if command -v jq >/dev/null; then
	json_is . "$TMP/json" 2>"$TMP/err"
	expect "JSON is JSON ($(head -n 1 "$TMP/err"))" [ $? = 0 ]
fi
cp "$TMP/json" "$TMP/json.before"
shadow --skip 3 --json - "$TMP/wrong"
expect "the same figures again, and alone on standard output" cmp "$TMP/json.before" "$TMP/out"

# Nobody did anything: both clocks are right.
shadow --skip 3 --json "$TMP/json" "$TMP/right"
expect "right: a report (status $status)" [ "$status" = 0 ]
expect "right: nobody was seen to steer" [ "$(json rate_changes) $(grep -c '"clock": "system"' "$TMP/json")" = "0 0" ]
n=$(json rms_ns difference)
expect "right: they differ by next to nothing ($n ns)" between 0 "$n" 20000
n=$(json beyond_bound_ns)
expect "right: the system clock at most 2 us outside of the bound ($n ns)" between 0 "$n" 2000
expect "right: and within the hard bound ($(json within_hard_bound))" between 0.99 "$(json within_hard_bound)" 1
expect "right: it is not said that the system clock was wrong, if the sources are right" \
	[ "$(lines "$TMP/out" 'was wrong by .* if the sources are right')" = 0 ]

# A slew that the kernel's rate does not show is no step. 300 ppm of about 10 s.
shadow --json "$TMP/json" "$TMP/slewed"
expect "slewed: no step ($(grep -c '"clock": "system"' "$TMP/json"))" [ "$(grep -c '"clock": "system"' "$TMP/json")" = 0 ]
n=$(awk '$4 == "X" { e = -$10 * 1e9 } END { print e }' "$TMP/slewed/shadow_exchanges.log")
m=$(json max_abs_ns difference)
expect "slewed: the difference is what it came to ($m ns, $n on the last packet)" \
	between "$(awk "BEGIN { print $n * 0.9 }")" "$m" "$(awk "BEGIN { print $n * 1.1 }")"
expect "slewed: which is some ms" between 1000000 "$m" 5000000

# Files
shadow --skip 3 "$TMP"/wrong/shadow_*.log
expect "files in place of the folder: the same packets (status $status)" \
	eval '[ $status = 0 ] && [ "$(lines "$TMP/out" "packets of 1 source")" = 1 ]'
(cd "$TMP" && mkdir default && cp wrong/shadow_*.log default && mv default drivestamp-shadow)
program=$(realpath "$TOOL")
(cd "$TMP" && "$program" lab shadow >"$TMP/out" 2>"$TMP/err")
expect "without a word: the folder drivestamp-shadow here" grep -q 'packets of 1 source' "$TMP/out"
cat "$TMP/right/shadow_clocks.log" >>"$TMP/drivestamp-shadow/shadow_clocks.log"
shadow "$TMP/drivestamp-shadow"
expect "files of different runs: said" grep -q 'OF DIFFERENT RUNS' "$TMP/out"
expect "and that there was an earlier one" grep -q '1 earlier run in the files' "$TMP/out"
sed '7s/ X / Y /' "$TMP/wrong/shadow_exchanges.log" >"$TMP/garbled"
shadow "$TMP/garbled"
expect "a line that is none: named by file, line and cause; the rest is reported (status $status)" \
	eval '[ $status = 0 ] && grep -q "$TMP/garbled:7: an unknown letter" "$TMP/err"'
echo 'server 192.0.2.1' >"$TMP/conf"
shadow "$TMP/conf"
expect "a file of something else: status 1 (was $status), named" \
	eval '[ $status = 1 ] && grep -q "$TMP/conf:1: " "$TMP/err" && [ ! -s "$TMP/out" ]'
shadow "$TMP/none"
expect "no such folder: status 1 (was $status), named" \
	eval '[ $status = 1 ] && grep -q "$TMP/none: No such file" "$TMP/err"'
mkdir "$TMP/less"
cp "$TMP/right/shadow_exchanges.log" "$TMP/less"
shadow "$TMP/less"
expect "a file that is missing in the folder is named; the rest is reported (status $status)" \
	eval '[ $status = 0 ] && grep -q "less/shadow_clocks.log: No such file" "$TMP/err" &&
		grep -q "packets of 1 source" "$TMP/out"'
mkdir "$TMP/empty"
shadow "$TMP/empty"
expect "a folder without any: status 1 (was $status)" [ "$status" = 1 ]
shadow --skip 1000 "$TMP/wrong"
expect "a skip of everything: status 1 (was $status), said" \
	eval '[ $status = 1 ] && grep -q "nothing is left" "$TMP/err"'
shadow --json /dev/full "$TMP/wrong"
expect "a disk that is full: status 1 (was $status), said" \
	eval '[ $status = 1 ] && grep -q "/dev/full: No space" "$TMP/err"'
shadow --skip no "$TMP/wrong"
expect "--skip no: usage (status $status)" [ "$status" = 2 ]
[ $failures = 0 ] || cat "$TMP/json"
finish
