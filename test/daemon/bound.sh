#!/usr/bin/env bash
# The bound, as others read it: in shared memory and by `drivestamp bound`, held against the true
# error of a virtual clock; after the daemon ended, was killed, or lost its sources. And what the
# kernel is told (a preloaded one: the machine's clock is not touched).
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc
TOOL=$BUILD/tool/drivestamp

start_daemon server -d -x 'port 11123' 'local stratum 1' allow 'pidfile none' 'boundfile none'
server=$pid
line='server 127.0.0.1 port 11123 minpoll -2 maxpoll -2 iburst'

# bound NAME: exit status in $status, JSON in $TMP/NAME.json
bound()
{
	status=0
	"$TOOL" bound --json --file "$TMP/$1/page" >"$TMP/$1.json" 2>"$TMP/$1.words" || status=$?
}
# value NAME MEMBER: of that JSON
value() { sed -n "s/^  \"$2\": \"\{0,1\}\([^\",]*\).*/\1/p" "$TMP/$1.json"; }
good() { bound "$1" && [ "$(value "$1" status)" = good ]; }

mkdir "$TMP/kept" "$TMP/read" "$TMP/lost" "$TMP/kernel"
bound kept
expect "without a page: 2 ($status)" [ "$status" = 2 ]
start_daemon early -d --clock virtual 'port 0' 'pidfile none' "boundfile $TMP/kept/page"
await 5 test -s "$TMP/kept/page"
bound kept
expect "without sources: 1, not synchronised ($status, $(value kept status))" \
	[ "$status $(value kept status)" = "1 not synchronised" ]
expect "the page may be read by everybody" [ "$(stat -c %a "$TMP/kept/page")" = 644 ]
start_daemon second -d --clock virtual 'port 0' 'pidfile none' "boundfile $TMP/kept/page"
await 5 grep -q 'another process writes it' "$TMP/second.log"
expect "a second daemon leaves the page alone, and says so" \
	[ "$(lines "$TMP/second.log" 'boundfile .*another process writes it')" = 1 ]
stop_daemon "$pid"
stop_daemon "${daemons[1]}"
bound kept
expect "after it ended: 2 ($status, $(value kept status))" \
	[ "$status $(value kept status)" = "2 no daemon" ]

start_daemon kept -d --clock virtual,offset=-0.05,freq=30 'port 0' "$line" 'pidfile none' \
	"boundfile $TMP/kept/page" "logdir $TMP/kept" 'log bound' 'logbanner 0' 'makestep 0.01 1'
kept=$pid
start_daemon read -d -x 'port 0' "$line" 'pidfile none' "boundfile $TMP/read/page"
start_daemon lost -d --clock virtual 'port 0' "${line/11123/11124}" 'pidfile none' \
	"boundfile $TMP/lost/page"
lost=$pid
# The kernel, as told: a daemon that thinks it steers the machine's clock.
begin_kernel()
{
	start_shimmed kernel "SHIM_ADJTIME=$TMP/kernel/told" -d 'port 0' "$line" 'pidfile none' \
		"boundfile none" "logdir $TMP/kernel" 'log tracking' 'logbanner 0' "$@"
}
updates() { samples "$TMP/kernel/tracking.log" 12; }
begin_kernel rtcsync
kernel=$pid
start_daemon server3 -d -x 'port 11125' 'local stratum 1' allow 'pidfile none' 'boundfile none'
server3=$pid
start_shimmed hasty "SHIM_ADJTIME=$TMP/kernel/hasty SHIM_HASTE=100" -d 'port 0' rtcsync \
	'server 127.0.0.1 port 11125 minpoll 4 maxpoll 4' 'pidfile none' 'boundfile none'
hasty=$pid

await 10 good kept || { not_ok "a bound is given"; cat "$TMP/kept.json"; finish; }

# 40 looks at a virtual clock that began 50 ms wrong: the true time is CLOCK_REALTIME, read before and
# after. The tool takes some milliseconds to start, which the interval from before to after covers.
bad=0 widest=0
for ((i = 0; i < 40; i++)); do
	before=$(date +%s%N)
	bound kept
	after=$(date +%s%N)
	[ "$status" = 0 ] || { bad=$((bad + 1)); continue; }
	[ "$(value kept earliest_ns)" -le "$after" ] && [ "$(value kept latest_ns)" -ge "$before" ] ||
		bad=$((bad + 1))
	n=$(value kept bound_ns)
	[ "$n" -le "$widest" ] || widest=$n
	sleep 0.05
done
expect "the truth lies in each of 40 intervals ($bad do not hold it)" [ "$bad" = 0 ]
expect "at most 5 ms wide ($widest ns)" between 1 "$widest" 5000000
expect "bound <= hard bound" [ "$(value kept bound_ns)" -le "$(value kept hard_bound_ns)" ]
expect "of a clock of its own" [ "$(value kept virtual) $(value kept steered)" = "true true" ]
n=$(value kept generation)
expect "start, restart, and a step since ($n)" [ "$n" -ge 3 ]
expect "stratum 2" [ "$(value kept stratum)" = 2 ]
expect "text and JSON agree" sh -c "'$TOOL' bound -f '$TMP/kept/page' | grep -q '^good'"

n=$(samples "$TMP/kept/bound.log" | awk '
	NF != 14 || $3 <= 0 || $6 <= 0 || $4 < 0 || $5 < 0 || $7 < 0 || $8 < 0 || $9 <= 0 || $10 <= $9 { bad++ }
	$14 !~ /^1[0123]$/ { bad++ }
	END { print NR, bad + 0 }')
expect "bound.log has a line a change (${n%% *})" between 10 "${n%% *}" 10000
expect "each with sane numbers, and the flags of a virtual clock (${n#* } without)" [ "${n#* }" = 0 ]

await 5 good read
bound read
expect "-x: the machine's clock, measured and not steered ($(value read status))" \
	[ "$status $(value read virtual) $(value read steered)" = "0 false false" ]

kill -9 "$kept"
wait "$kept" 2>/dev/null
bound kept
expect "killed: 2 ($status, $(value kept status))" [ "$status" = 2 ]
printf 'something else\n' >"$TMP/lost/other"
"$TOOL" bound --file "$TMP/lost/other" >"$TMP/out" 2>&1
expect "what is no page: 2" [ $? = 2 ]

# The sources of one that had some end.
start_daemon server2 -d -x 'port 11124' 'local stratum 1' allow 'pidfile none' 'boundfile none'
server2=$pid
await 10 good lost || not_ok "lost: has a bound first"
generation=$(value lost generation)
stop_daemon "$server2"
is_lost() { bound lost && [ "$(value lost sources_lost)" = true ]; }
await 10 is_lost
bound lost
first=$(value lost bound_ns)
expect "sources lost: the bound still holds, disrupted ($status, $(value lost status))" \
	[ "$status $(value lost status)" = "0 disrupted" ]
expect "in a new generation" [ "$(value lost generation)" -gt "$generation" ]
sleep 0.5
bound lost
expect "and grows ($first, then $(value lost bound_ns) ns)" [ "$(value lost bound_ns)" -gt "$first" ]
stop_daemon "$lost"

# The kernel, as told.
await 15 updates || not_ok "kernel: updates come"
stop_daemon "$kernel"
n=$(awk '/modes=0x001c/ { n++; split($5, m, "="); split($6, e, "="); split($7, s, "=")
		if (s[2] == "0x0000" && (m[2] + 0 < 1 || m[2] + 0 > 1000000 || e[2] + 0 < 1 || e[2] + 0 > m[2] + 0)) bad++
		if (s[2] == "0x0000") good++; else { unsync++; if (good) late++ } }
	END { print n + 0, good + 0, bad + 0, unsync + 0, late + 0 }' "$TMP/kernel/told")
read -r n synced bad unsync late <<<"$n"
updates=$(samples "$TMP/kernel/tracking.log" | wc -l)
expect "the kernel is told at each of $updates updates ($n times)" [ "$n" -ge "$updates" ]
expect "maxerror and esterror are sane each time ($bad are not)" [ "$bad" = 0 ]
expect "STA_UNSYNC goes at the first update, and stays away ($unsync with it, $late later)" \
	[ "$((unsync > 0 && synced >= updates && late == 0))" = 1 ]
expect "TIME_ERROR was no failure" [ "$(lines "$TMP/kernel.log" 'could not')" = 0 ]
n=$(awk -F'[= ]' '/modes=0x4002/ { tick[$17]++; f = $7 } END { print length(tick) + 0, f + 0 }' \
	"$TMP/kernel/told")
expect "frequency and tick are how it is steered ($n)" [ "${n%% *}" -ge 1 ]
rm -f "$TMP/kernel/told" "$TMP/kernel/tracking.log"
begin_kernel
await 15 updates
stop_daemon "$pid"
n=$(awk '/modes=0x001c/ { n++; if (!/status=0x0040/) bad++; split($5, m, "=") }
	END { print (n > 0), bad + 0, (m[2] + 0 < 1000000) }' "$TMP/kernel/told")
expect "without rtcsync STA_UNSYNC stays, the errors are true all the same ($n)" [ "$n" = "1 0 1" ]

# Without updates it is told all the same, and more each time. The daemon's timers run 100 times as
# fast; a poll is 16 s.
synced() { awk -v n="$1" '/modes=0x001c/ && /status=0x0000/ { k++ } END { exit k < n }' "$TMP/kernel/hasty"; }
await 10 synced 4 || not_ok "hasty: updates come"
stop_daemon "$server3"
await 10 grep -q "no selectable sources" "$TMP/hasty.log" || not_ok "hasty: loses its source"
from=$(wc -l <"$TMP/kernel/hasty")
told() { awk -v from="$1" 'NR > from' "$TMP/kernel/hasty"; }
holdover() { told "$from" | awk '/modes=0x001c/ { n++ } END { exit n < 4 }'; }
await 10 holdover
n=$(told "$from" | awk '/modes=0x001c/ { split($5, m, "="); n++
		if (m[2] + 0 < last + 0 || !/status=0x0000/) bad++; last = m[2] }
	END { print (n >= 4), bad + 0 }')
expect "in holdover the kernel is told again and again, and no less each time ($n)" [ "$n" = "1 0" ]
stop_daemon "$hasty"
expect "the server lives" kill -0 "$server"

# The reader by itself, in both languages, with all warnings.
cat >"$TMP/reader.c" <<-'END'
	#include <stdio.h>
	#include <drivestamp/bound.h>
	int main(int argc, char **argv)
	{
		const struct drivestamp_bound_page *page = drivestamp_bound_open(argc > 1 ? argv[1] : NULL);
		struct drivestamp_bound now;
		if (!page || drivestamp_bound_now(page, &now) != DRIVESTAMP_BOUND_GOOD)
			return 1;
		printf("%lld ns +- %lld ns\n", (long long)now.clock_ns, (long long)now.bound_ns);
		return 0;
	}
END
cp "$TMP/reader.c" "$TMP/reader.cc"
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror -Iinclude'
for compiler in 'gcc -std=gnu99' 'gcc -std=gnu17' 'g++ -std=c++11' 'clang -std=gnu17' 'clang++ -std=c++17'; do
	command -v "${compiler%% *}" >/dev/null || { echo "skip - the reader with $compiler"; continue; }
	case $compiler in *++*) source=reader.cc ;; *) source=reader.c ;; esac
	expect "the reader compiles with $compiler" \
		$compiler $warnings -O1 "$TMP/$source" -o "$TMP/reader-${compiler##*=}"
done
expect "it reads the page of -x" sh -c "'$TMP/reader-gnu17' '$TMP/read/page' | grep -q 'ns +- '"
finish
