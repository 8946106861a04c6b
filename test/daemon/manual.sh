#!/bin/sh
# manual: the man page of the configuration names exactly the words that daemon/conf_words.c has,
# each where its attitude says. Run from the top of the repository; needs no rights and no build.
page=man/drivestampd.conf.5.scd
table=daemon/conf_words.c
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# "ATTITUDE LIST WORD" of each word in the tables
awk '
/^static const struct ds_word [a-z_]*\[\]/ { list = $5; sub(/\[.*/, "", list) }
/^\t\{"/ {
	split($0, quoted, "\"")
	match($0, /DS_WORD_[A-Z]*/)
	print substr($0, RSTART + 8, RLENGTH - 8), list, quoted[2]
}' $table | sort >"$dir/table"

# the same of the man page
awk '
/^# / { attitude = $0 == "# DIRECTIVES" ? "SUPPORTED" : $0 == "# NOTED" ? "NOTED" : \
	$0 == "# LEFT OUT" ? "WARNED" : $0 == "# REFUSED" ? "REFUSED" : ""; list = "directives" }
/^## / { list = "directives" }
/^(## )?Options of \*?server/ { list = "source_options" }
/^(## )?Options of \*?broadcastclient/ { list = "listen_options" }
/^(## )?Options of \*?refclock/ { list = "refclock_options" }
/^(## )?Names of logs/ { list = "log_options" }
/^Options of \*local/ { list = "local_options" }
attitude == "" { next }
attitude == "SUPPORTED" && /^\*/ {
	text = ", " $0
	while (match(text, /, \*[a-z_0-9]*\*/)) {
		print attitude, list, substr(text, RSTART + 3, RLENGTH - 4)
		text = substr(text, RSTART + RLENGTH)
	}
	if (/^\*(local|clock)\* /)
		for (text = $0; match(text, /\[\*[a-z]*\*/); text = substr(text, RSTART + RLENGTH))
			print attitude, (/^\*local/ ? "local" : "clock") "_options", substr(text, RSTART + 2, RLENGTH - 3)
}
attitude != "SUPPORTED" && /^- \*/ { split($0, parts, "*"); print attitude, list, parts[2] }
' $page | sort -u >"$dir/page"

count=$(wc -l <"$dir/table")
if [ "$count" -ge 130 ]; then
	echo "ok - the tables have $count words"
else
	echo "not ok - only $count words were found in $table"
fi
if diff "$dir/table" "$dir/page"; then
	echo "ok - the man page has the same words with the same attitudes"
else
	echo "not ok - $page and $table differ (<: only in the table)"
fi

# bounds: the numbers of each field stand in the entry of its word
awk -F'"' '/^\t(CONF|SOURCE|FIELD)\(/ && !/TEXT|FLAG/ {
	n = split($3, part, ", "); print ($0 ~ /^\tSOURCE/ ? "source" : $0 ~ /^\tFIELD/ ? "refclock" : "conf"), $2, part[n - 1], part[n] }' \
	daemon/conf_fields.c daemon/conf_refclock.c | sed 's/),$//; s/1e9$/1000000000/; s/1e5$/100000/; s/1e-3/0.001/
	s/2147483648\.0/2147483648/; s/4294967295\.0/4294967295/; s/DS_CONF_SOURCES/64/' >"$dir/bounds"
while read -r kind word least most; do
	if [ "$kind" = source ]; then
		lines=$(sed -n '/^## Options of server/,/^## Client/p' $page)
	elif [ "$kind" = refclock ]; then
		lines=$(sed -n '/^## Options of refclock/,/^## Client/p' $page)
	else
		lines=$(sed '/^## Options of server/,/^## Client/d' $page)
	fi
	entry=$(printf '%s\n' "$lines" | awk -v word="$word" '
		/^[*-]/ { on = index($0, "*" word "*") > 0 } on' | tr '\n\t' '  ')
	[ "$most" != 1e6 ] || entry=$(printf '%s' "$entry" | sed 's/1000000/1e6/g')
	case $entry in
	*[\ \;:]"$least to $most"[.,\;\ ]* | *[\ \;:]"$least"\ \(*"to $most"[.,\;\ ]*)
		echo "ok - bounds of $word ($kind)" ;;
	*) echo "not ok - bounds of $word ($kind), $least to $most: $entry" ;;
	esac
done <"$dir/bounds"
