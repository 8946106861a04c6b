#!/usr/bin/env bash
# purity: what core/ may import, that arrows point down, that functions are short.
# It must never need to run the code: it reads libraries and sources only.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${DS_BUILD:-build}
library=$build/core/libdrivestamp-core.a
failures=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }

# verdict TEXT FOUND: passed if nothing was found
verdict()
{
	if [ -z "$2" ]; then ok "$1"; else not_ok "$1"; printf '%s\n' "$2"; fi
}

# The functions of libm, as the library itself names them.
libm_names()
{
	nm -D --defined-only "$(${CC:-cc} -print-file-name=libm.so.6)" |
		awk '$2 ~ /[TWi]/ { sub(/@.*/, "", $3); print $3 }'
}

# What the core library imports from outside itself. Archives that ninja makes are thin, so
# their members must be there too.
core_imports()
{
	nm -g "$library" 2>/dev/null | awk '
		NF == 3 && $2 != "U" { defined[$3] = 1 }
		NF == 2 && $1 == "U" { wanted[$2] = 1 }
		END { for (name in wanted) if (!(name in defined)) print name }' | sort
}

foreign_imports()
{
	core_imports | grep -vxE '(__)?mem(cpy|move|set|cmp)(_chk)?|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_' |
		grep -vxF -f <(libm_names)
}

# Writable data in core/ would be state that no argument brings in. (Constant tables of pointers
# are in .data.rel.ro: written once, by the loader.)
writable_data()
{
	objdump -t "$library" 2>/dev/null |
		awk 'NF > 4 && $(NF - 2) ~ /^\.(data|bss|tdata|tbss)/ && $(NF - 2) !~ /^\.data\.rel\.ro/ &&
			$NF !~ /^\./ { print $NF, "in", $(NF - 2) }'
}

# includes_of DIRECTORY: "file header" for each of our own headers that its files include
includes_of()
{
	# lab/bed/module is a kernel's: it knows itself and that kernel only
	find "$1" -path lab/bed/module -prune -o -name '*.[ch]' -print0 | xargs -0 -r awk '
		/^[ \t]*#[ \t]*include[ \t]*"/ { split($0, part, "\""); print FILENAME, part[2] }'
}

# stray DIRECTORY PATTERN: includes of this room that lie outside the rooms it may know
stray() { includes_of "$1" | awk -v allowed="^($2)" '$2 !~ allowed'; }

# System headers of core/: the language's own, no others.
stray_system_headers()
{
	find core -name '*.[ch]' -print0 | xargs -0 -r grep -HnE '^[ \t]*#[ \t]*include[ \t]*<' |
		grep -vE '<(float|inttypes|limits|math|stdalign|stdbool|stddef|stdint|string)\.h>'
}

# Functions over 70 lines, from the line of their opening brace to that of the closing one.
long_functions()
{
	find core os daemon tool lab sim -name '*.c' -print0 | xargs -0 -r awk '
		FNR == 1 { start = 0; head = "" }
		/^{$/ { start = FNR; name = head }
		/^}$/ && start { if (FNR - start + 1 > 70)
			print FILENAME ":" start ": " name " has " FNR - start + 1 " lines"; start = 0 }
		/^[a-zA-Z]/ { head = $0; sub(/\(.*/, "", head); sub(/.*[ *]/, "", head) }'
}

# Every source opens with what it does and what it must never do: in the header, or in a source
# that has none.
headers_without_opening()
{
	local file
	find core os daemon tool lab sim -name '*.h' | while read -r file; do
		head -n 12 "$file" | grep -qiE 'must( never|n.t)' ||
			echo "$file: does not say what it must never do"
	done
}

if [ ! -f "$library" ]; then
	not_ok "core library: $library is not there; build first"
	exit 1
fi
count=$(core_imports | wc -l)
if [ "$(nm "$library" 2>/dev/null | grep -c ' T ds_')" -gt 0 ]; then
	ok "the core library can be read ($count names imported)"
else
	not_ok "the core library holds no function: it cannot be judged"
fi
verdict "core/ imports memory functions and libm only" "$(foreign_imports)"
verdict "core/ has no writable data" "$(writable_data)"
verdict "core/ includes headers of the language only" "$(stray_system_headers)"
verdict "core/exchange knows itself only" "$(stray core/exchange core/exchange/)"
verdict "core/clock meets the exchange wing in exchange.h only" \
	"$(stray core/clock 'core/clock/|core/exchange/exchange\.h$')"
verdict "os/ looks down to core/ only" "$(stray os 'os/|core/|include/drivestamp/')"
verdict "daemon/ looks down only" "$(stray daemon 'daemon/|os/|core/|include/drivestamp/')"
verdict "lab/ looks down only" "$(stray lab 'lab/|os/|core/')"
verdict "sim/ looks down only" "$(stray sim 'sim/|daemon/|os/|core/')"
verdict "tool/ looks down only" "$(stray tool 'tool/|lab/|daemon/(conf|conf_words|keys)[.]h|os/|core/|include/drivestamp/')"
verdict "no function has more than 70 lines" "$(long_functions)"
verdict "every header says what it must never do" "$(headers_without_opening)"
exit $((failures > 0))
