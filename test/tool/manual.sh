#!/usr/bin/env bash
# manual: every verb and every option that the command knows is in its manual page, and the reverse;
# likewise the options of drivestampd. (Directives: test/daemon/manual.sh.)
. test/lib.sh
TOOL=$BUILD/tool/drivestamp

verbs=$("$TOOL" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -vxE 'help|version')
expect "the help names verbs ($(wc -w <<<"$verbs"))" [ "$(wc -w <<<"$verbs")" -gt 20 ]
# page VERB: where its options stand
page() { if [ -f "man/drivestamp-$1.1.scd" ]; then echo "man/drivestamp-$1.1.scd"; else echo man/drivestamp.1.scd; fi; }
known=$("$TOOL" help >/dev/null; for verb in $verbs; do
	"$TOOL" help "$verb" | sed -n 's/^  \(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p' | sed "s,^,$(page "$verb") ,"
done | sort -u)
said=$(for file in man/drivestamp*.1.scd; do
	grep -oE '^(\*[^*]+\*( _[^_]+_)?, )*\*(--[a-z0-9-]+)\*.*' "$file" | grep -oE '\*--[a-z0-9-]+\*' | tr -d '*' |
		sed "s,^,$file ,"
done | sort -u)
lacking=$(comm -23 <(echo "$known") <(echo "$said"))
expect "no option is missing from the pages" [ -z "$lacking" ]
[ -z "$lacking" ] || echo "$lacking" | sed 's/^/    | /'
# Words below lab have options of their own, which its help does not list.
invented=$(comm -13 <(echo "$known") <(echo "$said") | grep -vE 'drivestamp-lab|LAB' | while read -r file option; do
	"$TOOL" lab shadow --help 2>&1 | grep -q -- "$option" || echo "$file $option"
done)
expect "the pages name no option that there is not" [ -z "$invented" ]
[ -z "$invented" ] || echo "$invented" | sed 's/^/    | /'
for verb in $verbs; do
	grep -qE "^\*drivestamp .*\*?$verb\*" man/drivestamp.1.scd || missing="${missing:-} $verb"
done
expect "the synopsis has every verb (${missing:-none is missing})" [ -z "${missing:-}" ]

letters=$("$DAEMON" --help | grep -oE '^  (-[a-zA-Z0-9](, )?)+' | grep -oE '[a-zA-Z0-9]' | sort -u)
lacking=$(for letter in $letters; do grep -qE "^\*-$letter\*|, \*-$letter\*" man/drivestampd.8.scd || echo "-$letter"; done)
expect "drivestampd(8) has every letter ($(tr -d '\n' <<<"$letters"))${lacking:+, lacks $lacking}" [ -z "$lacking" ]
[ "$failures" = 0 ]
