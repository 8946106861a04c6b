#!/usr/bin/env bash
# simulated: the daemon under a public simulator of clock and network that is preloaded into it.
# It must never judge on the machine's own clock: without a simulator it says so and ends.
#
# The simulator is not part of this repository. The user names it:
#   PRELOAD_LIB=/path/library.so PRELOAD_SERVER=/path/server test/simulated.sh
#   CHRONYD=/path/chronyd   the perfect server is chronyd, not drivestampd
#   DAEMON=/path/daemon     what is tested (default: drivestampd of DS_BUILD)
#   RUNS=N                  so many simulations, each with other noise (3)
# Scenario: one perfect server, 100 us and exponential jitter of 100 us each way, wander 1e-9,
# start 100 ms and 100 ppm wrong, 10000 s at default polls.
# Limits: below 1 ms from 210 s on, RMS below 200 us from there, no interval between the client's
# packets below 1.8 s, clean ends on SIGTERM.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${DS_BUILD:-build}
library=${PRELOAD_LIB:-} simulator=${PRELOAD_SERVER:-}
ours=$build/daemon/drivestampd
daemon=${DAEMON:-$ours}
seconds=10000
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
	if ! timeout -k 5 300 "$simulator" -s "$dir/socket" -o "$dir/offsets" -p "$dir/packets" \
		-l $seconds "$dir/hosts" 2 >"$dir/statistics" 2>&1 </dev/null; then
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
	limit "run $run: seconds of simulation after 210 s" "$n" '>' $((seconds - 300))
	limit "run $run: below 1 ms from s" "$synchronised" '<=' 210
	limit "run $run: RMS of the error from 210 s on, us" "$rms" '<' 200
	limit "run $run: greatest error from 210 s on, us" "$max" '<' 1000
	limit "run $run: requests sent" "$packets" '>=' 5
	limit "run $run: least interval between them, s" "$least" '>=' 1.8
	[ $failures = 0 ] || tail -n 15 "$dir"/log.*
}

for ((i = 1; i <= ${RUNS:-3}; i++)); do simulate "$i"; done
exit $((failures > 0))
