#!/usr/bin/env bash
# The patches of bench/claim-three still are of this source. That what they make builds, and what it
# shows, is the bench's part.
. test/lib.sh
command -v git >/dev/null || skip_all "no git"
for patch in test/lab/claims/*.patch; do
	mkdir -p "$TMP/core/exchange"
	cp core/exchange/* "$TMP/core/exchange/"
	git init -q "$TMP"
	expect "$(basename "$patch") applies" git -C "$TMP" apply "$PWD/$patch"
	expect "$(basename "$patch") changes the client" \
		eval '! cmp -s core/exchange/client.c "$TMP/core/exchange/client.c"'
done
[ "$failures" = 0 ]
