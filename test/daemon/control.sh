#!/usr/bin/env bash
# control: every verb of the control socket against doc/control.schema.json, its values against the
# daemon's logs, rights, and what nobody should send. A schema that changed needs another version.
# shellcheck disable=SC2154  # $pid, $BUILD: test/lib.sh
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

command -v jq >/dev/null || skip_all "no jq"
schema=doc/control.schema.json
speak=$tools/speak
mkdir -m 755 "$TMP/run" "$TMP/sources"

# ---- the contract itself ----

sum=$(jq -cS 'del(.title)' "$schema" | cksum | cut -d' ' -f1)
version=$(jq .version "$schema")
record=$(cat test/schema.record)
expect "the schema is the one recorded for its version ($version); if it must change, raise \`version\` there and DS_ANSWERS_SCHEMA, and write '$version $sum' into test/schema.record" \
	[ "$record" = "$version $sum" ]
expect "the daemon's answers carry that version" \
	grep -q "define DS_ANSWERS_SCHEMA $version\$" <(sed 's/[[:space:]]*\/\*.*//' daemon/answers.h)

# ---- daemons of all kinds of sources ----

start_daemon server -d -x 'port 11123' 'local stratum 1' allow 'pidfile none' \
	"controlsocket $TMP/run/server"
start_daemon client -d --clock virtual,offset=0.01,freq=20 'port 11125' allow \
	'server 127.0.0.1 port 11123 minpoll -2 maxpoll -2 xleave iburst' \
	'server 127.0.0.2 port 11123 minpoll -2 maxpoll -2 iburst prefer' \
	'server 127.0.0.3 port 11123 offline' 'server nowhere.invalid' \
	'peer 127.0.0.4 port 11123 minpoll -2' "refclock SOCK $TMP/run/clock refid SOC poll 0" \
	'authselectmode ignore' 'pidfile none' "controlsocket $TMP/run/client" "sourcedir $TMP/sources" "logdir $TMP" \
	'log measurements stamps' 'logbanner 0'
client=$pid
say() { "$speak" "$TMP/run/$1" "$2"; } # WHO LINE
synchronised() { say client status | json_is '.synchronised and .updates > 3'; }
expect "a client is synchronised" await 10 synchronised

# ---- shapes ----

# valid NAME FILE: no violation, each shown
valid()
{
	local said
	jq ".answers[\"$1\"]" "$schema" >"$TMP/schema"
	said=$(jq -r -n --slurpfile schema "$TMP/schema" -f test/doctor/validate.jq "$2" 2>&1)
	[ -z "$said" ] || { echo "$said" | sed 's/^/    | /' | head -n 5; return 1; }
}
ask_all() # WHO LINE...
{
	local who=$1 line verb
	shift
	for line; do
		verb=${line%% *}
		say "$who" "$line" >"$TMP/answer"
		expect "$who: $line: one line, as the schema has it" eval \
			'[ "$(wc -l <"$TMP/answer")" = 1 ] && valid "$verb" "$TMP/answer"'
	done
}
expect "no answer at all would not be valid" eval '! valid status /dev/null >/dev/null && ! json_is . /dev/null'
reads=(status sources sourcestats select 'exchanges 127.0.0.1' 'exchanges SOC' 'exchanges 127.0.0.2 3'
	server clients stamps bound counters version metrics 'sources from 1')
ask_all client "${reads[@]}"
ask_all server status sources server clients stamps metrics
ask_all client 'burst 1/2 127.0.0.1' 'online 127.0.0.3' 'offline 127.0.0.3' onoffline makestep \
	'add server 127.0.0.9 port 11123 minpoll 0' 'delete 127.0.0.9' reload cyclelogs
named=$(say client version | jq -r '.verbs[]' | sort)
expect "the daemon has the verbs of the schema" \
	[ "$named" = "$(jq -r '.answers | keys[]' "$schema" | sort)" ]
expect "and those of doc/control.md" \
	[ "$named" = "$(sed -n 's/^| \(`[^|]*\) |.*/\1/p' doc/control.md | grep -o '`[a-z]*`' | tr -d '`' | grep -vx from | sort)" ]

# ---- refusals ----

jq .refusal "$schema" >"$TMP/schema"
refuse() # REASON LINE
{
	local reason=$1 line=$2 said
	say client "$line" >"$TMP/answer"
	said=$(jq -r -n --slurpfile schema "$TMP/schema" -f test/doctor/validate.jq "$TMP/answer")
	expect "'$line' is refused: $reason" [ "$(jq -r .reason "$TMP/answer")$said" = "$reason" ]
}
refuse bad-request ''
refuse unknown-verb 'sauces'
refuse bad-arguments 'sources from x'
refuse bad-arguments 'exchanges'
refuse no-such-source 'exchanges 192.0.2.77'
refuse no-such-source 'delete 192.0.2.77'
refuse bad-arguments 'add server'
refuse bad-arguments 'add allow'
refuse bad-arguments 'burst 3/2'
refuse refused 'add server 127.0.0.1 port 11123'
expect "an unknown verb names the nearest" grep -q "the nearest is 'sources'" \
	<<<"$(say client 'sourcs')"

# ---- values ----

say client 'exchanges 127.0.0.1 1' >"$TMP/answer"
stamp() { jq -r ".exchanges[0].$1" "$TMP/answer" | sed -E 's/([0-9]{9})$/.\1/'; }
line=$(stamp t1_ns).*$(stamp t2_ns).*$(stamp t3_ns).*$(stamp t4_ns)
expect "the four stamps are those of stamps.log" grep -qE "$line" "$TMP/stamps.log"
by=$(jq -r '.exchanges[0] | (.t1_by[0:1] + .t4_by[0:1]) | ascii_upcase' "$TMP/answer")
logged=$(grep -E "$line" "$TMP/stamps.log" | tail -n 1 | awk '{ print substr($NF, 1, 1) substr($NF, 4, 1) }')
expect "who took them, too ($by)" [ "$by" = "$logged" ]
offset=$(jq -r '.exchanges[0].offset_ns' "$TMP/answer")
expect "and the offset is in measurements.log ($offset ns)" awk -v o="$offset" '$3 == "127.0.0.1" {
	d = $12 * 1e9 - o; if (d < 0) d = -d; if (d <= (o < 0 ? -o : o) * 1e-3 + 1) found = 1 } END { exit !found }' \
	"$TMP/measurements.log"
before=$(say client sources | jq '.sources[0].requests')
kill -USR1 "$client"
await 3 grep -q ' counters:' "$TMP/client.log"
reported=$(sed -n 's/.* source 127.0.0.1:11123: requests=\([0-9]*\) .*/\1/p' "$TMP/client.log" | tail -n 1)
after=$(say client sources | jq '.sources[0].requests')
expect "requests as the report has them ($before <= $reported <= $after)" \
	[ "$before" -le "$reported" -a "$reported" -le "$after" ]
expect "offset and bound: the clock is within the bound of its server's" eval \
	'say client bound | json_is ".bound_ns > 0 and .bound_ns <= .hard_bound_ns"'

# ---- sources come and go ----

printf 'server 127.0.0.5 port 11123 minpoll -2 maxpoll -2 iburst\n' >"$TMP/sources/dhcp.sources"
say client reload >/dev/null
appears() { say client sources | json_is ".sources[] | select(.name == \"127.0.0.5\") | .reach > 0"; }
expect "reload: a new file's source is asked" await 6 appears
printf 'server 127.0.0.5 port 11123 minpol 3\n' >"$TMP/sources/dhcp.sources"
expect "a file with an error changes nothing, and is named" eval \
	'say client reload | grep -q "dhcp.sources:1: " && appears'
rm "$TMP/sources/dhcp.sources"
kill -HUP "$client"
gone() { ! say client sources | grep -q 127.0.0.5; }
expect "SIGHUP: a file that is gone takes its source along" await 3 gone
say client 'offline 127.0.0.1' >/dev/null
asked() { say client sources | jq '.sources[0].requests'; }
was=$(asked)
sleep 1
expect "offline: nothing is asked ($was, $(asked))" [ "$(asked)" = "$was" ]
say client 'online 127.0.0.1' >/dev/null
expect "online: it is again" await 3 eval '[ "$(asked)" -gt "$was" ]'

# ---- who may ----

chmod 711 "$TMP"
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
if [ "$(id -u)" = 0 ]; then
	expect "who is not in the group may not even ask" eval \
		'! nobody "$speak" "$TMP/run/client" status >/dev/null 2>&1'
	chmod 666 "$TMP/run/client"
	expect "who may ask may not order" eval \
		'nobody "$speak" "$TMP/run/client" makestep | grep -q not-allowed'
	chmod 660 "$TMP/run/client"
fi
mkdir -m 777 "$TMP/open"
start_daemon open -d -x 'port 0' 'local' 'pidfile none' "controlsocket $TMP/open/socket"
expect "a folder in which others can write is not used" \
	await 3 grep -q 'controlsocket .*others can write there' "$TMP/open.log"
if [ "$(id -u)" = 0 ]; then
	start_daemon grouped -d -x 'port 0' 'local' 'pidfile none' "controlsocket $TMP/run/grouped" 'controlgroup daemon'
	await 3 test -S "$TMP/run/grouped"
	expect "controlgroup: the socket is that group's" [ "$(stat -c '%G %a' "$TMP/run/grouped")" = 'daemon 660' ]
	member=$(setpriv --reuid 65534 --regid 65534 --groups "$(getent group daemon | cut -d: -f3)" \
		"$speak" "$TMP/run/grouped" status makestep)
	expect "whose members ask, and do not order" eval \
		'grep -q "\"verb\":\"status\",\"ok\":true" <<<"$member" && grep -q not-allowed <<<"$member"'
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	start_daemon again -d -x 'port 0' 'local' 'pidfile none' "controlsocket $TMP/run/grouped"
	expect "the socket of a daemon that was killed is replaced" await 3 eval 'say grouped status | grep -q "\"ok\":true"'
	stop_daemon "$pid"
fi
start_daemon second -d -x 'port 0' 'local' 'pidfile none' "controlsocket $TMP/run/client"
expect "a socket at which somebody listens is not taken away" \
	await 3 grep -q 'controlsocket .*somebody listens there already' "$TMP/second.log"

# ---- what nobody should send ----

memory() { awk '/^VmRSS/ { print $2 }' "/proc/$client/status"; }
was=$(memory)
head -c 5000 /dev/zero | tr '\0' x | "$speak" "$TMP/run/client" --raw >"$TMP/answer"
expect "a line without end is refused" grep -q bad-request "$TMP/answer"
head -c 20000 /dev/urandom | "$speak" "$TMP/run/client" --raw >/dev/null 2>&1
printf 'sta\0tus\n' | "$speak" "$TMP/run/client" --raw >"$TMP/answer"
expect "so is a byte that is no text" grep -q bad-request "$TMP/answer"
for _ in {1..200}; do echo status; done | "$speak" "$TMP/run/client" --raw >"$TMP/answer" 2>/dev/null
expect "lines that come at once are answered one by one ($(wc -l <"$TMP/answer"))" \
	[ "$(grep -c '"ok":true' "$TMP/answer")" = 200 ]
idle=()
for _ in {1..20}; do
	sleep 20 | "$speak" "$TMP/run/client" --raw >/dev/null 2>&1 &
	idle+=("$!")
done
sleep 0.5
expect "twenty that say nothing keep nobody out" eval 'say client status | grep -q "\"ok\":true"'
# One that does not read: the daemon goes on.
yes metrics | head -n 3000 | timeout 2 "$speak" "$TMP/run/client" --raw 2>/dev/null | sleep 1
kill "${idle[@]}" 2>/dev/null
wait "${idle[@]}" 2>/dev/null
was_asked=$(asked)
expect "it keeps time all the while" await 4 eval '[ "$(asked)" -gt "$was_asked" ]'
expect "and has not grown ($was to $(memory) KiB)" [ "$(memory)" -le $((was + 400)) ]
stop_daemon "$client"
expect "it ends well, and takes its socket along" eval '[ "$status" = 0 ] && [ ! -e "$TMP/run/client" ]'
[ "$failures" = 0 ]
