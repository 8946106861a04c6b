#!/usr/bin/env bash
# A leap second, inserted and deleted: clocks that follow it within its second, by a list or by what
# their server announces; servers that smear it, whose answers of either kind lie on one curve.
# All clocks are virtual and run ahead, to some seconds before the end of June or December.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

query=$BUILD/tool/drivestamp
unix_in_ntp=2208988800
now=$(date +%s)
year=$(date -u +%Y)
for day in "$year-07-01" "$((year + 1))-01-01"; do
	midnight=$(date -u -d "$day" +%s)
	[ $((midnight - now)) -gt 86400 ] && break
done
ahead=7 # seconds from now to the leap second
offset=$((midnight - now - ahead))
list() { printf '# of a test\n3692217600\t37\n%s\t%s\n' $((midnight + unix_in_ntp)) "$1"; }
list 38 >"$TMP/inserted.list"
list 36 >"$TMP/deleted.list"

declare -A pids=() sign=([inserted]=-1 [deleted]=1)
# begin NAME PORT DIRECTIVE...: a daemon with a clock of its own
begin()
{
	mkdir "$TMP/$1"
	start_daemon "$1" -d --clock "virtual,offset=$offset" "port $2" allow "logdir $TMP/$1" \
		'log shadow measurements' 'logbanner 0' "pidfile $TMP/$1/pid" "${@:3}"
	pids[$1]=$pid
}
follow='minpoll -3 maxpoll -3 iburst xleave'
smear=('leapsecmode slew' 'smoothtime 100000 100000 leaponly' 'maxslewrate 100000')
port=11120
for what in inserted deleted; do
	file=$TMP/$what.list
	begin $what-root $port 'local stratum 1' "leapseclist $file"
	# these know of it from root alone
	begin $what-told $((port + 1)) "server 127.0.0.1 port $port $follow"
	begin $what-slewed $((port + 2)) "server 127.0.0.1 port $port $follow" \
		'leapsecmode slew' 'maxslewrate 100000'
	# three that smear: one follows root, one nobody, and one may not touch its clock either
	begin $what-smearing $((port + 3)) "server 127.0.0.1 port $port $follow" "${smear[@]}"
	begin $what-alone $((port + 4)) 'local stratum 1' "leapseclist $file" "${smear[@]}"
	begin $what-watching $((port + 5)) -x 'local stratum 1' "leapseclist $file" "${smear[@]}"
	# two that tell UTC, one that smears
	begin $what-both 0 "server 127.0.0.1 port $port $follow" \
		"server 127.0.0.1 port $((port + 1)) $follow" \
		"server 127.0.0.1 port $((port + 3)) $follow" "leapseclist $file"
	port=$((port + 6))
done
for name in "${!pids[@]}"; do
	await 5 test -s "$TMP/$name/pid" || { not_ok "$name starts"; finish; }
done
queries=()
port=11120
for what in inserted deleted; do
	i=3
	for name in smearing alone watching; do
		"$query" query --interleaved --json -i 0.06 -n 330 127.0.0.1:$((port + i)) \
			>"$TMP/$what-$name/query" 2>&1 &
		queries+=("$!")
		i=$((i + 1))
	done
	port=$((port + 6))
done
wait "${queries[@]}"
for name in "${!pids[@]}"; do
	stop_daemon "${pids[$name]}"
	expect "$name: ends cleanly (status $status)" [ "$status" = 0 ]
done

# clock NAME: "seconds since the leap second, what the clock has stepped or slewed" of shadow.log.
# The first column is CLOCK_REALTIME.
clock()
{
	awk -v leap=$((midnight - offset)) -v offset=$offset '
		{ split($2, c, ":"); s = c[1] * 3600 + c[2] * 60 + c[3] - leap % 86400
		  if (s > 43200) s -= 86400; if (s < -43200) s += 86400
		  print s, $3 - offset }' "$TMP/$1/shadow.log"
}
# steps_once NAME SIGN: 0 before (a second before, where one is deleted), SIGN after, to 1 ms
steps_once()
{
	clock "$1" | awk -v sign="$2" '
		{ at = sign > 0 ? $1 + 1 : $1 }
		at < 0 { n++; if ($2 > 0.001 || $2 < -0.001) bad++ }
		at > 0.3 { m++; d = $2 - sign; if (d > 0.001 || d < -0.001) bad++ }
		END { exit bad > 0 || n < 4 || m < 10 }'
}
# slews NAME SIGN: on its way for 9 to 14 s, and there at the end
slews()
{
	clock "$1" | awk -v sign="$2" '
		{ d = $2 - sign; e = d < 0 ? -d : d; o = $2 < 0 ? -$2 : $2
		  if (o > 0.001 && !from) from = $1
		  if (e > 0.001) to = $1; last = e }
		END { exit !(to - from > 9 && to - from < 14 && last < 0.001) }'
}
for what in inserted deleted; do
	for name in root told both; do
		expect "$what, $name: the clock steps within the second" \
			steps_once $what-$name ${sign[$what]}
		n=$(lines "$TMP/$what-$name.log" "leap second $what: the clock is stepped")
		expect "$what, $name: said once ($n)" [ "$n" = 1 ]
	done
	n=$(lines "$TMP/$what-both.log" 'serves a smoothed time, and says so')
	expect "$what, both: who smears is named ($n)" [ "$n" = 1 ]
	n=$(lines "$TMP/$what-both.log" 'is left out: it serves a smoothed time')
	expect "$what, both: and left out ($n)" [ "$n" = 1 ]
	n=$(lines "$TMP/$what-told.log" "will be $what at the end of .* says the majority of sources")
	expect "$what, told: was told ($n)" [ "$n" = 1 ]
	expect "$what, slewed: takes its time" slews $what-slewed ${sign[$what]}
	n=$(samples "$TMP/$what-told/measurements.log" | awk '$12 > 0.001 || $12 < -0.001' | wc -l)
	expect "$what, told: no exchange was measured across it ($n)" [ "$n" = 0 ]
	n=$(counter leap "$TMP/$what-told.log")
	expect "$what, told: those were left out and counted ($n)" between 4 "$n" 40
done

# curve FILE SIGN: each exchange of a query against the curve that smoothtime promises: after the
# leap second 1 s up to 0.1 at 0.1 a second each second, 8 to 9 s of 0.1, down again. "worst error
# in us, basic, interleaved, of them on the curve's slopes, other leap bits, other references".
# The error is against what lies before the leap second: the clock ahead and the machine's
# drift apart by what the machine's is slewed.
curve()
{
	sed 's/},{/},\n{/g; s/}, *{/},\n{/g' "$1" | awk -v leap=$((midnight - offset)) \
		-v offset=$offset -v sign="$2" '
		function value(name,   at, rest) {
			at = index($0, "\"" name "\"")
			if (!at) return ""
			rest = substr($0, at + length(name) + 2)
			sub(/^[: "]*/, "", rest); sub(/[",}].*/, "", rest)
			return rest
		}
		function eased(t) {
			if (t <= 0) return 0
			if (t <= 1) return 0.05 * t * t
			if (t <= 10) return 0.05 + 0.1 * (t - 1)
			if (t <= 11) return 1 - 0.05 * (11 - t) * (11 - t)
			return 1
		}
		value("kind") == "" { next }
		{ t1 = value("t1_ns"); t4 = value("t4_ns")
		  t = (substr(t1, 1, 10) + substr(t4, 1, 10)) / 2 - leap + (substr(t1, 11) + substr(t4, 11)) / 2e9
		  if (sign > 0) t += 1
		  e = value("offset_ns") / 1e9 - offset - sign * eased(t)
		  d = value("delay_ns") / 1e9
		  if (d < 0 || d > 0.05) bad++
		  if (d > 0.002) next # held up: it says little
		  e = e < 0 ? -e : e
		  if (e > worst) worst = e
		  basic += value("kind") == "basic"; inter += value("kind") != "basic"
		  slope += t > 0 && t < 11
		  leaps += value("leap") != 0
		  if (t > 0.1 && t < 10.9 && value("reference") !~ /127\.127\.1\.255|7F7F01FF/) other++
		  if ((t < -0.1 || t > 11.1) && value("reference") ~ /127\.127\.1\.255|7F7F01FF/) other++ }
		END { printf "%.0f %d %d %d %d %d\n", worst * 1e6, basic, inter, slope, leaps, other + bad }'
}
for what in inserted deleted; do
	for name in smearing alone watching; do
		read -r worst basic inter slope leaps other < <(curve "$TMP/$what-$name/query" ${sign[$what]})
		expect "$what, $name: at most $worst us off the curve" between 0 "$worst" 2500
		expect "$what, $name: $basic basic and $inter interleaved answers, $slope on its slopes" \
			[ "$basic" -gt 40 -a "$inter" -gt 40 -a "$slope" -gt 60 ]
		expect "$what, $name: no leap bits ($leaps), the reference says so ($other do not)" \
			[ "$leaps" = 0 -a "$other" = 0 ]
	done
done
finish
