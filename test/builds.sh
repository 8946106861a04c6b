#!/usr/bin/env bash
# builds: a build without interleaved mode differs from the other by one source file and the
# places that name its header.
# It must never pass because there was nothing to compare.
#
# DS_BUILD: a build with it; DS_BUILD_BASIC: one set up with -Dinterleaved=disabled.
set -u
cd "$(dirname "$0")/.." || exit 1
with=${DS_BUILD:-build}
without=${DS_BUILD_BASIC:-build-basic}
failures=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }
same()
{
	if [ "$2" = "$3" ]; then ok "$1"; else
		not_ok "$1"
		diff <(printf '%s\n' "$3") <(printf '%s\n' "$2") | sed 's/^</expected:/; s/^>/found:/'
	fi
}
[ -f "$with/build.ninja" ] || { not_ok "no build in $with"; exit 1; }
if [ ! -f "$without/build.ninja" ]; then
	echo "skip - no build with -Dinterleaved=disabled (DS_BUILD_BASIC)"
	exit 0
fi

# The sources of the programs (tests, fuzz targets and benches aside) that a build compiles.
sources() { ninja -C "$1" -t targets all 2>/dev/null | sed -nE 's/^(core|os|daemon|lab|tool)\/.*\.p\/(.*)\.c\.o: .*/\1 \2/p' | sort -u; }
# The conformance tester is left out: it asks others whether they interleave, in any build.
symbols()
{
	find "$1/core" "$1/os" "$1/daemon" "$1/lab" "$1/tool" -name '*.o' ! -name 'conform*' \
		-exec nm {} + 2>/dev/null | grep -i interleave | awk '{ print $NF }' | sort -u
}

same "the builds differ by one source" "$(diff <(sources "$without") <(sources "$with") | grep '^[<>]')" \
	"> core exchange_interleave"
if [ "$(symbols "$with" | grep -c ds_interleave)" -ge 5 ]; then
	ok "the other build holds symbols of interleaving"
else
	not_ok "no symbol of interleaving where there should be some: nothing was compared"
fi
same "without it no symbol of interleaving" "$(symbols "$without")" ""
# main.c says in its version which build it is; serve.c gives no memory to slots without it.
same "its header is named in seven places" \
	"$(grep -rlE '^[[:space:]]*#[[:space:]]*include.*interleave\.h"' core os daemon lab tool | sort)" \
	"$(printf '%s\n' core/exchange/broadcast.h core/exchange/client.h core/exchange/interleave.c \
		core/exchange/peer.h core/exchange/server.h \
		daemon/main.c daemon/serve.c)"
same "only its header asks which build it is" \
	"$(grep -rlwE 'DS_INTERLEAVED' core os daemon lab tool --include='*.[ch]' | sort)" \
	"core/exchange/interleave.h"
exit $((failures > 0))
