#!/usr/bin/env bash
# sizes: how large the machine is that must be understood, beside its limits and its record.
# It must never let a figure grow unseen: one with a limit that is over its record fails until
# test/sizes.record is changed too, in the same commit. One below its record, or without a limit,
# is only told.
#
# usage: test/sizes.sh [--record]    --record: write the present figures into test/sizes.record
#
# A line of code is a line that holds something besides blanks and comments; a lone brace counts.
set -u
cd "$(dirname "$0")/.." || exit 1
record=test/sizes.record
failures=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
: >"$dir/record"

# code FILE...: "FILE:LINE:TEXT" of each line of code. In no string of ours a comment begins.
code()
{
	awk '
	FNR == 1 { inside = 0 }
	{
		line = $0; out = ""
		while (line != "") {
			at = index(line, inside ? "*/" : "/*")
			if (!inside) out = out (at ? substr(line, 1, at - 1) : line)
			line = at ? substr(line, at + 2) : ""
			if (at) inside = !inside
		}
		if (out ~ /[^ \t]/) print FILENAME ":" FNR ":" out
	}' "$@"
}

# functions FILE...: "FILE FUNCTION LINES CODE", from the line of the name to the closing brace,
# all lines and those of code
functions()
{
	code "$@" | awk '
	{ at = index($0, ":"); file = substr($0, 1, at - 1); rest = substr($0, at + 1)
	  at = index(rest, ":"); number = substr(rest, 1, at - 1); text = substr(rest, at + 1) }
	text ~ /^[a-zA-Z_].*\(/ { from = number; count = 0; name = text
		sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
	{ count++ }
	text == "{" { body = 1 }
	text == "}" && body { print file, name, number - from + 1, count; body = 0 }'
}

# The code that decides what happens to a received packet, in every mode: each function of
# core/exchange/ but these, each line with its reason. What is new there counts by itself.
not_deciding()
{
	cat <<-END
	stamp.c * a stamp is no packet
	reason.c * names and sentences
	departure.c * what answers of ours teach
	ptp.c * counted apart, below: PTP's header around the packet, and what switches say
	wire.c put32|put64|ds_wire_write writes
	wire.c floor_seconds|ds_ntp64_from_ns|ds_ns_from_ntp64|ds_ns_from_ntp32|ds_ntp32_from_ns converts
	client.c ds_client_init|ds_client_request|ds_client_departs|ds_client_cookie the way out
	client.c ds_client_tx_stamp|ds_client_deadline|complete_parked a stamp, a timer
	client.c ds_client_disarm|ds_client_forget the owner's calls
	server.c marked|marked_after|ds_server_departs writes
	header.c ds_header_describe_us|ds_header_field writes
	header.c ds_header_describe_remote copies
	wire.c get16|get32|ds_wire_read_ntp64|read_header copies
	exchange.c ds_gained_ns|derive|ds_exchange_make_broadcast computes
	exchange.c ds_exchange_make_refclock no packet
	peer.c ds_peer_init|ds_peer_forget the owner's calls
	peer.c is_taken|unique|begins_anew|name_basic|ds_peer_send the way out
	peer.c ds_peer_tx_stamp|is_answered a stamp
	broadcast.c known_version|ds_broadcaster_init|ds_broadcaster_send the way out
	broadcast.c ds_broadcaster_tx_stamp a stamp
	broadcast.c ds_listener_init|ds_listener_forget|ds_listener_calibrate the owner's calls
	server.c ds_server_init|ds_server_forget|ds_server_prefetch the owner's calls
	server.c ds_server_drivestamp a stamp
	interleave.c ds_interleave_init|ds_interleave_request|ds_interleave_forget the way out
	interleave.c ds_interleave_peer_sends|ds_interleave_told the way out
	interleave.c ds_interleave_server_init|ds_interleave_server_forget|ds_interleave_prefetch the owner's calls
	interleave.c ds_interleave_drivestamp|later a stamp
	interleave.c is_older|look_around|choose|ds_interleave_save what an answer of ours leaves behind
	END
}
# deciding yes|no: their lines of code, by that list
deciding()
{
	awk -v wanted="$1" '
	NR == FNR { n = split($2, name, "|")
		for (i = 1; i <= n; i++) { out[$1, name[i]] = 1; listed[$1, name[i]] = $1 " " name[i] }
		next }
	{ file = $1; sub(/.*\//, "", file)
	  is_out = (file, "*") in out || (file, $2) in out
	  delete listed[file, $2]; delete listed[file, "*"]
	  if (is_out == (wanted == "no")) sum += $4 }
	END { for (each in listed) print "no such function: " listed[each] | "cat >&2"; print sum + 0 }
	' <(not_deciding) "$dir/exchange"
}

# Lines that exist only for interleaving: all of interleave.c; interleave.h but for the empty
# functions of a build without it, which are counted apart; and elsewhere in the daemon each line
# that names something of ds_interleave_, DS_INTERLEAVE or a field `interleave`. Lines that only
# say interleaved, xleave or slot without that (results, logs, an option's word) are counted apart.
header=core/exchange/interleave.h
elsewhere() { code $(find core os daemon -name '*.[ch]' ! -name 'interleave.*' | sort); }
names='ds_interleave_|DS_INTERLEAVE|[.>]interleave\b|exchange/interleave\.h'

# figure NAME VALUE LIMIT TEXT: VALUE against the limit (-: none) and the record
figure()
{
	local name=$1 value=$2 limit=$3 old text
	echo "$name $value" >>"$dir/record"
	old=$(awk -v name="$name" '$1 == name { print $2 }' "$record" 2>/dev/null)
	text="$4: $value"
	[ "$limit" = - ] || text="$text of at most $limit"
	text="$text (record ${old:-none})"
	if [ "$limit" != - ] && [ "$value" -gt "$limit" ]; then
		not_ok "$text: over the limit"
	elif [ "$limit" != - ] && { [ -z "$old" ] || [ "$value" -gt "$old" ]; }; then
		not_ok "$text: over the record; if it must be, change $record in the same commit"
	else
		[ "$value" -ge "${old:-0}" ] || text="$text: shrunk"
		ok "$text"
	fi
}

# state NAME: bytes of struct ds_NAME, as the compiler lays it out; a mode that does not exist yet
# has none
state()
{
	local where
	where=$(grep -lE "^struct ds_$1 \{" core/exchange/*.h) || { ok "struct ds_$1: there is none"; return; }
	printf '#include <stdio.h>\n#include "%s"\nint main(void) { printf("%%zu\\n", sizeof(struct ds_%s)); }\n' \
		"$where" "$1" >"$dir/size.c"
	"${CC:-cc}" -std=c17 -DDS_INTERLEAVED=1 -I. -o "$dir/size" "$dir/size.c" ||
		{ not_ok "struct ds_$1: does not compile"; return; }
	figure "state-$1" "$("$dir/size")" 256 "bytes of struct ds_$1 (an association besides its samples)"
}

functions $(find core -name '*.[ch]' | sort) >"$dir/functions"
functions core/exchange/*.c >"$dir/exchange"
read -r longest name < <(sort -k3,3nr "$dir/functions" | awk '{ print $3, $2; exit }')
figure function "$longest" 70 \
	"lines of the longest function of core/, $name, from its name to its last brace"
figure deciding "$(deciding yes 2>"$dir/stale")" 599 \
	'lines of code that decide what happens to a received packet, all modes together'
figure not-deciding "$(deciding no 2>/dev/null)" - 'lines of code of the other functions of core/exchange/'
# With ptpport alone: it refuses packets in the wrong header, and corrections that cannot be. These are
# beyond the limit above, which was set for the exchange itself.
figure deciding-ptp "$(awk '$1 ~ /\/ptp\.c$/ &&
	$2 !~ /^(put16|put32|get16|ds_ptp_prefix|ds_ptp_wrap|ds_ptp_field_write)$/ { sum += $4 }
	END { print sum + 0 }' "$dir/exchange")" - 'lines of code that decide of packets in PTP messages besides'
[ -s "$dir/stale" ] && { not_ok 'each function left out exists'; cat "$dir/stale"; }
for each in client peer listener; do state $each; done
all=$(code $header | wc -l)
empty=$(code $header | awk -F: '/:#else/ { on = 1 } /:#endif/ { on = 0 } on { n++ } END { print n + 0 }')
only=$(($(code core/exchange/interleave.c | wc -l) + all - empty + $(elsewhere | grep -cE "$names")))
braces=$(code core/exchange/interleave.c | grep -cE ':[[:space:]]*[{}]+$')
figure interleaving "$only" 399 \
	"lines of code that exist only for interleaving ($((only - braces)) without lone braces)"
figure interleaving-empty "$empty" - 'lines of empty functions for the build without interleaving'
figure interleaving-said "$(elsewhere | grep -v '^os/stamping' | grep -vE "$names" |
	grep -ciE 'interleav|xleave|ds_slot|[ds]_slot|\.slot|>slot')" - \
	'lines elsewhere that only say interleaved, xleave or slot'
if [ "${1:-}" = --record ]; then
	{ echo '# Written by test/sizes.sh --record; what each figure is stands there.'; cat "$dir/record"; } >"$record"
	echo "# $record written"
	exit 0
fi
[ "$(tail -n +2 "$record" | cut -d' ' -f1)" = "$(cut -d' ' -f1 "$dir/record")" ] ||
	not_ok "$record names these figures and no others"
exit $((failures > 0))
