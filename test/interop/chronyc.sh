#!/usr/bin/env bash
# chronyc: Debian's chronyc asks our daemon all that it can, by UDP and by the UNIX socket; what it
# prints is compared with the control socket's JSON of the same instant, and its shape with what a real
# chronyd of the same sources makes it print. Takes 20 s.
# shellcheck disable=SC2154  # $pid, $BUILD: test/lib.sh
. test/lib.sh
top=$PWD
. test/peers.sh
peer_find chronyd || true # fetched while there is a network
isolate "$@"
. test/daemon/lib.inc
command -v jq >/dev/null || skip_all "no jq"
peer_find chronyd || skip_all "chronyd: $peer_why"
chronyd=$peer
peer_find chronyc || skip_all "chronyc: $peer_why"
chronyc=$peer
mkdir -m 755 "$TMP/run" "$TMP/chrony"

# Sources of known errors: our clock is 10 ms behind the first, 20 ms behind the second.
start_daemon first -d --clock virtual,offset=0.01 'port 11123' 'local stratum 1' allow 'pidfile none'
start_daemon second -d --clock virtual,offset=0.02 'port 11124' 'local stratum 1' allow 'pidfile none'
sources=('server 127.0.0.2 port 11123 minpoll 0 maxpoll 0 xleave iburst'
	'server 127.0.0.1 port 11124 minpoll 0 maxpoll 0 iburst noselect' 'server nowhere.invalid')
start_daemon ours -d --clock virtual 'port 11125' allow "${sources[@]}" 'pidfile none' 'cmdport 323' \
	"bindcmdaddress $TMP/run/chronyd.sock" "controlsocket $TMP/run/control.sock"
ours=$pid
printf '%s\n' "${sources[@]}" 'port 11126' allow 'cmdport 1323' \
	"bindcmdaddress $TMP/chrony/chronyd.sock" "pidfile $TMP/chrony/pid" >"$TMP/chrony.conf"
chmod 750 "$TMP/chrony"
"${no_clock[@]}" "$chronyd" -d -x -u root -f "$TMP/chrony.conf" >"$TMP/chrony.log" 2>&1 </dev/null &
daemons+=("$!")
say() { "$tools/speak" "$TMP/run/control.sock" "$1"; }
ready() { say status | json_is '.updates > 6'; }
await 12 ready || not_ok "ours is synchronised"
by_unix() { timeout 10 "$chronyc" -n -h "$TMP/run/chronyd.sock" "$@" 2>&1; }
by_udp() { timeout 10 "$chronyc" -n -h "$@" 2>&1; }
theirs() { timeout 10 "$chronyc" -n -h "$TMP/chrony/chronyd.sock" "$@" 2>&1; }

# Another version: PATH=FOLDER:$PATH test/interop/chronyc.sh, where FOLDER has its chronyc and chronyd.
answered() { grep -q '^Reference ID' <<<"$("$1" tracking)"; }
expect "$("$chronyc" --version | cut -d' ' -f1-4): both daemons answer" eval 'answered by_unix && answered theirs'

# ---- shapes: words where they have words, columns where they have columns ----

shape() { sed -E 's/[-+]?[0-9][0-9.:]*(ns|us|ms|s)?\b/N/g; s/\[ *[-+]?N?\]/[N]/g; s/ +/ /g; s/ (slow|fast) / S /;
	s/(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} */DAY /; s/ N[0-9A-F]+ / N /g'; }
columns() { awk '{ print NF }' | sort -u; }
for verb in tracking 'ntpdata 127.0.0.2' activity serverstats 'manual list'; do
	ours_says=$(by_unix $verb | cut -d: -f1) theirs_say=$(theirs $verb | cut -d: -f1)
	expect "$verb: the lines that chronyd's has" \
		[ "$(shape <<<"$ours_says")" = "$(shape <<<"$theirs_say")" ]
done
for verb in sources sourcestats selectdata authdata; do
	expect "$verb: the head and the columns that chronyd's has" \
		[ "$(by_unix $verb | head -n 2)" = "$(theirs $verb | head -n 2)" -a \
		"$(by_unix $verb | wc -l)" = "$(theirs $verb | wc -l)" ]
done
for verb in tracking sources sourcestats activity serverstats selectdata 'ntpdata 127.0.0.2'; do
	expect "$verb -c: as many columns" \
		[ "$(by_unix -c $verb | tr -cd ',\n' | sort -u)" = "$(theirs -c $verb | tr -cd ',\n' | sort -u)" ]
done
for verb in smoothing rtcdata; do
	expect "$verb: $(by_unix $verb)" [ "$(by_unix $verb)" = "$(theirs $verb)" ]
done
expect "sourcename" [ "$(by_unix sourcename 127.0.0.2)" = 127.0.0.2 ]
expect "clients are told" grep -qE '^Hostname' <<<"$(by_unix clients)"
expect "-N" grep -q '127.0.0.2' <<<"$(timeout 10 "$chronyc" -N -h "$TMP/run/chronyd.sock" sources)"
expect "sources -v has its legend" grep -q 'Source mode' <<<"$(by_unix sources -v)"

# ---- values: JSON before and after, chronyc's between ----

# near WHAT VALUE A B TOLERANCE: value between a and b, or as near as digits and moments allow
near() { awk -v w="$2" -v a="$3" -v b="$4" -v t="$5" 'BEGIN {
	lo = a < b ? a : b; hi = a < b ? b : a; exit !(w >= lo - t && w <= hi + t) }'; }
same() # WHAT VALUE JQ-EXPRESSION TOLERANCE
{
	local a b
	a=$(jq -r "$3" "$TMP/before") b=$(jq -r "$3" "$TMP/after")
	expect "$1: $2 (JSON: $a)" near "$1" "$2" "$a" "$b" "$4"
}
say status >"$TMP/before"
IFS=, read -r id name stratum ref_s system last rms freq residual skew delay dispersion interval leap \
	<<<"$(by_unix -c tracking)"
say status >"$TMP/after"
expect "tracking: reference $id, $name, stratum $stratum, $leap" \
	[ "$id,$name,$stratum,$leap" = "$(jq -r '.ref_id + "," + .address' "$TMP/before"),2,Normal" ]
same 'tracking: reference time' "$ref_s" '(.updated_ns | tonumber) / 1e9' 0.001
same 'tracking: system time' "$system" '.remaining_ns / 1e9' 2e-6
same 'tracking: last offset' "$last" '-.last_offset_ns / 1e9' 2e-9
same 'tracking: RMS offset' "$rms" '.rms_offset_ns / 1e9' 2e-9
same 'tracking: frequency' "$freq" '.freq_ppm' 0.001
same 'tracking: residual frequency' "$residual" '.residual_freq_ppm' 0.001
same 'tracking: skew' "$skew" '.skew_ppm' 0.001
same 'tracking: root delay' "$delay" '.root_delay_ns / 1e9' 2e-9
same 'tracking: root dispersion' "$dispersion" '.root_dispersion_ns / 1e9' 1e-6
same 'tracking: update interval' "$interval" '.update_interval_s' 0.1

say sources >"$TMP/before"
by_unix -c sources >"$TMP/rows"
say sources >"$TMP/after"
for n in 0 1; do
	IFS=, read -r mode state name stratum poll reach last adjusted measured error \
		<<<"$(sed -n "$((n + 1))p" "$TMP/rows")"
	expect "source $n: $mode$state $name $stratum $poll $reach" \
		[ "^,$state,$name,$stratum,$poll" = "$(jq -r ".sources[$n] | [\"^\", .letter, .address, (.stratum | tostring), (.poll_log2 | tostring)] | join(\",\")" "$TMP/before")" ]
	same "source $n: offset now" "$adjusted" "-.sources[$n].offset_ns / 1e9" 2e-6
	same "source $n: as measured" "$measured" "-.sources[$n].sample_offset_ns / 1e9" 1e-6
	same "source $n: error" "$error" ".sources[$n].error_ns / 1e9" 2e-6
	same "source $n: last heard" "$last" ".sources[$n].sample_age_ns / 1e9" 1.1
done
IFS=, read -r _ _ _ _ _ _ _ adjusted _ <<<"$(sed -n 2p "$TMP/rows")"
theirs -c sources >"$TMP/theirs"
their=$(grep ',127.0.0.1,' "$TMP/theirs" | cut -d, -f8)
expect "the second is 10 ms ahead of us: the sign is chronyd's ($adjusted, $their)" \
	awk -v a="$adjusted" -v b="$their" 'BEGIN { exit !(a < -0.0099 && a > -0.0101 && b < -0.0099 && b > -0.0101) }'

say sourcestats >"$TMP/before"
by_unix -c sourcestats >"$TMP/rows"
say sourcestats >"$TMP/after"
IFS=, read -r name samples _ span freq skew offset sd <<<"$(sed -n 2p "$TMP/rows")"
same "sourcestats: samples" "$samples" '.sources[1].samples' 1
same "sourcestats: span" "$span" '.sources[1].span_ns / 1e9' 1.1
same "sourcestats: frequency" "$freq" '.sources[1].freq_ppm' 0.01
same "sourcestats: skew" "$skew" '.sources[1].freq_skew_ppm' 0.01
same "sourcestats: offset" "$offset" '-.sources[1].offset_ns / 1e9' 2e-6
same "sourcestats: deviation" "$sd" '.sources[1].jitter_ns / 1e9' 1e-6

say 'exchanges 127.0.0.2 1' >"$TMP/before"
by_unix ntpdata 127.0.0.2 >"$TMP/rows"
say 'exchanges 127.0.0.2 1' >"$TMP/after"
field() { sed -n "s/^$1 *: *\([^ ]*\).*/\1/p" "$TMP/rows"; }
same "ntpdata: offset" "$(field Offset)" '.exchanges[0].offset_ns / 1e9' 2e-9
same "ntpdata: delay" "$(field 'Peer delay')" '.exchanges[0].delay_ns / 1e9' 2e-9
expect "ntpdata: interleaved, by the kernel" \
	[ "$(field Interleaved)$(field 'TX timestamping')$(field 'RX timestamping')" = YesKernelKernel ]
say server >"$TMP/before"
by_unix -c serverstats >"$TMP/rows"
say server >"$TMP/after"
same "serverstats: received" "$(cut -d, -f1 "$TMP/rows")" .received 0

# ---- who may ----

expect "by UDP: tracking" grep -q '127.0.0.2' <<<"$(by_udp 127.0.0.1 tracking)"
expect "by UDP over IPv6" grep -q '127.0.0.2' <<<"$(by_udp ::1 tracking)"
for verb in serverstats 'ntpdata 127.0.0.2' selectdata clients makestep 'offline' 'delete 127.0.0.1'; do
	expect "not by UDP: $verb" grep -q '501 Not authorised' <<<"$(by_udp 127.0.0.1 $verb)"
done
for verb in 'burst 1/2 127.0.0.2' makestep 'offline 127.0.0.1' 'online 127.0.0.1' onoffline cyclelogs \
	'reload sources' 'delete 127.0.0.1'; do
	expect "by the socket, as root: $verb" grep -q '^200 OK' <<<"$(by_unix $verb)"
done
expect "what was deleted is gone" [ "$(by_unix -c sources | wc -l)" = 1 ]
expect "what is not known here is said" grep -q '^502 Invalid command' <<<"$(by_unix shutdown)"
stop_daemon "$ours"
expect "it ends well, and takes its socket along" [ "$status" = 0 -a ! -e "$TMP/run/chronyd.sock" ]
[ "$failures" = 0 ]
