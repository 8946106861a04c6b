#!/usr/bin/env bash
# simulated: the daemon under a public simulator of clock and network that is preloaded into it.
# It must never judge on the machine's own clock: without a simulator it says so and ends.
#
# The simulator is not part of this repository. The user names it:
#   PRELOAD_LIB=/path/library.so PRELOAD_SERVER=/path/server test/simulated.sh [OPTIONS] [S1 ...]
#   CHRONYD=/path/chronyd   the servers are chronyd's, not drivestampd's, and it can be compared
#   DAEMON=/path/daemon     what is tested (default: drivestampd of DS_BUILD)
#   RUNS=N                  so many simulations, each with other noise (3)
#
# Without options it is a test. Scenario: one perfect server, 100 us and exponential jitter of
# 100 us each way, wander 1e-9, start 100 ms and 100 ppm wrong, 10000 s at default polls.
# Limits: below 1 ms from 210 s on, RMS below 200 us from there, no interval between the client's
# packets below 1.8 s, clean ends on SIGTERM.
#
# --table measures the scenarios named (S1 to S14, or S12X; default all), RUNS times each, and
# prints for each: RMS and maximum of the error with the first quarter left out, the second from
# which the error stays below the scenario's threshold for 200 s (for S8 after its step), and the
# packets that the clients sent. Of drivestampd also the share of seconds in which the error was within
# the bound that bound.log claims (which cannot know of a step by somebody else before the daemon
# does; readers of the page see it), and the mean bound over the RMS.
#   --client ours|chrony|both   who follows (ours). With both, or --against: also the ratios of
#                               ours to chrony's, and their geometric means
#   --polls fixed|default|both  poll 6 (S2: 0, S13: 4), or as the daemons choose (fixed)
#   --against FILE, --save FILE lines of results of an earlier run; where to add those of this one
#   --json                      the table as JSON
#   --jobs N                    so many at once (1)
#   --seconds N                 length of a simulation (100000; S2 a fifth of it)
#   --keep DIR                  keep each simulation's logs there
set -u
cd "$(dirname "$0")/.." || exit 1
build=${DS_BUILD:-build}
library=${PRELOAD_LIB:-} simulator=${PRELOAD_SERVER:-}
ours=$build/daemon/drivestampd
daemon=${DAEMON:-$ours}
failures=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }

if [ ! -r "$library" ] || [ ! -x "$simulator" ]; then
	echo "skip - no simulator: PRELOAD_LIB and PRELOAD_SERVER name its library and its server"
	exit 0
fi
command -v "$daemon" >/dev/null || { not_ok "no $daemon: build first"; exit 1; }

dir=$(mktemp -d) || exit 1
pids=()
cleanup()
{
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Should the preloading fail, the daemons have no right to touch the machine's clock.
guard=()
if [ "$(id -u)" = 0 ]; then
	guard=(setpriv --bounding-set -sys_time --inh-caps -sys_time)
fi

# node NUMBER PROGRAM: start it on that simulated host with $dir/conf.NUMBER
node()
{
	local options=(-d -f "$dir/conf.$1")
	[ "$(id -u)" != 0 ] || options+=(-u root)
	"${guard[@]}" env LD_PRELOAD="$library" CLKNETSIM_NODE="$1" CLKNETSIM_SOCKET="$dir/socket" \
		"$2" "${options[@]}" >"$dir/log.$1" 2>&1 </dev/null &
	pids[$1]=$!
}

# finish NUMBER: SIGTERM, then its exit status (99: it did not end in 5 s)
finish()
{
	local left=50 status=0 pid=${pids[$1]}
	kill -TERM "$pid" 2>/dev/null
	while kill -0 "$pid" 2>/dev/null; do
		[ $((left--)) -gt 0 ] || return 99
		sleep 0.1
	done
	wait "$pid" || status=$?
	unset "pids[$1]"
	return $status
}

# run_simulator SECONDS NODES: with $dir/hosts; returns whether it came to its end
run_simulator()
{
	timeout -k 5 300 "$simulator" -s "$dir/socket" -o "$dir/offsets" -p "$dir/packets" \
		-l "$1" "$dir/hosts" "$2" >"$dir/statistics" 2>&1 </dev/null
}

# ---- the test ----

test_seconds=10000

write_files()
{
	cat >"$dir/hosts" <<-END
		node2_offset = 0.1
		node2_freq = (+ 1e-4 (sum (* 1e-9 (normal))))
		node1_delay2 = (+ 1e-4 (* 1e-4 (exponential)))
		node2_delay1 = (+ 1e-4 (* 1e-4 (exponential)))
	END
	printf '%s\n' "pidfile $dir/pid.1" 'local stratum 1' allow 'cmdport 0' >"$dir/conf.1"
	printf "%s\n" "pidfile $dir/pid.2" "server 192.168.123.1" "cmdport 0" >"$dir/conf.2"
}

# The log of offsets has a line a second (the first at 0 s), a column a host.
# Prints: the second from which the error stays below 1 ms, RMS and maximum in us after 210 s.
figures()
{
	awk 'function abs(x) { return x < 0 ? -x : x }
		abs($2) >= 1e-3 { synchronised = NR }
		NR - 1 >= 210 { n++; sum += $2 * $2; if (abs($2) > max) max = abs($2) }
		END { printf "%d %.1f %.1f %d\n", synchronised, 1e6 * sqrt(sum / n), 1e6 * max, n }' \
		"$dir/offsets"
}

# The log of packets has a line a packet: time, from, to. Least interval between the client's.
least_interval()
{
	awk '$2 == 2 { if (n++ && (least == "" || $1 - last < least)) least = $1 - last; last = $1 }
		END { printf "%.3f %d\n", least, n }' "$dir/packets"
}

# limit TEXT VALUE OPERATOR LIMIT
limit()
{
	if awk -v v="$2" -v l="$4" "BEGIN { exit !(v $3 l) }"; then
		ok "$1: $2 ($3 $4)"
	else
		not_ok "$1: $2, must be $3 $4"
	fi
}

simulate()
{
	local run=$1 synchronised rms max n least packets
	rm -f "$dir"/offsets "$dir"/packets "$dir"/socket "$dir"/pid.*
	write_files
	node 1 "${CHRONYD:-$ours}"
	node 2 "$daemon"
	if ! run_simulator $test_seconds 2; then
		not_ok "run $run: the simulation ends"
		tail -n 5 "$dir/statistics" "$dir"/log.*
		return
	fi
	finish 2
	limit "run $run: exit status of the client on SIGTERM" $? == 0
	finish 1
	limit "run $run: exit status of the server on SIGTERM" $? == 0
	read -r synchronised rms max n < <(figures)
	read -r least packets < <(least_interval)
	limit "run $run: seconds of simulation after 210 s" "$n" '>' $((test_seconds - 300))
	limit "run $run: below 1 ms from s" "$synchronised" '<=' 210
	limit "run $run: RMS of the error from 210 s on, us" "$rms" '<' 200
	limit "run $run: greatest error from 210 s on, us" "$max" '<' 1000
	limit "run $run: requests sent" "$packets" '>=' 5
	limit "run $run: least interval between them, s" "$least" '>=' 1.8
	[ $failures = 0 ] || tail -n 15 "$dir"/log.*
}

# ---- the table ----

scenarios=(S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S12X S13 S14)

# Each scenario sets these; the defaults are those of S7, S8, S11 and S12.
defaults()
{
	delay=1e-4 jitter=1e-4 jitter_back='' wander=1e-9 poll=6
	servers=1 clients=1 loss='' down='' chain='' peers='' refclock='' step='' false=''
	threshold=1e-3 sync_from=0 frequency='1e-4'
	seconds=${SECONDS_SIMULATED:-100000}
}

# A value of 0.3 (uniform) is below it in 30 of 100 cases: a negative delay is a loss.
scenario()
{
	defaults
	case $1 in
	S1) jitter=1e-5 ;;
	S2) delay=1e-5 jitter=1e-7 wander=1e-10 poll=0 threshold=1e-4 seconds=$((seconds / 5)) ;;
	S3) delay=2e-2 jitter=1e-3 threshold=1e-2 ;;
	S4) delay=5e-2 jitter=1e-2 wander=1e-8 threshold=5e-2 ;;
	S5) delay=1e-2 jitter=2e-3 jitter_back=0 threshold=5e-3 ;;
	S6) wander=1e-7 ;;
	S7) frequency='1e-5 (* 1e-6 (sine 3600))' wander=0 ;;
	S8) step='(* 1.0 (equal 0.1 (sum 1.0) 2000))' sync_from=2001 ;;
	S9) delay=2e-2 jitter=1e-3 threshold=1e-2 loss='(* -1 (equal 0.15 (uniform) 0.15))' ;;
	S10) delay=2e-2 jitter=1e-3 threshold=1e-2 servers=4 false=0.05 ;;
	S11) down='(* -1 (equal 1000 (% time 3000) 2000))' ;;
	S12) peers=' ' clients=2 ;;
	S12X) peers=' xleave' clients=2 ;;
	S13) refclock='(* 1e-6 (normal))' servers=0 poll=4 threshold=1e-4 ;;
	S14) jitter=1e-5 chain=1 clients=4 ;;
	*) echo "no scenario $1" >&2; exit 1 ;;
	esac
}

address() { echo "192.168.123.$1"; }

# hosts and conf.N of the scenario that is set; polls: fixed or default
write_scenario()
{
	local polls=$1 i j words='' nodes=$((servers + clients)) back=${jitter_back:-$jitter}
	[ "$polls" = default ] || words=" minpoll $poll maxpoll $poll"
	: >"$dir/hosts"
	for ((i = servers + 1; i <= nodes; i++)); do
		{
			echo "node${i}_offset = 0.1"
			echo "node${i}_freq = (+ $frequency (sum (* $wander (normal))))"
			[ -z "$step" ] || echo "node${i}_step = $step"
			[ -z "$refclock" ] || echo "node${i}_refclock = $refclock"
		} >>"$dir/hosts"
		printf '%s\n' "pidfile $dir/pid.$i" 'cmdport 0' >"$dir/conf.$i"
		[ -z "$chain$peers" ] || echo allow >>"$dir/conf.$i"
		[ -z "$refclock" ] || echo "refclock SHM 0 dpoll 0 poll $poll" >>"$dir/conf.$i"
		for ((j = 1; j < i; j++)); do
			if [ $j -le $servers ] && [ -z "$chain" ]; then
				[ -z "$peers" ] || [ $((i - servers)) = 1 ] || continue
				echo "server $(address $j)$words" >>"$dir/conf.$i"
			elif [ -n "$chain" ] && [ $j = $((i - 1)) ]; then
				echo "server $(address $j)$words" >>"$dir/conf.$i"
			elif [ -n "$peers" ]; then
				echo "peer $(address $j)$words${peers% }" >>"$dir/conf.$i"
				echo "peer $(address "$i")$words${peers% }" >>"$dir/conf.$j"
			fi
			cat >>"$dir/hosts" <<-END
				node${j}_delay$i = (+ $delay (* $back (exponential)) $loss $down)
				node${i}_delay$j = (+ $delay (* $jitter (exponential)) $loss $down)
			END
		done
	done
	for ((i = 1; i <= servers; i++)); do
		printf '%s\n' "pidfile $dir/pid.$i" 'local stratum 1' allow 'cmdport 0' \
			>"$dir/conf.$i"
	done
	[ -z "$false" ] || echo "node${servers}_offset = $false" >>"$dir/hosts"
}

# RMS and maximum after the first quarter, seconds until the error stays below the threshold for
# 200 s, of the last host; requests of all clients.
measure()
{
	local nodes=$((servers + clients)) packets
	packets=$(awk -v servers="$servers" '$2 > servers && $6 == 123 { n++ }
		END { print n + 0 }' "$dir/packets" 2>/dev/null)
	awk -v node=$nodes -v threshold="$threshold" -v from="$sync_from" -v packets="${packets:-0}" '
		function abs(x) { return x < 0 ? -x : x }
		{ e = abs($node); error[NR - 1] = e }
		END {
			for (i = int(NR / 4); i < NR; i++) {
				sum += error[i] ^ 2; n++
				if (error[i] > max) max = error[i]
			}
			sync = from
			for (i = from; i < NR && i < sync + 200; i++)
				if (error[i] >= threshold) sync = i + 1
			printf "%.6e %.6e %d %d\n", sqrt(sum / n), max, sync - from, packets
		}' "$dir/offsets"
}

# What bound.log of the last host claims, held against the error at each second: the share of them
# that is within it, and its mean after the first quarter over the RMS there. Time there begins at
# 0:00 of a day.
measure_bound()
{
	[ -s "$dir/bound/bound.log" ] || return 0
	awk -v node=$((servers + clients)) -v log_file="$dir/bound/bound.log" '
		function abs(x) { return x < 0 ? -x : x }
		function grown(ns, early, late,   age) {
			age = t - at
			return ns + 1e-6 * (age < knee ? age * early : knee * early + (age - knee) * late)
		}
		function next_line(   words, f, hms) {
			if ((getline words < log_file) <= 0) return 0
			split(words, f, " "); split(f[2], hms, ":")
			if (f[1] != date) { day += date != ""; date = f[1] }
			new_at = 86400 * day + hms[1] * 3600 + hms[2] * 60 + hms[3]
			for (i = 3; i <= 14; i++) coming[i] = f[i]
			return 1
		}
		BEGIN { more = next_line() }
		{
			t = NR - 1; e = abs($node); error[t] = e
			while (more && new_at <= t) {
				at = new_at; known = coming[14] ~ /[13579bdf]$/
				tight = coming[3]; te = coming[4]; tl = coming[5]
				hard = coming[6]; he = coming[7]; hl = coming[8]
				knee = coming[9]; void = coming[10]
				more = next_line()
			}
			if (!known || t - at > void) next
			b = grown(tight, te, tl); h = grown(hard, he, hl)
			if (h < b) b = h
			n++; inside += e <= b; claimed[t] = b
		}
		END {
			for (i = int(NR / 4); i < NR; i++) {
				square += error[i] ^ 2; m++
				if (i in claimed) { sum += claimed[i]; claims++ }
			}
			printf " %.6f %.3f\n", inside / n, sum / claims / sqrt(square / m)
		}' "$dir/offsets"
}

# one CLIENT POLLS SCENARIO SEED: a line of results
one()
{
	local client=$1 polls=$2 name=$3 seed=$4 program=$daemon i status=0 nodes
	[ "$client" = ours ] || program=$CHRONYD
	scenario "$name"
	nodes=$((servers + clients))
	export CLKNETSIM_RANDOM_SEED=$((seed * 1000 + 1))
	write_scenario "$polls"
	mkdir "$dir/bound"
	[ "$client" != ours ] ||
		printf '%s\n' "logdir $dir/bound" 'log bound' 'logbanner 0' >>"$dir/conf.$nodes"
	for ((i = 1; i <= nodes; i++)); do
		[ $i -le $servers ] && node $i "${CHRONYD:-$ours}" || node $i "$program"
	done
	run_simulator "$seconds" $nodes || status=$?
	for ((i = nodes; i >= 1; i--)); do finish $i || status=$?; done
	if [ $status = 0 ]; then
		echo "$client $polls $name $seed $(measure)$(measure_bound)"
	else
		echo "$client $polls $name $seed failed: $(tail -qn 1 "$dir"/log.* "$dir/statistics" | tr '\n' ' ')"
	fi
	if [ -n "${KEEP:-}" ]; then
		mkdir -p "$KEEP/$client-$polls-$name-$seed" &&
			cp -r "$dir"/* "$KEEP/$client-$polls-$name-$seed/" 2>/dev/null
	fi
}

summary='
function short(x) {
	if (x >= 1e-3) return sprintf("%.3f ms", x * 1e3)
	return x >= 1e-6 ? sprintf("%.3f us", x * 1e6) : sprintf("%.2f ns", x * 1e9)
}
function ratio(what, k) {
	if (!n["ours" k] || !n["chrony" k] || !what["chrony" k]) return "-"
	return sprintf("%.2f", what["ours" k] / what["chrony" k])
}
function line(client, k, name, polls,   c) {
	c = client k
	if (!n[c]) return
	if (json) {
		printf "%s\n  {\"client\": \"%s\", \"polls\": \"%s\", \"scenario\": \"%s\", \"runs\": %d, " \
			"\"rms_s\": %.4e, \"max_s\": %.4e, \"sync_s\": %.1f, \"packets\": %.1f}", comma,
			client, polls, name, n[c], rms[c], max[c], sync[c], packets[c]
		comma = ","
		return
	}
	printf "%-7s %-5s %-7s %3d %12s %12s %7.1f %8.1f", polls, name, client, n[c], short(rms[c]),
		short(max[c]), sync[c], packets[c]
	if (bounds[c]) printf "  %9.4f %% %6.2f", 100 * inside[c] / bounds[c], width[c] / bounds[c]
	else if (client == "ours") printf "  %11s %6s", "-", "-"
	if (client == "ours" && n["chrony" k]) {
		printf "   %5s %5s %+7.1f %6s", ratio(rms, k), ratio(max, k),
			sync[c] - sync["chrony" k], ratio(packets, k)
		logs[polls] += log(rms[c] / rms["chrony" k]); count[polls]++
	}
	printf "\n"
}
$5 == "failed:" { failed[++fails] = $0; next }
{
	k = SUBSEP $2 SUBSEP $3; c = $1 k
	if (!((k) in seen)) { seen[k] = 1; order[++keys] = k; name[keys] = $3; polls[keys] = $2 }
	if (NF >= 10) { bounds[c]++; inside[c] += $9; width[c] += $10 }
	n[c]++; square[c] += $5 * $5; top[c] += $6; until[c] += $7; sent[c] += $8
}
END {
	for (c in n) {
		rms[c] = sqrt(square[c] / n[c]); max[c] = top[c] / n[c]
		sync[c] = until[c] / n[c]; packets[c] = sent[c] / n[c]
	}
	if (json) printf "{\"schema\": 1, \"results\": ["
	else printf "%-7s %-5s %-7s %3s %12s %12s %7s %8s  %11s %6s   %5s %5s %7s %6s\n", "polls", "", "client",
		"n", "RMS", "max", "sync s", "packets", "inside", "B/RMS", "RMS", "max", "sync", "packets"
	for (i = 1; i <= keys; i++) {
		line("chrony", order[i], name[i], polls[i])
		line("ours", order[i], name[i], polls[i])
	}
	for (p in count)
		if (!json) printf "%s polls: geometric mean of %d ratios of RMS: %.3f\n", p, count[p],
			exp(logs[p] / count[p])
	if (json) print "\n]}"
	for (i = 1; i <= fails; i++) print failed[i] >"/dev/stderr"
	exit fails > 0
}'

table()
{
	local wanted=("$@") client polls s seed
	[ ${#wanted[@]} -gt 0 ] || wanted=("${scenarios[@]}")
	: >"$dir/results"
	for s in "${wanted[@]}"; do
		for polls in $which_polls; do
			if [ "$polls" = default ]; then
				case $s in S2 | S8 | S13) continue ;; esac
			fi
			for client in $who; do
				for ((seed = 1; seed <= ${RUNS:-3}; seed++)); do
					echo "$client $polls $s $seed"
				done
			done
		done
	done | xargs -r -P "$jobs" -L 1 ./test/simulated.sh --one >"$dir/results"
	[ -z "$save" ] || cat "$dir/results" >>"$save"
	{
		if [ -n "$against" ]; then
			for s in "${wanted[@]}"; do
				for polls in $which_polls; do
					grep "^chrony $polls $s " "$against"
				done
			done
		fi
		cat "$dir/results"
	} | awk -v json="$json" "$summary"
}

mode='' who=ours which_polls=fixed against='' save='' json=0 jobs=1
while [ $# -gt 0 ]; do
	case $1 in
	--table) mode=table ;;
	--one) shift; one "$@"; exit ;;
	--client) who=$2; [ "$2" != both ] || who='chrony ours'; shift ;;
	--polls) which_polls=$2; [ "$2" != both ] || which_polls='fixed default'; shift ;;
	--against) against=$2; shift ;;
	--save) save=$2; shift ;;
	--json) json=1 ;;
	--jobs) jobs=$2; shift ;;
	--seconds) export SECONDS_SIMULATED=$2; shift ;;
	--keep) export KEEP=$2; shift ;;
	-*) echo "simulated.sh: unknown option $1" >&2; exit 1 ;;
	*) break ;;
	esac
	shift
done
if [ "$mode" = table ]; then
	table "$@"
	exit
fi
for ((i = 1; i <= ${RUNS:-3}; i++)); do simulate "$i"; done
exit $((failures > 0))
