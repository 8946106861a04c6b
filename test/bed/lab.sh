#!/usr/bin/env bash
# The experiment of 2016, short: four kernels of their own (user-mode Linux), twelve pairs, basic and
# interleaved, with the kernel's stamps and with the card's, all at the same time, held against true
# time. And that nothing of it is left when it is interrupted, or killed. Oscillators, pulse, card and
# wire are modelled (lab/bed).
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh

TOOL=$(readlink -f "$BUILD/tool/drivestamp")
export TMPDIR=$TMP/tmp
mkdir "$TMPDIR"

[ "$(id -u)" = 0 ] || skip_all "the rig uml: needs root"
. test/peers.sh
peer_find chronyd || skip_all "the rig uml: $peer_why"
if ! why=$(BED_WORK=$TMP/bed lab/bed/bed check 2>&1); then
	. .ci/packages.sh
	need_packages bc bison flex gcc make xz-utils iproute2 procps util-linux >/dev/null 2>&1
	why=$(BED_WORK=$TMP/bed lab/bed/bed check 2>&1) || skip_all "the rig uml: ${why//$'\n'/; }"
fi
BED_WORK=$TMP/bed lab/bed/bed build >"$TMP/build.log" 2>&1 ||
	skip_all "the rig uml: the bed cannot be built: $(tail -n 1 "$TMP/build.log")"

shown() { sed 's/^/# /' "$TMP/err" >&2; return 1; }
# figure KEY: of the report, "" if it has none
figure() { awk -v key="$1" '$1 == key { print $2 }' "$TMP/figures"; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0 < b + 0) }' || { echo "# $1 is not less than $2"; return 1; }; }

# No process that names our folder or works below it, and nothing in it.
nothing_left()
{
	local process
	[ -z "$(ls -A "$TMPDIR")" ] || { ls "$TMPDIR"; return 1; }
	for process in /proc/[0-9]*; do
		case $(readlink "$process/cwd" 2>/dev/null) in "$TMPDIR"*) return 1 ;; esac
	done
	! grep -la -- "$TMPDIR" /proc/[0-9]*/cmdline 2>/dev/null
}

# pairs MODE LEAST: each of the twelve has so many samples
pairs()
{
	awk -v mode="$1" -v least="$2" '
		split($1, k, "/") == 6 && k[4] == mode && k[5] == "idle" && k[6] == "samples" {
			n++
			if ($2 >= least) enough++
			else print "# " $0
		}
		END { if (n != 12 || enough != 12) { print "# " n + 0 " pairs, " enough + 0 " enough"; exit 1 } }
	' "$TMP/figures"
}
# every MODE KEY LEAST [OLD]: no pair has less of it; where chronyd asks, less than OLD
every()
{
	awk -v mode="$1" -v what="$2" -v least="$3" -v old="${4:-$3}" '
		index($1, "/" mode "/idle/" what) && substr($1, length($1) - length(what) + 1) == what {
			n++
			if ($2 < ($1 ~ "^cells/old" ? old : least)) { print "# " $0; bad++ }
		}
		END { exit n != 12 || bad }' "$TMP/figures"
}
# The median over the pairs of a figure.
middle() # MODE [FIGURE]
{
	awk -v mode="$1" -v figure="${2:-median_abs_ns}" '
		$1 ~ "^cells/[^/]*/[^/]*/" mode "/idle/" figure "/value$" { print $2 }' "$TMP/figures" |
		sort -n | awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : "none" }'
}
clocks_known()
{
	awk 'match($0, /"clock_within_ns": [0-9.]+/) {
			n++
			if (substr($0, RSTART + 19, RLENGTH - 19) + 0 > 5000) bad++
		}
		END { exit n != 4 || bad }' "$TMP/report.json" ||
		{ grep -o '"clock_within_ns": [0-9.]*' "$TMP/report.json"; return 1; }
}

# ---- all pairs ----
status=0
timeout -k 5 140 "$TOOL" lab --rig uml --repeat 1 --duration 10 --warmup 6 --json "$TMP/report.json" \
	--html "$TMP/report.html" >"$TMP/out" 2>"$TMP/err" </dev/null || status=$?
awk -f test/lab/figures.awk "$TMP/report.json" >"$TMP/figures"
expect "four kernels: measured" test "$status" -lt 2
[ "$status" -lt 2 ] || shown
expect "whole" test "$(figure partial)" = false
for mode in basic xleave basic-hardware xleave-hardware; do
	expect "$mode: twelve pairs" pairs "$mode" 20
done
expect "interleaved pairs are interleaved" every xleave interleaved_share 0.9
expect "with stamps of the card as well" every xleave-hardware interleaved_share 0.9
for stamp in T1 T4; do
	# When chronyd knows its card's clock well enough to use it is its own affair: on a busy machine some
	# seconds after the warm-up.
	expect "$stamp is the card's where it was asked for" every xleave-hardware "sources/$stamp/H" 0.9 0.5
	expect "and else the kernel's" every xleave "sources/$stamp/K" 0.9
done
expect "how wrong each clock was is known, and to what" clocks_known
kernel=$(middle xleave) card=$(middle xleave-hardware)
echo "# interleaved, median of the pairs' medians: kernel's stamps $kernel ns, card's $card ns (modelled)"
expect "the card's stamps are three times nearer to true time than the kernel's, or more" \
	less "$card" "$(awk -v ns="$kernel" 'BEGIN { print ns / 3 }')"
expect "and right to 5 us" less "$card" 5000
expect "what is modelled is said beside the figures" grep -q MODELLED "$TMP/out"
expect "and on the page" grep -q MODELLED "$TMP/report.html"
expect "and in the verdict" grep -q '"code": "modelled"' "$TMP/report.json"
expect "which shows the card's stamps apart" grep -q 'Interleaved, hardware' "$TMP/report.html"
expect "nothing is left" nothing_left

# ---- ended from outside ----
begin_lab() # and wait until its kernels run
{
	"$TOOL" lab --rig uml --repeat 1 --duration 14 >"$TMP/out" 2>"$TMP/err" </dev/null &
	lab=$!
	# the folder is made by then: its name is looked for each time
	# shellcheck disable=SC2016
	await 40 sh -c 'grep -qs "up after" "$TMPDIR"/drivestamp-*/console-3'
}
expect "kernels run" begin_lab
kill -INT "$lab"
status=0
wait "$lab" || status=$?
expect "interrupted: it says so, and ends" test "$status" = 3
expect "and leaves nothing" await 10 nothing_left
expect "kernels run" begin_lab
kill -KILL "$lab"
wait "$lab" 2>/dev/null
expect "killed: nothing is left either" await 10 nothing_left

exit $((failures > 0))
