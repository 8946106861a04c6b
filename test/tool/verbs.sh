#!/usr/bin/env bash
# verbs: what the verbs print says the same as their --json, each ends with the status that it should,
# fits into 80 columns, and is coloured on a terminal only. No daemon, no right, a daemon without time.
# Takes 5 s. A text and a --json cannot be of one instant: the text is asked between two --json that
# agree in what is compared; how often that took another try is printed.
# shellcheck disable=SC2154,SC2016  # $pid, $BUILD: test/lib.sh; eval reads its words later
. test/lib.sh
isolate "$@"
command -v jq >/dev/null || skip_all "no jq"
TOOL=$TMP/drivestamp # where others may read it
cp "$BUILD/tool/drivestamp" "$TOOL"
mkdir -m 755 "$TMP/run"
export LC_ALL=C TERM=xterm
unset NO_COLOR

start_daemon server -d -x 'port 11123' 'local stratum 1' allow 'deny 127.0.0.7' 'pidfile none' 'boundfile none' \
	"controlsocket $TMP/run/server"
start_daemon client -d --clock virtual,offset=0.001,freq=20 'port 11125' 'pidfile none' 'boundfile none' \
	'server 127.0.0.1 port 11123 minpoll 0 maxpoll 0 xleave iburst' \
	'server 127.0.0.2 port 11123 minpoll 0 maxpoll 0 iburst prefer' \
	'server 127.0.0.3 port 11123 offline' 'makestep 0.0001 3' "controlsocket $TMP/run/client" "logdir $TMP"
start_daemon lost -d --clock virtual 'port 0' 'pidfile none' 'boundfile none' \
	'server 127.0.0.9 port 11199' "controlsocket $TMP/run/lost"

# ask WHO VERB...: its text in $TMP/text, what it complains of in $TMP/said, its status in $status
ask()
{
	local who=$1
	shift
	status=0
	"$TOOL" "$@" --socket "$TMP/run/$who" >"$TMP/text" 2>"$TMP/said" </dev/null || status=$?
}
ends() { # STATUS WHO VERB...
	local wanted=$1
	shift
	ask "$@"
	[ "$status" = "$wanted" ] || { echo "    | $* ends with $status: $(head -n 3 "$TMP/text" "$TMP/said")"; return 1; }
}
says() { grep -qE -- "$1" "$TMP/said" || { sed 's/^/    | /' "$TMP/said"; return 1; }; }

# ---- exit statuses: with a time, without, no daemon ----

expect "waitsync: until the clock is right" ends 0 client waitsync 30 0.01 0 0.2
expect "waitsync: its last line says so" eval 'tail -n 1 "$TMP/text" | grep -q "^Right within"'
expect "waitsync: not reached in time: 1" ends 1 lost waitsync 2 0 0 0.1
expect "waitsync: a bound that nothing keeps: 1" ends 1 client waitsync 1 0 0 0.1 --within 1e-9
expect "waitsync: no daemon: 2" ends 2 nobody waitsync 2 0 0 0.1
steady() { "$TOOL" sources --json --socket "$TMP/run/client" | json_is '[.sources[] | select(.online) | .interleaved and .reach > 7 or .address == "127.0.0.2"] | all'; }
expect "the first source is interleaved" await 10 steady
for verb in status sources select; do
	expect "$verb: right: 0" ends 0 client "$verb"
	expect "$verb: not right: 1" ends 1 lost "$verb"
done
for verb in sourcestats server clients stamps 'exchanges 127.0.0.9'; do
	# shellcheck disable=SC2086
	expect "$verb: an answer is enough: 0" ends 0 lost $verb
done
for verb in status sources sourcestats select server clients stamps 'exchanges 127.0.0.1' online offline onoffline \
	'burst 1/2' makestep reload 'add server 127.0.0.5' 'delete 127.0.0.5' cyclelogs; do
	# shellcheck disable=SC2086
	ends 2 nobody $verb && says 'no daemon answers at .*/nobody' && [ ! -s "$TMP/text" ] || without="${without:-} $verb"
done
expect "no daemon: 2, its socket is named, nothing else is printed${without:+: not by$without}" [ -z "${without:-}" ]
if [ ! -e /run/drivestamp/bound ]; then
	expect "bound: no page: by the socket: 0" ends 0 client bound
	expect "with its ends" grep -q '^latest  *2[0-9-]* ' "$TMP/text"
	expect "bound: no time: 1" ends 1 lost bound
	expect "bound: neither page nor socket: 2" ends 2 nobody bound
	expect "the page is named" says '/run/drivestamp/bound'
	ask client bound --json
	expect "bound: --json is the daemon's" eval 'json_is ".verb == \"bound\" and .bound_ns > 0" "$TMP/text"'
fi
expect "a source that there is not: 1" ends 1 client exchanges 127.0.0.99
expect "and is named" says '127\.0\.0\.99'
expect "a colour that there is not: 2" ends 2 client status --color=mauve

# ---- what changes something, and who may ----

expect "add" ends 0 client add server 127.0.0.4 port 11123 offline
expect "is in the list" eval '"$TOOL" sources --socket "$TMP/run/client" | grep -q " 127\.0\.0\.4 .* off$"'
expect "add it again: refused: 1" ends 1 client add server 127.0.0.4 port 11123
expect "online" ends 0 client online 127.0.0.4
expect "does not say off any more" eval '! "$TOOL" sources --socket "$TMP/run/client" | grep -q " 127\.0\.0\.4 .* off$"'
expect "delete" ends 0 client delete 127.0.0.4
expect "is out of the list" eval '! "$TOOL" sources --socket "$TMP/run/client" | grep -q " 127\.0\.0\.4 "'
expect "delete it again: 1" ends 1 client delete 127.0.0.4
expect "cyclelogs" ends 0 client cyclelogs
expect "reload without sourcedir, or with: no crash" eval 'ask client reload; [ "$status" -lt 2 ]'
if [ "$(id -u)" = 0 ]; then
	as() { local group=$1; shift; setpriv --reuid 65534 --regid "$group" --clear-groups "$TOOL" "$@" --socket "$TMP/run/client"; }
	as 65534 status >"$TMP/text" 2>"$TMP/said"
	status=$?
	expect "not in the socket's group: 2" [ $status = 2 ]
	expect "and is told what to do" says 'you may not ask.*usermod -aG'
	expect "in its group: may look" eval 'as 0 status >"$TMP/text"'
	as 0 offline 127.0.0.1 >"$TMP/text" 2>"$TMP/said"
	status=$?
	expect "and may change nothing: 1" [ $status = 1 ]
	expect "nothing was changed" eval '"$TOOL" sources --json --socket "$TMP/run/client" | json_is ".sources[0].online"'
fi

# ---- text and --json ----

# As the text has durations, out of nanoseconds; "-" of null.
durations='function dur(ns, plus,   u) { if (ns == "-") return ns; u = "ns"
	if (ns >= 9999.5 || ns <= -9999.5) { ns /= 1000; u = "us" }
	if (ns >= 9999.5 || ns <= -9999.5) { ns /= 1000; u = "ms" }
	return sprintf(plus ? "%+.0f%s" : "%.0f%s", ns, u) }'
again=0
# agree FILTER PRINT TAKE WHO VERB...: jq's FILTER of the JSON gives words, awk PRINTs them as the text
# should have them, awk's TAKE gives what the text has.
agree()
{
	local filter=$1 print=$2 take=$3 try before after
	shift 3
	for try in 1 2 3 4 5 6 7 8 9 10; do
		ask "$@" --json
		before=$(jq -r "$filter" "$TMP/text")
		ask "$@"
		cp "$TMP/text" "$TMP/kept"
		ask "$@" --json
		after=$(jq -r "$filter" "$TMP/text")
		[ "$before" != "$after" ] || break
		again=$((again + 1))
		sleep 0.1
	done
	[ "$try" -lt 10 ] || { echo "    | it never stood still"; return 1; }
	awk -F '\t' "$durations $print" <<<"$before" >"$TMP/wanted"
	awk "$take" "$TMP/kept" >"$TMP/got"
	[ -s "$TMP/wanted" ] && diff "$TMP/wanted" "$TMP/got" | sed 's/^/    | /'
	[ -s "$TMP/wanted" ] && cmp -s "$TMP/wanted" "$TMP/got"
}
tabs='map(. // "-") | @tsv'
expect "sources" agree ".sources[] | [.letter, .address, .stratum, .poll_log2, .reach, .sample_offset_ns,
		if .interleaved == null then \"-\" elif .interleaved then \"I\" else \"B\" end,
		(.t1_by // \"-\" | .[0:1] | ascii_upcase) + (.t4_by // \"-\" | .[0:1] | ascii_upcase)] | $tabs" \
	'{ print "^" $1, $2, $3, $4, sprintf("%o", $5), $6 == "-" ? "-" : dur(-$6, 1), $7, $8 }' \
	'NR > 2 { print $1, $2, $3, $4, $5, $8, $10, $11 }' client sources
expect "sourcestats" agree ".sources[] | [.address, .samples, .used, .freq_ppm, .freq_skew_ppm, .jitter_ns] | $tabs" \
	'{ print $1, $2, $3, $4 == "-" ? "-" : sprintf("%+.3f", $4), $5 == "-" ? "-" : sprintf("%.3f", $5), dur($6, 0) }' \
	'NR > 2 { print $1, $2, $3, $5, $6, $8 }' client sourcestats
expect "select" agree '.sources[] | [.letter, .address, ([.words] + .options | .[0] + if length > 1 then "; " + (.[1:] | join(", ")) else "" end)] | @tsv' \
	'{ print $1, $2, $3 }' 'NR > 2 && /^ / { sub("^ *", ""); said = said " " $0; next } NR > 3 { print said }
	NR > 2 { said = $1 " " $2; $1 = $2 = $3 = $4 = $5 = ""; sub("^ *", ""); said = said " " $0 } END { print said }' client select
expect "exchanges" agree '.exchanges[] | select(.t1_ns) | [(.t1_ns, .t2_ns, .t3_ns, .t4_ns), .t1_by, .t4_by, .offset_ns, .delay_ns,
		(if .accepted then "accepted" else .reason end)] | @tsv' \
	'function clock(t,   s) { s = substr(t, 1, 10) % 86400; return sprintf("%02d:%02d:%02d.%s", s / 3600, s % 3600 / 60, s % 60, substr(t, 11)) }
	{ print $9, dur(-$7, 1), dur($8, 0); print clock($1), $5; print clock($2); print clock($3); print clock($4), $6 }' \
	'/ delay / { gsub(",", ""); print $2, $5, $7 } /^ *T[14]/ { print $4, $6 } /^ *T[23]/ { print $4 }' client exchanges 127.0.0.1 3
expect "status" agree '[.ref_id, .address, .stratum, .last_offset_ns, .root_delay_ns, .leap, .agreeing, .sources] | @tsv' \
	'function words(ns,   u) { u = "ns"; if (ns < 0) ns = -ns; if (ns >= 999.5) { ns /= 1000; u = "us" } if (ns >= 999.5) { ns /= 1000; u = "ms" }
		return sprintf(u == "ns" || ns >= 99.95 ? "%.0f %s" : ns >= 9.995 ? "%.1f %s" : "%.2f %s", ns, u) }
	{ print "by", $7, "of", $8; print $1, "(" $2 "),", "stratum", $3; print words($4) ($4 > 0 ? " slow" : $4 < 0 ? " fast" : ""); print words($5); print $6 }' \
	'/^Right/ { sub(".*, by", "by"); print $1, $2, $3, $4 } /^Reference/ { print $2, $3, $4, $5 } /^Last offset/ { print $3, $4 ($5 != "" ? " " $5 : "") }
	/^Root delay/ { print $3, $4 } /^Leap/ { print $3 }' client status
expect "server" agree '[.received, .answered, .basic, .interleaved, .authenticated, .denied, .dropped, .clients_dropped] | @tsv' \
	'{ for (i = 1; i <= NF; i++) print $i }' \
	'/^(Requests received|Answered|  basic|  interleaved|  authenticated|Not allowed|Dropped|Client records)/ { print $NF }' server server
expect "clients" agree '.clients[] | [.address, .basic, .interleaved, .denied, .dropped] | @tsv' \
	'{ print $1, $2, $3, $4, $5 }' 'NR > 2 { print $1, $2, $3, $4, $5 }' server clients
expect "stamps" agree '[(.t1_by, .t4_by | .none + .daemon + .kernel + .hardware, .kernel), .lost] | @tsv' \
	'{ printf "%.1f %s\n%.1f %s\n%s\n", 100 * $2 / $1, $1, 100 * $4 / $3, $3, $5 }' \
	'/ by  / { for (i = 1; i < NF; i++) if ($i == "kernel") print $(i + 1), $NF } /^Drivestamps lost/ { print $NF }' client stamps
echo "# asked again because an exchange came between: $again"
expect "every --json is one object a line" eval 'for verb in status sources sourcestats select server clients stamps; do
	ask client "$verb" --json; [ "$(wc -l <"$TMP/text")" = "$(jq -c "select(.ok and .verb == \"$verb\")" "$TMP/text" | wc -l)" ] || exit 1; done'

# ---- 80 columns, colours ----

wide='' coloured=''
for verb in status 'sources -v' sourcestats select 'exchanges 127.0.0.1' server clients stamps; do
	for who in client server lost; do
		# shellcheck disable=SC2086
		ask $who $verb
		[ "$(awk 'length > 80' "$TMP/text" | wc -l)" = 0 ] || { wide="$wide $who:$verb"; awk 'length > 80 { print "    | " $0 }' "$TMP/text"; }
		! grep -q $'\033' "$TMP/text" || coloured="$coloured $verb"
	done
done
expect "80 columns${wide:+, not of$wide}" [ -z "$wide" ]
expect "no colour in a file${coloured:+, but of$coloured}" [ -z "$coloured" ]
ask client sources --color=always
expect "--color=always" grep -q $'\033\[32m' "$TMP/text"
expect "and all ends plain" eval '! grep $'"'\\033'"' "$TMP/text" | grep -qv $'"'\\033\\[0m\$'"''
# on_terminal ASSIGNMENT...: what `sources` writes to one
on_terminal() { env "$@" script -qec "'$TOOL' sources $colour --socket '$TMP/run/client'" /dev/null </dev/null | tr -d '\r'; }
if command -v script >/dev/null; then
	colour=''
	expect "on a terminal: colours" eval 'on_terminal A=1 | grep -q $'"'\\033'"''
	expect "not with NO_COLOR" eval '! on_terminal NO_COLOR=1 | grep -q $'"'\\033'"''
	expect "an empty NO_COLOR is none" eval 'on_terminal NO_COLOR= | grep -q $'"'\\033'"''
	expect "not where TERM is dumb" eval '! on_terminal TERM=dumb | grep -q $'"'\\033'"''
	colour=--color=never
	expect "not with --color=never" eval '! on_terminal A=1 | grep -q $'"'\\033'"''
fi
[ "$failures" = 0 ]
