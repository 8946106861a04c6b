#!/usr/bin/env bash
# NTP by PTP's port on modelled cards that stamp PTP alone: both stamps of both hosts are the cards',
# in the form of RFC 10030, and a modelled transparent clock's queue is taken out of what is measured.
# Stamps of the card that come when all is over are counted so. 20 s.
# shellcheck disable=SC1091,SC2016,SC2317  # what eval is given is for it to expand
. test/bed/lib.sh
bed_or_skip 2

conf() # FILE LINES
{
	cat >"$TMP/$1" <<-END
		port 0
		ptpport 319
		hwtimestamp hw0
		logdir /run
		log measurements
		logbanner 0
		user root
		pidfile /run/d.pid
		boundfile none
		$2
	END
}
conf server.conf 'local stratum 1
allow'
# Measured and not followed: the clocks run on as they are, so that offsets can be compared.
conf client.conf 'server 10.77.0.1 port 319 minpoll -4 maxpoll -4 xleave extfield 10A noselect'
chmod 755 "$TMP" && chmod 644 "$TMP"/*.conf
bed_ours 1 "$TMP/server.conf" osc.ppm=0 bedclk.wire_delay=5000 bedclk.ptp_only=1
bed_ours 2 "$TMP/client.conf" osc.ppm=0 bedclk.wire_delay=5000 bedclk.ptp_only=1
bed_ready 1 2 || exit 1

between() { [ "$1" -le "$2" ] && [ "$2" -le "$3" ]; } # LOW VALUE HIGH, whole numbers
measured() { bed_tell 2 'cat /run/measurements.log 2>/dev/null'; }
# phase NAME SKIP [SECONDS]: its lines of measurements.log in $TMP/NAME; the first ones after a change are left out
phase()
{
	local from
	from=$(measured | wc -l)
	sleep "${3:-3.2}"
	measured | tail -n +$((from + 1 + $2)) >"$TMP/$1"
}
# median NAME COLUMN: nanoseconds
median()
{
	awk -v column="$2" '$8 ~ /^1/ { printf "%.0f\n", 1e9 * $column }' "$TMP/$1" | sort -g |
		awk '{ v[NR] = $1 } END { if (NR > 9) print v[int((NR + 1) / 2)]; else print "none" }'
}
queues() # REQUEST-LEAST REQUEST-MOST ANSWER-LEAST ANSWER-MOST TOLD
{
	local word
	for word in "1 tc_min_ns $1" "1 tc_max_ns $2" "1 tc $5" "2 tc_min_ns $3" "2 tc_max_ns $4" "2 tc $5"; do
		# shellcheck disable=SC2086
		bed_fault $word
	done
}

await 10 eval '[ "$(measured | wc -l)" -ge 8 ]' || not_ok "nothing is measured"
phase free 8
queues 100000 300000 10000 30000 1
phase told 4
queues 100000 300000 10000 30000 0
phase untold 4
# Stamps that come when the exchange is over: the socket is one that stays open, so they are seen.
bed_fault 2 tx_late 1000
phase late 4 2
for host in 1 2; do
	# shellcheck disable=SC2016  # for the host's shell
	bed_tell $host 'kill -USR1 $(cat /run/d.pid)'
done
sleep 0.5
bed_end 2 1

read -r all hard < <(awk '$8 ~ /^1/ { n++; h += $19 == "H" && $20 == "H" } END { print n + 0, h + 0 }' \
	"$TMP/free" "$TMP/told")
expect "stamps of the card on requests and answers: $hard of $all samples" \
	[ "$all" -ge 60 -a $((100 * hard)) -ge $((99 * all)) ]
interleaved=$(awk '{ i += $18 == "4I" } END { print i + 0 }' "$TMP/free")
expect "interleaved: $interleaved of $(wc -l <"$TMP/free")" [ "$interleaved" -ge 30 ]
used=$(sed -n 's/.*card hw0.*received: came=\([0-9]*\) .*/\1/p' "$TMP/daemon-1.log" | tail -n 1)
expect "the server's card stamped requests: $used" [ "${used:-0}" -ge 100 ]
expect 'the filter is that for PTP, on both' \
	eval '[ "$(grep -c "received: ptp" "$TMP/daemon-1.log")" -ge 1 -a "$(grep -c "received: ptp" "$TMP/daemon-2.log")" -ge 1 ]'
late=$(sed -n 's/.* counters:.* card-tx-late=\([0-9]*\).*/\1/p' "$TMP/daemon-2.log" | tail -n 1)
kernel=$(awk '$8 ~ /^1/ { n += $19 == "K" && $20 == "H" } END { print n + 0 }' "$TMP/late")
expect "stamps that come 50 ms late: ${late:-0} are counted as such, $kernel of $(wc -l <"$TMP/late") samples have the kernel's instead" \
	[ "${late:-0}" -ge 8 -a "$kernel" -ge 8 ]
expect 'the form of RFC 10030 is spoken' grep -q 'form="RFC 10030"' "$TMP/daemon-2.log"

free=$(median free 13) told=$(median told 13) untold=$(median untold 13)
expect "delay $free ns, with a queue of 220 us that is told $told ns, untold $untold ns" \
	eval 'between 0 "$((told - free + 15000))" 30000 && between 170000 "$((untold - free))" 270000'
shift_ns() { echo $(($(median "$1" 12) - $(median free 12))); }
t=$(shift_ns told) u=$(shift_ns untold)
expect "the queue moves the offset by $t ns where it is told, by $u ns where it is not" \
	eval 'between -15000 "$t" 15000 && between 60000 "$u" 120000'
half=$(sed -n 's/.* counters:.* correction=\([0-9]*\).*/\1/p' "$TMP/daemon-2.log" | tail -n 1)
expect "no correction was beyond the round trip (${half:-0})" [ "${half:-0}" -le 2 ]
[ $failures -eq 0 ] || tail -n 15 "$TMP/daemon-2.log" "$TMP/daemon-1.log" | sed 's/^/    | /'
exit $((failures > 0))
