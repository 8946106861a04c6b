#!/usr/bin/env bash
# demo: judges the summary of a demonstration (`./run --json FILE`) that has ended.
# It must never run one itself: DS_JSON is the file, DS_LOG what was printed.
set -u
json=${DS_JSON:?the file that ./run --json wrote}
failures=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }

# The first number of that name.
figure()
{
	grep -oE "\"$1\"[[:space:]]*:[[:space:]]*-?[0-9][0-9.eE+-]*" "$json" | head -n 1 |
		sed 's/.*:[[:space:]]*//'
}
# below NAME LIMIT UNIT
below()
{
	local value
	value=$(figure "$1")
	if [ -n "$value" ] && awk -v v="$value" -v l="$2" 'BEGIN { exit !(v > 0 && v < l) }'; then
		ok "$1 $value is below $2"
	else
		not_ok "$1 '${value:-absent}' is not below $2"
	fi
}

[ -s "$json" ] || { not_ok "no summary in $json"; exit 1; }
below "${DS_MEDIAN_KEY:-median_ns}" 10000
[ $failures = 0 ] || cat "$json"
exit $((failures > 0))
