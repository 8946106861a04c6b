#!/usr/bin/env bash
# demo: judges the summary of a demonstration (`./run --json FILE`) that has ended.
# It must never run one itself: DS_JSON is the file, DS_LOG what was printed.
set -u
json=${DS_JSON:?the file that ./run --json wrote}
failures=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }

# figure OBJECT NAME: that number of that object, which stands on a line of its own
figure()
{
	grep -E "\"$1(_ns)?\": \{" "$json" | grep -oE "\"$2(_ns)?\": -?[0-9][0-9.eE+-]*" | sed 's/.*: //'
}
# holds TEXT VALUE OPERATOR LIMIT
holds()
{
	if [ -n "$2" ] && awk -v v="$2" -v l="$4" "BEGIN { exit !(v $3 l) }"; then
		ok "$1: $2 ($3 $4)"
	else
		not_ok "$1: '${2:-absent}', must be $3 $4"
	fi
}

[ -s "$json" ] || { not_ok "no summary in $json"; exit 1; }
holds "true error known so many times" "$(figure true_error count)" '>=' 4
holds "median of the true error over the last half, ns" "$(figure true_error median)" '<' 10000
holds "exchanges measured" "$(figure measured_offset count)" '>=' 20
if grep -q '"asked_interleaved": true' "$json"; then
	basic=$(figure exchanges basic)
	interleaved=$(figure exchanges interleaved)
	holds "interleaved exchanges of ten" \
		"$(awk -v b="${basic:-1}" -v i="${interleaved:-0}" 'BEGIN { print 10 * i / (b + i) }')" '>=' 9
fi
[ $failures = 0 ] || cat "$json"
exit $((failures > 0))
