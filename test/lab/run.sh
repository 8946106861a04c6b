#!/usr/bin/env bash
# The experiment, whole: four hosts in namespaces, every mode, one short repeat with load; and on
# loopback without rights. What is asked: that every pair that knows a mode has samples in it, that
# interleaved ones are right, and that command lines which are wrong start nothing.
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh

TOOL=$PWD/$BUILD/tool/drivestamp
case $BUILD in /*) TOOL=$BUILD/tool/drivestamp ;; esac
FIGURES=$PWD/test/lab/figures.awk
export TMPDIR=$TMP/tmp
mkdir -m 777 "$TMPDIR"

# lab ARGUMENTS...: output in $TMP/out and $TMP/err, status in $status
lab()
{
	status=0
	timeout -k 5 100 "${as[@]}" "$TOOL" lab "$@" >"$TMP/out" 2>"$TMP/err" </dev/null || status=$?
}
as=()
shown() { sed 's/^/# /' "$TMP/err" >&2; return 1; }
ended() { [ "$status" = "$1" ] || { echo "# status $status"; shown; }; }
says() { grep -qE -- "$1" "$TMP/err" || shown; }
prints() { grep -qE -- "$1" "$TMP/out" || { head -n 40 "$TMP/out" | sed 's/^/# /'; return 1; }; }

# figure KEY: of the last report, "" if it has none
figure() { awk -v key="$1" '$1 == key { print $2 }' "$TMP/figures"; }
read_report() { awk -f "$FIGURES" "$TMP/report.json" >"$TMP/figures"; }

# No process that works below our folder, and nothing in it.
nothing_left()
{
	local process
	[ -z "$(ls -A "$TMPDIR")" ] || { ls "$TMPDIR"; return 1; }
	for process in /proc/[0-9]*; do
		case $(readlink "$process/cwd" 2>/dev/null) in "$TMPDIR"*) return 1 ;; esac
	done
	! grep -la -- "$TMPDIR" /proc/[0-9]*/cmdline 2>/dev/null
}

# known MODE COUNT: so many of the ordered pairs know it, and each has at least LEAST samples
known() { # MODE COUNT LEAST [CONDITION]
	awk -v mode="$1" -v count="$2" -v least="$3" -v condition="${4:-idle}" '
		split($1, k, "/") >= 5 && k[1] == "cells" && k[4] == mode && k[5] == "known" {
			n += $2
		}
		k[1] == "cells" && k[4] == mode && k[5] == condition && k[6] == "samples" {
			if ($2 >= least) enough++
			else print "# " $0
		}
		END { if (n != count || enough != n) { print "# " mode ": " n + 0 " known, " enough + 0 " enough"; exit 1 } }
	' "$TMP/figures"
}
# all_interleaved MODE: in each pair that knows it
all_interleaved()
{
	awk -v mode="$1" 'split($1, k, "/") && k[1] == "cells" && k[4] == mode && k[6] == "interleaved_share" {
			n++
			if ($2 < 0.9) { print "# " $0; bad++ }
		}
		END { exit !n || bad }' "$TMP/figures"
}
# The median over the pairs of their medians, in ns.
middle() # MODE [CONDITION]
{
	awk -v mode="$1" -v condition="${2:-idle}" '
		$1 ~ "^cells/[^/]*/[^/]*/" mode "/" condition "/median_abs_ns/value$" { print $2 }' "$TMP/figures" |
		sort -n | awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : "none" }'
}
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 < b + 0) }' || { echo "# $1 is not less than $2"; return 1; }; }

# ---- command lines that are wrong ----
lab --modes basic,xlaeve
expect "a mode that there is not: usage, and the nearest" ended 2
expect "and it is named" says "'xlaeve'; the nearest is 'xleave'"
lab --old chorny --json "$TMP/report.json"
expect "a kind that there is not is named" says "old1: .*chorny"
expect "and nothing was measured" ended 3
lab --json /nonexistent/report.json
expect "a report that cannot be written is found out at once" says 'cannot write /nonexistent'
lab --rig remote --conf /nonexistent/lab.conf
expect "lab.conf that is not there" says '/nonexistent/lab.conf'
lab shadwo
expect "a word that is no verb" ended 2

# ---- loopback, as nobody ----
if command -v setpriv >/dev/null && [ "$(id -u)" = 0 ]; then
	as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
fi
chmod 755 "$TMP"
: >"$TMP/report.json" && chmod 666 "$TMP/report.json"
mkdir -m 777 "$TMP/reports"
if "${as[@]}" test -r "$TOOL" && HOME=/nonexistent "${as[@]}" "$TOOL" version >/dev/null 2>&1; then
	lab --loopback --old drivestamp --repeat 1 --duration 3 --warmup 1 --json "$TMP/reports/report.json"
	cp "$TMP/reports/report.json" "$TMP/report.json"
	read_report
	expect "loopback needs no right" test "$status" -lt 2
	expect "it says what the rig is" prints 'rig +4 addresses on the loopback'
	expect "basic there: twelve pairs" known basic 12 20
	expect "interleaved there: twelve pairs" known xleave 12 20
	expect "and all are interleaved" all_interleaved xleave
	expect "nothing is left" nothing_left
else
	echo "skip - loopback as nobody: $TOOL is not for everybody"
fi
as=()

# ---- namespaces ----
[ "$(id -u)" = 0 ] || { echo "skip - namespaces need root"; exit $((failures > 0)); }
. test/peers.sh
if ! peer_find chronyd; then
	echo "skip - $peer_why"
	exit $((failures > 0))
fi
lab --repeat 1 --duration 10 --alternation 5 --warmup 2 --load cpu --json "$TMP/report.json" \
	--html "$TMP/report.html" --keep "$TMP/kept"
read_report
expect "namespaces: measured" test "$status" -lt 2
[ "$status" -lt 2 ] || shown
expect "whole" test "$(figure partial)" = false
expect "basic: twelve pairs" known basic 12 40
expect "under load too" known basic 12 30 loaded
expect "interleaved: twelve pairs" known xleave 12 40
expect "under load too" known xleave 12 30 loaded
expect "symmetric: twelve pairs" known symmetric 12 30
expect "symmetric interleaved: twelve pairs" known symmetric-xleave 12 30
expect "broadcasts, which chronyd does not hear: six pairs" known broadcast 6 3
expect "interleaved broadcasts: ours alone" known broadcast-xleave 2 30
expect "interleaved pairs are interleaved" all_interleaved xleave
expect "symmetric ones as well" all_interleaved symmetric-xleave
expect "one clock: interleaved pairs are right to a microsecond, as the median of medians" \
	less "$(middle xleave)" 1000
expect "and nearer than old-old in basic mode" \
	less "$(middle xleave)" "$(figure groups/basic/old-old/idle/median_abs_ns/value)"
expect "the clock before the send was compared with the kernel's stamp" less 0 "$(figure before_send_ns)"
expect "how busy the machine was is told" less 0 "$(figure busy_loaded)"
expect "the page is written" grep -q '</html>' "$TMP/report.html"
expect "configurations and logs are kept" test -s "$TMP/kept/old1/1-xleave/conf"
expect "nothing else is left" nothing_left
if peer_find ptp4l; then
	expect "PTP, the yardstick: twelve pairs" known ptp 12 1 loaded
	expect "and its version is told" test -n "$(figure yardstick)"
else
	echo "skip - $peer_why"
fi

exit $((failures > 0))
