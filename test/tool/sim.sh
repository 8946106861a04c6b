#!/usr/bin/env bash
# drivestamp-sim: its table, JSON, pictures, exit status, and what it says to bad scenarios.
# It must never depend on how well a clock is kept: sim/check judges that.
set -u
cd "$(dirname "$0")/../.." || exit 1
program=${DS_BUILD:-build}/sim/drivestamp-sim
failures=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }
[ -x "$program" ] || { echo "skip - built without sim"; exit 0; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

world()
{
	cat <<-END
		title a small world
		duration 2000s
		variant a minpoll 4
		variant b
		host server
		  clock perfect
		  silent
		  conf local stratum 1
		  conf allow
		host client
		  clock offset 10ms
		  conf server server \$variant
		link server client delay 1ms exp 10us
	END
}
# says TEXT STATUS PATTERN COMMAND...: the command ends so, and says that
says()
{
	local text=$1 wanted=$2 pattern=$3 status=0
	shift 3
	"$@" >"$dir/out" 2>&1 || status=$?
	if [ $status = "$wanted" ] && grep -qE "$pattern" "$dir/out"; then ok "$text"; else
		not_ok "$text (status $status)"
		head -n 5 "$dir/out"
	fi
}

world >"$dir/good.scn"
says "a row a variant" 0 '^good +b +1 client .* us ' "$program" "$dir/good.scn"
[ "$(grep -c '^good ' "$dir/out")" = 2 ] && ok "two rows" || not_ok "two rows"
says "one variant, another seed" 0 '^good +a +9 ' "$program" --seed 9 --variant a "$dir/good.scn"
says "JSON, a line a run" 0 '^\{"scenario":"good","variant":"a","seed":1,"host":"client","rms_ns":[0-9.e+]+,.*\}$' \
	"$program" --json "$dir/good.scn"
{ world; echo 'limit client max < 1ns'; } >"$dir/broken.scn"
says "a broken limit: status 1, file and line" 1 'broken\.scn:14: .*broken: client: max ' \
	"$program" "$dir/broken.scn"
{ world; echo 'expect client log 1 Selected source'; } >"$dir/expect.scn"
says "an expected line of the log" 0 '^expect' "$program" "$dir/expect.scn"
{ world; echo 'linc server client'; } >"$dir/word.scn"
says "an unknown word: file, line, cause" 1 'word\.scn:14: linc: no such directive' "$program" "$dir/word.scn"
world | sed 's/local stratum 1/local stratus 1/' >"$dir/conf.scn"
says "an error in a line of drivestampd.conf: file, line, cause" 1 'conf\.scn:8: .*stratus' \
	"$program" "$dir/conf.scn"
says "a file that is not there" 1 'nowhere\.scn: No such file' "$program" "$dir/nowhere.scn"
says "a variant that is not there" 1 'no variant c' "$program" --variant c "$dir/good.scn"
says "no scenario: usage, status 2" 2 '^Usage:' "$program"
says "pictures, or a word about gnuplot" 0 '' "$program" --variant a --plot "$dir/plots" "$dir/good.scn"
if command -v gnuplot >/dev/null; then
	for each in error distribution allan wedge; do
		grep -q '</svg>' "$dir/plots/good-a-1-client-$each.svg" 2>/dev/null && ok "picture: $each" ||
			not_ok "picture: $each"
	done
else
	grep -q 'no gnuplot' "$dir/out" && ok "without gnuplot it says so" || not_ok "without gnuplot it says so"
fi
exit $((failures > 0))
