#!/usr/bin/env bash
# doc/attacks.md says what the tests of this folder say, and each of them says all of it.
cd "$(dirname "$0")/../.." || exit 1
failures=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }

if difference=$(test/history/write-doc - | diff doc/attacks.md -); then
	ok "doc/attacks.md is up to date"
else
	not_ok "doc/attacks.md is out of date: run test/history/write-doc"
	echo "$difference"
fi
count=0 missing=''
for file in test/history/*.sh; do
	[ "$file" != test/history/documented.sh ] || continue
	count=$((count + 1))
	for field in attack position packets elsewhere rule; do
		sed '/^[^#]/q' "$file" | grep -q "^# $field: " || missing="$missing $file:$field"
	done
done
if [ -z "$missing" ] && [ $count -ge 19 ]; then
	ok "$count attacks, each with position, packets, effect elsewhere and rule"
else
	not_ok "of $count attacks these are not described:$missing"
fi
exit $((failures > 0))
