#!/usr/bin/env bash
# coverage: how many branches of core/exchange/ the unit tests take, file by file, by gcov.
# It must never count a file that was not compiled, or call a branch explained that is taken.
#
# DS_BUILD: a build with -Db_coverage=true whose unit tests have run once since their data was
# removed. Every .c of core/exchange/ is measured. At least 98 % of all branches must be taken;
# each of the others stands in test/coverage.explained, and nothing else stands there.
set -u
cd "$(dirname "$0")/.." || exit 1
build=$(realpath "${DS_BUILD:-build}")
explained=test/coverage.explained
failures=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }
least=98
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# Lines "FILE LINE-NUMBER TAKEN LINE" of each branch, from gcov's listing.
branches()
{
	(cd "$build" && gcov -b -c -t core/libdrivestamp-core.a.p/exchange_*.gcno 2>"$dir/gcov") | awk '
		match($0, /^ *-: *0:Source:/) { file = substr($0, RLENGTH + 1); sub(/.*\/core\//, "core/", file); next }
		match($0, /^ *[^ :]+: *[0-9]+:/) {
			number = substr($0, 1, RLENGTH - 1); sub(/.*: */, "", number)
			text = substr($0, RLENGTH + 1); gsub(/[ \t]+/, " ", text); next }
		/^branch / { print file "\t" number "\t" ($3 == "taken" && $4 != 0) "\t" text }' |
		grep '^core/exchange/[^	]*\.c	'
}
branches >"$dir/branches"

for file in core/exchange/*.c; do
	[ -f "$build/core/libdrivestamp-core.a.p/exchange_$(basename "$file").gcda" ] ||
		{ not_ok "$file: no unit test runs it"; continue; }
	read -r all taken < <(awk -F '\t' -v file="$file" '$1 == file { n++; t += $3 }
		END { print n + 0, t + 0 }' "$dir/branches")
	ok "$file: $taken of $all branches"
done

# What is missing and not explained, and the other way round.
awk -F '\t' '$3 == 0' "$dir/branches" >"$dir/missing"
awk -F ' [|] ' -v missing="$dir/missing" '
	BEGIN { while ((getline line < missing) > 0) {
		split(line, part, "\t"); at = part[1] ":" part[2]
		left[at]++; file[at] = part[1]; text[at] = part[4] } }
	/^#/ || NF == 0 { next }
	NF != 4 || $3 !~ /^[1-9][0-9]*$/ || $4 == "" { print FILENAME ":" FNR ": not four fields"; next }
	{
		lines = 0
		while ((getline line < $1) > 0) lines += index(line, $2) > 0
		close($1)
		if (lines != 1) { print FILENAME ":" FNR ": " lines " lines of " $1 " hold this piece"; next }
		found = 0
		for (at in left) if (file[at] == $1 && index(text[at], $2)) {
			found = left[at]; delete left[at] }
		if (found != $3) print FILENAME ":" FNR ": " found " branches are missing there, not " $3
	}
	END { for (at in left) print at ": " left[at] " not taken and not explained: " text[at] }
	' "$explained" | sort >"$dir/wrong"
if [ -s "$dir/wrong" ]; then
	not_ok "each branch that is not taken is explained, and no other"
	cat "$dir/wrong"
else
	ok "each branch that is not taken is explained ($(wc -l <"$dir/missing")), and no other"
fi

read -r all taken < <(awk -F '\t' '{ n++; t += $3 } END { print n + 0, t + 0 }' "$dir/branches")
text="branches of core/exchange/: $taken of $all taken, $(awk "BEGIN { printf \"%.2f\", $all ? 100 * $taken / $all : 0 }") % (at least $least)"
if [ "$all" -gt 0 ] && [ $((taken * 100)) -ge $((all * least)) ]; then ok "$text"; else
	not_ok "$text"
	cat "$dir/gcov"
fi
exit $((failures > 0))
