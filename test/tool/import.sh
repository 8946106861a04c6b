#!/usr/bin/env bash
# import: `drivestamp import` on the files that Debian's packages install (fetched now, not stored)
# and on those of test/import/: none crashes, every line that is no comment stands in the report
# once, what is written is accepted by drivestampd, and the reports are the kept ones
# (test/import/NAME.expected). It prints how many directives are kept, a family.
#
# A directive counts as kept where what it says is in effect afterwards (kept or changed); one that
# is partly in effect counts as kept, one that is not as dropped; headings are none.
#
# DS_KEEP=1 writes the reports that are compared over the kept ones, to be looked at and committed.
cd "$(dirname "$0")/../.." || exit 1
# What our own files name is not to be there: where chrony is installed, its keys would be read.
if [ -e /etc/chrony ] && [ -z "${DS_HIDDEN:-}" ]; then
	[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || { echo "skip - import: chrony is installed"; exit 0; }
	# shellcheck disable=SC2016 # the inner shell's
	DS_HIDDEN=1 exec unshare -m --propagation private sh -c 'mount -t tmpfs none /etc/chrony && exec "$@"' - "$0" "$@"
fi
. test/lib.sh
. test/peers.sh

TOOL=$BUILD/tool/drivestamp
# shellcheck source=/dev/null
. .ci/packages.sh
need_packages jq 2>/dev/null || :
command -v jq >/dev/null || skip_all "import: no jq"
: >"$TMP/counts"

# import FILE...: its report as JSON in $TMP/json, ours in $TMP/ours, status in $status
import()
{
	status=0
	timeout -k 5 20 "$TOOL" import --json --report "$TMP/json" --output "$TMP/ours" --force "$@" \
		>"$TMP/out" 2>&1 </dev/null || status=$?
}

# Lines that say something: not blank, no comment; of TOML and INI no heading.
said()
{
	case $1 in
	*.toml | *timesyncd*) awk '!/^[ \t]*($|[#;\[])/ { print FILENAME ":" FNR }' "$1" ;;
	*chrony*) awk '!/^[ \t]*($|[#;!%])/ { print FILENAME ":" FNR }' "$1" ;;
	*) awk '!/^[ \t]*($|#)/ { print FILENAME ":" FNR }' "$1" ;;
	esac
}

# Every such line of the files that were read stands in the report, once.
each_once()
{
	jq -r '.files[]' "$TMP/json" | while read -r file; do said "$file"; done | sort >"$TMP/said"
	jq -r '.entries[] | select(.fate != "heading") | .file as $f | range(.line; .line + .lines) | "\($f):\(.)"' \
		"$TMP/json" | sort >"$TMP/told"
	# within a value of several lines comments may stand
	comm -23 "$TMP/said" "$TMP/told" >"$TMP/missing"
	jq -r '.entries[] | select(.fate != "heading" and .lines == 1) | "\(.file):\(.line)"' "$TMP/json" |
		sort | comm -13 "$TMP/said" - >>"$TMP/missing"
	uniq -d "$TMP/told" >"$TMP/twice"
	[ ! -s "$TMP/missing" ] && [ ! -s "$TMP/twice" ] && [ -s "$TMP/json" ] ||
		{ echo "missing, or reported though it says nothing:"; cat "$TMP/missing"; echo "twice:"; cat "$TMP/twice"; return 1; }
}

# Nothing is dropped or changed without a word of the line in the reason, or a new line beside it.
reasons()
{
	json_is '[.entries[] | select(.fate == "dropped" and .why == "")] == []' "$TMP/json" &&
		json_is '[.entries[] | select(.fate == "changed" and .why == "" and .written == "")] == []' \
			"$TMP/json"
}
valid()
{
	jq -r -n --slurpfile schema doc/import.schema.json -f test/doctor/validate.jq "$TMP/json" >"$TMP/bad" 2>&1
	[ ! -s "$TMP/bad" ] || { head "$TMP/bad"; return 1; }
}
taken()
{
	run_daemon 10 -p -f "$TMP/ours"
	[ "$status" = 0 ] || { cat "$TMP/out"; return 1; }
}
count() { jq -r '"\(.from) \(.kept + .changed) \(.dropped)"' "$TMP/json" >>"$TMP/counts"; }

# whole WANTED-STATUS FILE: all that holds for any file, as one test
whole()
{
	local wanted=$1 file=$2 first
	import "$file"
	first=$status
	[ "$first" = "$wanted" ] || { echo "status $first"; cat "$TMP/out"; return 1; }
	each_once && reasons && valid && count && taken
}
same_report()
{
	"$TOOL" import --force --report "$TMP/report" "$1" >"$TMP/ours" 2>"$TMP/out"
	[ -s "$TMP/ours" ] || { cat "$TMP/out"; return 1; }
	sed 's/imported by drivestamp .*/imported by drivestamp/' "$TMP/ours" |
		cat "$TMP/report" - >"$TMP/both"
	[ -z "${DS_KEEP:-}" ] || cp "$TMP/both" "$1.expected"
	diff -u "$1.expected" "$TMP/both"
}

# ---- what Debian's packages install ----

for each in chrony:usr/share/chrony/chrony.conf ntpsec:etc/ntpsec/ntp.conf \
	openntpd:etc/openntpd/ntpd.conf systemd-timesyncd:etc/systemd/timesyncd.conf; do
	package=${each%%:*} file=${each#*:}
	if [ -r "${PEERS_ROOT:-/nowhere}/$package/$file" ]; then
		path=$PEERS_ROOT/$package/$file
	elif peer_fetch "$package"; then
		path=$peer_cache/$package/$file
	else
		echo "skip - import: Debian's $package was not fetched"
		continue
	fi
	expect "the file that Debian's $package installs" whole 0 "$path"
done

# ---- our own ----

for file in test/import/*.conf test/import/*.toml; do
	wanted=0
	[ "$file" != test/import/ntpd-rs-nts.toml ] || wanted=1
	expect "${file##*/}: every line once, accepted" whole $wanted "$file"
	expect "${file##*/}: the report is the kept one" same_report "$file"
done
files=$(find test/import -name '*.conf' -o -name '*.toml' | wc -l)
expect "there are at least 30 of our own ($files)" [ "$files" -ge 30 ]

awk '{ kept[$1] += $2; all[$1] += $2 + $3; k += $2; a += $2 + $3 }
	END { for (f in all) printf "# %s: %d of %d directives kept (%.1f %%)\n", f, kept[f], all[f], 100 * kept[f] / all[f]
		printf "# all: %d of %d directives kept (%.1f %%)\n", k, a, 100 * k / a
		exit !(a > 0 && k >= 0.9 * a) }' "$TMP/counts" >"$TMP/share"
enough=$?
cat "$TMP/share"
expect "90 % of all directives are kept" [ $enough = 0 ]

# ---- sources that would be weaker ----

"$TOOL" import test/import/ntpd-rs-nts.toml >"$TMP/ours" 2>"$TMP/out"
status=$?
expect "all sources by NTS: status 1" [ $status = 1 ]
expect "... and that is said first" eval 'head -1 "$TMP/out" | grep -q "^NOTHING IS LEFT TO FOLLOW"'
import test/import/chrony-nts.conf
expect "a source by NTS is not followed without" eval '! grep -E "^server (time.example.com|nts.example.net)" "$TMP/ours"'
expect "... and the others are" [ "$(grep -c '^server' "$TMP/ours")" = 2 ]

# ---- keys ----

printf 'keys %s\ntrustedkey 1 3 7 8 9\nserver 192.0.2.1 key 3\n' "$PWD/test/import/ntp.keys" >"$TMP/ntp.conf"
import "$TMP/ntp.conf" --output-keys "$TMP/keys"
expect "ntp.keys: converted, accepted" [ "$status" = 0 ]
expect "ntp.keys: mode 0600" [ "$(stat -c %a "$TMP/keys")" = 600 ]
expect "ntp.keys: the trusted ones of known types" [ "$(cut -d' ' -f1,2 "$TMP/keys" | tr '\n' ,)" = "1 MD5,3 SHA1,7 AES128,9 AES128," ]
expect "ntp.keys: hexadecimal beyond 20 characters, else as it is" \
	eval 'grep -q "^3 SHA1 HEX:9f1b" "$TMP/keys" && grep -q "^9 AES128 ASCII:sixteen-bytes-ok" "$TMP/keys"'
expect "ntp.keys: no key is shown" eval '! grep -qE "secretsecret|9f1b3c8d|0123456789abcdef|sixteen" "$TMP/json" "$TMP/out" "$TMP/ours"'
expect "ntp.keys: what was left out is named with its line" \
	eval 'json_is ".entries[] | select(.line == 5 and .fate == \"dropped\") | .why | test(\"RIPEMD160\")" "$TMP/json"'
printf 'keys %s\ntrustedkey 1\nserver 192.0.2.1 key 3\n' "$PWD/test/import/ntp.keys" >"$TMP/ntp.conf"
import "$TMP/ntp.conf" --output-keys "$TMP/keys"
expect "a key that no file has: not accepted" [ "$status" = 1 ]

# ---- words and files ----

"$TOOL" import "$TMP/ntp.conf" --output "$TMP/keys" >"$TMP/out" 2>&1
status=$?
expect "a file that exists is not written over: status 2" [ $status = 2 ]
expect "... and it is named" grep -q "$TMP/keys exists" "$TMP/out"
"$TOOL" import /nonexistent >"$TMP/out" 2>&1
expect "no such file: said" grep -q '/nonexistent: No such file' "$TMP/out"
"$TOOL" import --from chrny "$TMP/ntp.conf" >"$TMP/out" 2>&1
expect "a wrong --from: the nearest is named" grep -q "the nearest is 'chrony'" "$TMP/out"
printf '[[source]]\nmode = "server\n' >"$TMP/bad.toml"
"$TOOL" import "$TMP/bad.toml" >"$TMP/out" 2>&1
expect "no TOML: file, line and cause" grep -q "bad.toml:2: not TOML: a string has no end" "$TMP/out"
printf 'include %s/loop.conf\nserver 192.0.2.1\n' "$TMP" >"$TMP/loop.conf"
import --from chrony "$TMP/loop.conf"
expect "a file that includes itself: it ends, and says so" grep -q "more than 10 deep" "$TMP/json"
mkdir "$TMP/conf.d" "$TMP/sources.d"
echo 'server 192.0.2.7 iburst' >"$TMP/conf.d/a.conf"
echo 'server 192.0.2.8 iburst' >"$TMP/sources.d/b.sources"
printf 'confdir %s/conf.d\nsourcedir %s/sources.d\n' "$TMP" "$TMP" >"$TMP/chrony.conf"
import "$TMP/chrony.conf"
expect "confdir and sourcedir are followed" [ "$(grep -c '^server 192.0.2.[78] iburst' "$TMP/ours")" = 2 ]
expect "... and named with file and line" \
	eval 'json_is ".entries[] | select(.file | endswith(\"b.sources\")) | .line == 1" "$TMP/json"'
mkdir "$TMP/timesyncd.conf.d"
printf '[Time]\nNTP=192.0.2.1\n' >"$TMP/timesyncd.conf"
printf '[Time]\nNTP=192.0.2.2\n' >"$TMP/timesyncd.conf.d/x.conf"
import "$TMP/timesyncd.conf"
expect "drop-ins of timesyncd.conf are followed" grep -q '^server 192.0.2.2 iburst' "$TMP/ours"

# ---- the page says what is not supported ----

missing=$(awk -F'"' '/^\t\{"[a-z_]+", DS_WORD_(NOTED|WARNED|REFUSED)/ { print $2 }' daemon/conf_words.c | sort -u |
	while read -r word; do grep -q "\`$word\`" doc/from-chrony.md || echo "$word"; done)
expect "doc/from-chrony.md: each word that is not supported ($missing)" [ -z "$missing" ]

# ---- nothing crashes ----

bad=0
for each in doc/[a-c]*.md test/import/*.keys tool/toml.c "$TOOL"; do
	for from in chrony ntp ntpd-rs openntpd timesyncd; do
		timeout 20 "$TOOL" import --from $from "$each" >/dev/null 2>&1
		[ $? -le 2 ] || { echo "$from $each"; bad=$((bad + 1)); }
	done
done
expect "files that are no configuration: a status, never a crash" [ $bad = 0 ]
exit $((failures > 0))
