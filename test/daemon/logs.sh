#!/usr/bin/env bash
# measurements.log, statistics.log and tracking.log: chrony's columns (and those of a chronyd that
# measures the same server, where one is found), signs, banners, raw measurements; stamps.log: its
# stamps make the offsets and delays of measurements.log.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

mkdir "$TMP/logs" "$TMP/raw" "$TMP/chrony"
# The server is 0.2 s ahead, and has a clock of its own: the truth about the offset is known.
start_daemon server -d --clock virtual,offset=0.2 'port 11123' 'local stratum 3' allow \
	"pidfile $TMP/server.pid"
await 5 test -s "$TMP/server.pid" || { not_ok "a server starts"; finish; }
line='server 127.0.0.1 port 11123 minpoll -3 maxpoll -3'
start_daemon client -d -x 'port 0' "$line xleave" "logdir $TMP/logs" 'logbanner 8' \
	'log measurements statistics tracking stamps' "pidfile $TMP/client.pid"
client=$pid
start_fake fake 127.0.0.1:11201=origin+unsynchronised+good,good
start_daemon raw -d -x 'port 0' "server 127.0.0.1 port 11201 minpoll -3 maxpoll -3" \
	"logdir $TMP/raw" 'log rawmeasurements' 'logbanner 0' "pidfile $TMP/raw.pid"
raw=$pid

# chronyd beside it: never with the right to set the clock, and with -x.
PEERS_FETCH=${PEERS_FETCH:-0}
. test/peers.sh
chronyd=
if [ "$(id -u)" = 0 ] && peer_find chronyd; then
	chronyd=$peer
	"${no_clock[@]}" "$chronyd" -x -d -u root -L 0 'port 0' 'cmdport 0' 'bindcmdaddress /' \
		"$line xleave" "logdir $TMP/chrony" \
		'log measurements statistics tracking' "pidfile $TMP/chrony.pid" \
		>"$TMP/chronyd.log" 2>&1 </dev/null &
	daemons+=("$!")
fi

await 15 samples "$TMP/logs/measurements.log" 30 || not_ok "measurements are made"
await 15 samples "$TMP/logs/tracking.log" 10 || not_ok "updates are made"
stop_daemon "$client"
expect "the client ends cleanly (status $status)" [ "$status" = 0 ]
await 5 samples "$TMP/raw/measurements.log" 10 || not_ok "raw measurements are made"
stop_daemon "$raw"

# columns FILE: how many words each line has; one number where they agree
columns() { samples "$1" | awk '{ print NF }' | sort -u | xargs; }
# odd FILE PATTERN: lines that have another form
odd() { samples "$1" | grep -acvE "^$2\$"; }
when='[0-9]{4}-[0-9]{2}-[0-9]{2} [0-2][0-9]:[0-5][0-9]:[0-6][0-9]'
e='-?[0-9]\.[0-9]{3}e[-+][0-9]{2}'
while read -r log count form; do
	expect "$log: $count columns ($(columns "$TMP/logs/$log"))" \
		[ "$(columns "$TMP/logs/$log")" = "$count" ]
	expect "$log: $(samples "$TMP/logs/$log" | wc -l) lines, each column of its form" \
		[ "$(odd "$TMP/logs/$log" "$form")" = 0 ]
done <<-END
	measurements.log 20 $when 127\.0\.0\.1 {7}N  3 111 111 1111 +-?[0-9]+ +-?[0-9]+ +[0-9]\.[0-9]+( +$e){5} [0-9A-F]{8} 4[BI] [DKH] [DKH]
	statistics.log 13 $when 127\.0\.0\.1 {7}( +$e){5} +[0-9]\.[0-9]e[-+][0-9]{2}( +-?[0-9]+){3} +-?[0-9]\.[0-9]{2}
	tracking.log 14 $when 127\.0\.0\.1 {7} +[0-9]+( +-?[0-9]+\.[0-9]{3}){2} +$e [N+?-] +[0-9]+( +$e){5}
	stamps.log 11 $when\.[0-9]{9} 127\.0\.0\.1 {7}4[BI]( +-?[0-9]\.[0-9]{9}){2}( [0-9]{10}\.[0-9]{9}){4} [DKH][?][?][DKH]
END

# extremes FILE COLUMN: least and greatest value
extremes() { samples "$1" | awk -v c="$2" 'NR == 1 || $c < a { a = $c } NR == 1 || $c > b { b = $c }
	END { print a, b }'; }
all_between()
{
	local low high
	read -r low high < <(extremes "$3" "$4")
	between "$1" "$low" "$2" && between "$1" "$high" "$2"
}
log=$TMP/logs
expect "measurements.log: a server that is ahead is positive ($(extremes "$log/measurements.log" 12))" \
	all_between 0.199 0.201 "$log/measurements.log" 12
expect "measurements.log: delays ($(extremes "$log/measurements.log" 13))" \
	all_between 0 0.01 "$log/measurements.log" 13
expect "statistics.log: our clock is slow, negative ($(extremes "$log/statistics.log" 5))" \
	all_between -0.201 -0.199 "$log/statistics.log" 5
expect "tracking.log: our clock was slow, negative ($(extremes "$log/tracking.log" 7))" \
	all_between -0.201 -0.199 "$log/tracking.log" 7
expect "tracking.log: our stratum is one more ($(extremes "$log/tracking.log" 4))" \
	all_between 4 4 "$log/tracking.log" 4
expect "measurements.log: the local poll ($(extremes "$log/measurements.log" 9))" \
	all_between -3 -3 "$log/measurements.log" 9
n=$(samples "$log/measurements.log" | tail -n +5 | grep -c ' 4I K K$')
sum=$(samples "$log/measurements.log" | tail -n +5 | wc -l)
if "$DAEMON" -v | grep -q -- -interleaved; then
	echo "skip - a build without interleaved mode: no 4I"
else
	expect "measurements.log: $n of $sum are 4I K K" [ $((n * 10)) -ge $((sum * 8)) ]
fi

# wrong_stamps: lines of stamps.log whose offset and delay are not those of its stamps (in halves of a
# nanosecond; seconds and the rest apart, for a double holds no 19 digits), or that measurements.log
# does not have as well
wrong_stamps()
{
	samples "$log/measurements.log" >"$TMP/measured"
	samples "$log/stamps.log" | awk -v other="$TMP/measured" '
		function between(a, b, p, q) {
			split(a, p, "."); split(b, q, ".")
			return (q[1] - p[1]) * 1e9 + q[2] - p[2]
		}
		function off(a, b) { return a - b > 1.5 || b - a > 1.5 }
		{
			there = between($7, $8); back = between($9, $10)
			bad += off($5 * 2e9, there - back) || off($6 * 1e9, there + back)
			(getline line <other); split(line, m)
			bad += substr($2, 1, 8) != m[2] || sprintf("%10.3e", $5) + 0 != m[12] + 0 ||
				$4 " " substr($11, 1, 1) " " substr($11, 4) != m[18] " " m[19] " " m[20]
		}
		END { print NR ? bad + 0 : "no line" }'
}
wrong=$(wrong_stamps)
expect "stamps.log: offset and delay are those of the four stamps, and measurements.log's ($wrong wrong)" \
	[ "$wrong" = 0 ]

# A banner is three lines, before the first line and then every 8.
banners_every()
{
	awk -v every="$2" '
		/^=+$/ { if (held) { held = 0; next } if (n && n != every) bad++; n = 0; held = 1; seen++; next }
		/^[0-9]/ { if (++n > every) bad++; if (!seen) bad++ }
		END { exit bad > 0 || seen < 2 }' "$1"
}
for name in measurements statistics tracking stamps; do
	expect "$name.log: a banner every 8 lines" banners_every "$log/$name.log" 8
	expect "$name.log: its banner is as wide as its lines" awk '
		/^=+$/ { width = length($0) } /Date \(UTC\)/ { if (length($0) != width) bad = 1 }
		END { exit bad }' "$log/$name.log"
done
expect "logbanner 0: none" [ "$(grep -c '=' "$TMP/raw/measurements.log")" = 0 ]

# The first request got three answers: a bogus one, one of a server without time, (socket closed).
expect "rawmeasurements: a bogus answer has its line, test 2 failed" \
	[ "$(samples "$TMP/raw/measurements.log" | grep -c ' 101 111 1111 ')" = 1 ]
expect "rawmeasurements: an unsynchronised server has its line, test 6 failed" \
	[ "$(samples "$TMP/raw/measurements.log" | grep -c ' 111 101 1111 ')" = 1 ]
expect "rawmeasurements: good ones, too" \
	[ "$(samples "$TMP/raw/measurements.log" | grep -c ' 111 111 1111 ')" -ge 8 ]
expect "rawmeasurements: $(columns "$TMP/raw/measurements.log") columns in all lines" \
	[ "$(columns "$TMP/raw/measurements.log")" = 20 ]

if [ -z "$chronyd" ]; then
	echo "skip - no chronyd to compare with: ${peer_why:-it needs root}"
	finish
fi
await 15 samples "$TMP/chrony/tracking.log" 1 || echo "# chronyd made no update"
# The banner tells where columns stand; ours says the same words as chronyd's.
banner() { grep -aE "^=+$|Date .UTC." "$1" | head -n 3; }
for name in measurements statistics tracking; do
	theirs=$TMP/chrony/$name.log
	if ! samples "$theirs" 1; then
		echo "skip - chronyd wrote no $name.log"
		continue
	fi
	expect "$name.log: as many columns as chronyd's ($(columns "$theirs"))" \
		[ "$(columns "$theirs")" = "$(columns "$log/$name.log")" ]
	expect "$name.log: the banner is chronyd's" \
		[ "$(banner "$theirs")" = "$(banner "$log/$name.log")" ]
done
# Its first sample: later ones are against a corrected time that it keeps inside.
expect "measurements.log: chronyd's sign is ours" \
	between 0.19 "$(samples "$TMP/chrony/measurements.log" | awk "NR == 1 { print \$12 }")" 0.21
finish
