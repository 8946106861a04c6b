#!/usr/bin/env bash
# exporter: what drivestamp exporter answers beside the control socket's JSON of the same instant;
# promtool on it, on the alerts and their test; HTTP as nobody should speak it; a socket of a service
# manager; a file for node_exporter; memory.
# shellcheck disable=SC2154  # $pid, $BUILD: test/lib.sh
. test/lib.sh
top=$PWD
. test/peers.sh
peer_fetch prometheus || true # while there is a network
isolate "$@"
. test/daemon/lib.inc
command -v jq >/dev/null || skip_all "no jq"
TOOL=$BUILD/tool/drivestamp
mkdir -m 755 "$TMP/run"

start_daemon server -d -x 'port 11123' 'local stratum 1' allow 'pidfile none' \
	"controlsocket $TMP/run/server"
start_daemon client -d --clock virtual,offset=0.01 'port 11125' allow 'pidfile none' \
	'server 127.0.0.2 port 11123 minpoll -2 maxpoll -2 xleave iburst' 'server 127.0.0.9 offline' \
	"refclock SOCK $TMP/run/clock refid SOC" 'authselectmode ignore' "controlsocket $TMP/run/client"
client=$pid
"$TOOL" exporter --socket "$TMP/run/client" --listen 127.0.0.1:9975 >"$TMP/exporter.log" 2>&1 </dev/null &
exporter=$!
daemons+=("$exporter")

# http LINE...: what comes back; lines are ended by CR LF, an empty one ends the head
http()
{
	local line
	exec 5<>/dev/tcp/127.0.0.1/9975 || return 1
	for line; do printf '%s\r\n' "$line" >&5; done
	timeout 8 cat <&5
	exec 5<&- 5>&-
}
body() { sed '1,/^\r$/d'; }
get() { http "GET $1 HTTP/1.1" 'Host: x' "${@:2}" '' ; }
await 5 eval 'http "GET / HTTP/1.0" "" 2>/dev/null | grep -q "200 OK"' || not_ok "it listens"
updates() { "$tools/speak" "$TMP/run/client" status | json_is '.updates > 6'; }
await 8 updates || not_ok "the daemon is synchronised"

# ---- values ----

"$tools/speak" "$TMP/run/client" metrics >"$TMP/before"
get /metrics | body >"$TMP/metrics"
"$tools/speak" "$TMP/run/client" metrics >"$TMP/after"
value() { awk -v m="$1" '$1 == m { print $2 }' "$TMP/metrics"; }
# same METRIC JQ-EXPRESSION TOLERANCE: between the two answers, or as near as that
same()
{
	local a b v
	a=$(jq -r "$2" "$TMP/before") b=$(jq -r "$2" "$TMP/after") v=$(value "$1")
	expect "$1 $v (JSON: $a)" awk -v v="$v" -v a="$a" -v b="$b" -v t="$3" 'BEGIN {
		lo = a < b ? a : b; hi = a < b ? b : a; exit !(v != "" && v >= lo - t && v <= hi + t) }'
}
src='source="127.0.0.2",address="127.0.0.2",kind="client"'
same drivestamp_up '.ok | if . then 1 else 0 end' 0
same drivestamp_stratum .status.stratum 0
same drivestamp_bound_seconds '.status.bound_ns / 1e9' 1e-6
same drivestamp_hard_bound_seconds '.status.hard_bound_ns / 1e9' 1e-6
same drivestamp_rms_offset_seconds '.status.rms_offset_ns / 1e9' 1e-9
same drivestamp_frequency_ratio '.status.freq_ppm * 1e-6' 1e-12
same drivestamp_root_delay_seconds '.status.root_delay_ns / 1e9' 1e-9
same drivestamp_max_error_seconds \
	'.status | ((.remaining_ns | fabs) + .root_dispersion_ns + .root_delay_ns / 2) / 1e9' 1e-6
same "drivestamp_source_offset_seconds{$src}" '.sources[0].offset_ns / 1e9' 1e-6
same "drivestamp_source_delay_seconds{$src}" '.sources[0].delay_ns / 1e9' 1e-9
same "drivestamp_source_reach_ratio{$src}" \
	'.sources[0].reach | [while(. > 0; . / 2 | floor) % 2] | add / 8' 0
same "drivestamp_source_answers_total{$src,mode=\"interleaved\"}" .sources[0].interleaved_answers 0
same 'drivestamp_stamps_total{stamp="t1",by="kernel"}' .stamps.t1_by.kernel 0
same 'drivestamp_events_total{reason="ok"}' '.counters[] | select(.name == "ok").count' 0
expect "a source that was never measured has no offset" eval \
	'! grep -q "source_offset_seconds{source=\"127.0.0.9\"" "$TMP/metrics"'

# ---- forms ----

get /metrics 'Accept: application/openmetrics-text; version=1.0.0' >"$TMP/open"
expect "OpenMetrics where it is asked for, with its end" eval \
	'grep -q "^Content-Type: application/openmetrics-text; version=1.0.0" "$TMP/open" &&
	[ "$(tail -n 1 "$TMP/open")" = "# EOF" ]'
"$TOOL" exporter --describe >"$TMP/table"
expect "doc/metrics.md has the table of the code" eval \
	'diff <(sed -n "/^| metric /,\$p" doc/metrics.md) "$TMP/table" >/dev/null'
named=$(grep -oE 'drivestamp_[a-z0-9_]+' contrib/grafana/drivestamp.json contrib/prometheus/alerts.yml |
	cut -d: -f2 | sort -u)
unknown=$(comm -23 <(echo "$named") <(sed -n 's/^| `\([^`]*\)`.*/\1/p' "$TMP/table" | sort))
expect "dashboard and alerts name only what there is ($unknown)" [ -z "$unknown" ]
promtool=$(command -v promtool || { peer_fetch prometheus && echo "$peer_cache/prometheus/usr/bin/promtool"; })
if [ -x "$promtool" ]; then
	expect "promtool finds no fault with the metrics" "$promtool" check metrics <"$TMP/metrics"
	expect "nor with the alerts" eval '"$promtool" check rules contrib/prometheus/alerts.yml >/dev/null'
	expect "which pass their test" eval '(cd contrib/prometheus && "$promtool" test rules alerts_test.yml) >/dev/null'
else
	echo "skip - promtool: package prometheus cannot be had"
fi

# ---- HTTP ----

status() { head -n 1 | cut -d' ' -f2; }
expect "another path" [ "$(get /other | status)" = 404 ]
expect "another method" [ "$(http 'POST /metrics HTTP/1.1' '' | status)" = 405 ]
expect "another version" [ "$(http 'GET /metrics HTTP/2.0' '' | status)" = 505 ]
expect "no HTTP at all" [ "$(http 'hello' '' | status)" = 400 ]
expect "HEAD has no body" [ -z "$(http 'HEAD /metrics HTTP/1.1' '' | body)" ]
expect "a head without end" [ "$(http "GET /$(head -c 5000 /dev/zero | tr '\0' x)" | status)" = 431 ]
exec 6<>/dev/tcp/127.0.0.1/9975
printf 'GET /met' >&6
expect "one that is slow holds nobody up" [ "$(get /metrics | status)" = 200 ]
slow=()
for _ in {1..12}; do
	sleep 20 >/dev/tcp/127.0.0.1/9975 2>/dev/null &
	slow+=("$!")
done
again() { [ "$(get /metrics 2>/dev/null | status)" = 200 ]; }
expect "and a dozen of them, not for long" await 8 again
kill "${slow[@]}" 2>/dev/null
wait "${slow[@]}" 2>/dev/null
exec 6<&- 6>&-

# ---- memory, files, managers, and a daemon that is away ----

for _ in {1..20}; do get /metrics >/dev/null; done
rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$exporter/status")
expect "at most 3 MiB resident ($rss KiB)" [ "$rss" -le 3072 ]
"$TOOL" exporter --socket "$TMP/run/client" --textfile "$TMP/run/drivestamp.prom"
expect "a file for node_exporter, whole and alone" eval \
	'grep -q "^drivestamp_up 1" "$TMP/run/drivestamp.prom" && [ "$(ls "$TMP/run" | grep -c prom)" = 1 ]'
if command -v systemd-socket-activate >/dev/null; then
	timeout 20 systemd-socket-activate -l 127.0.0.1:9976 "$TOOL" exporter --idle 1 \
		--socket "$TMP/run/client" >"$TMP/activated" 2>&1 &
	manager=$!
	daemons+=("$manager")
	activated() { exec 7<>/dev/tcp/127.0.0.1/9976 && printf 'GET /metrics HTTP/1.0\r\n\r\n' >&7 &&
		timeout 5 grep -q '^drivestamp_up 1' <&7; }
	expect "it takes the socket that a service manager has" await 5 activated
	exec 7<&- 7>&-
	ended() { ! kill -0 "$manager" 2>/dev/null; }
	expect "and ends when nobody asks" await 6 ended
else
	echo "skip - socket activation: no systemd-socket-activate"
fi
expect "others are not answered unasked" eval \
	'! "$TOOL" exporter --listen 0.0.0.0:9977 2>"$TMP/said" && grep -q "anywhere" "$TMP/said"'
stop_daemon "$client"
get /metrics | body >"$TMP/metrics"
expect "a daemon that is away is said, and nothing else" [ "$(grep -v '^#' "$TMP/metrics")" = 'drivestamp_up 0' ]
[ "$failures" = 0 ]
