#!/usr/bin/env bash
# The lab's HTML page in a browser: nothing cut or overlapping on wide and narrow screens and on
# paper, its figures the JSON's, and nothing for axe-core (Deque's rules of accessibility) to say.
# It must never need a network for the page itself: the browser is given none.
#
# DS_AXE: path of an axe.min.js; without it the one of the version below is fetched once by npm.
# DS_REAL: DS_REAL.html and DS_REAL.json are of a real run: not a short one of our own.
# DS_PAGES: a folder to leave pictures of the pages in.
. test/lib.sh
. test/lab/browser.inc
axe_version=4.14.1
axe_sha512=1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5
FAKE=$BUILD/test/lab/fake-report
trap 'browser_stop; cleanup' EXIT
kinds='healthy loaded partial hostile empty small large'

# ---- without a browser: size, and nothing to load ----
for kind in $kinds; do
	"$FAKE" "$kind" html >"$TMP/$kind.html" && "$FAKE" "$kind" json >"$TMP/$kind.json" ||
		{ not_ok "$kind: page and JSON"; continue; }
done
# And of a real run: a short one of ours alone, which needs nothing that is not here.
if [ -z "${DS_REAL:-}" ]; then
	DS_REAL=$TMP/run
	timeout -k 5 60 "$BUILD/tool/drivestamp" lab --old drivestamp --new drivestamp --modes basic,xleave \
		--repeat 1 --duration 3 --warmup 1 --json "$DS_REAL.json" --html "$DS_REAL.html" \
		>"$TMP/run.out" 2>"$TMP/run.err" </dev/null
fi
if cp "$DS_REAL.html" "$TMP/real.html" && cp "$DS_REAL.json" "$TMP/real.json"; then
	kinds="$kinds real"
else
	not_ok "a real run leaves a page and its JSON"
	tail -n 5 "$TMP/run.err"
fi
for kind in $kinds; do
	size=$(wc -c <"$TMP/$kind.html")
	expect "$kind: $size bytes, under 1 MB, nothing to load" \
		eval '[ "$size" -lt 1000000 ] && ! grep -aqiE "<(script|link|img|iframe|object|image|use)|@import|url\(" "$TMP/$kind.html"'
done

# axe_there: DS_AXE, or the kept one, or a fetched one whose hash is the one above. 1: not, and why
# in $axe_why; 2: it is another file
axe_there()
{
	local keep=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/drivestamp/axe-core-$axe_version.tgz
	axe=${DS_AXE:-$TMP/axe.min.js}
	[ -z "${DS_AXE:-}" ] || return 0
	if [ ! -s "$keep" ]; then
		command -v npm >/dev/null || { axe_why="no npm to fetch axe-core $axe_version with"; return 1; }
		(cd "$TMP" && timeout 60 npm pack "axe-core@$axe_version" --silent >npm.log 2>&1) ||
			{ axe_why="npm could not fetch axe-core $axe_version"; return 1; }
		mkdir -p "${keep%/*}" && mv "$TMP/axe-core-$axe_version.tgz" "$keep" || return 1
	fi
	if ! echo "$axe_sha512  $keep" | sha512sum -c --quiet >/dev/null 2>&1; then
		rm -f "$keep"
		axe_why="axe-core $axe_version is not the file whose hash we know"
		return 2
	fi
	tar -xzOf "$keep" package/axe.min.js >"$TMP/axe.min.js"
}

. .ci/packages.sh
command -v chromium >/dev/null || need_packages chromium ||
	skip_all "no chromium (Debian: chromium): the page is not looked at"
browser_start && browser_on_load test/lab/page.js ||
	{ not_ok "chromium starts"; head -n 20 "$TMP/browser/log"; exit 1; }
axe_why='' axe_status=0
axe_there || axe_status=$?
[ $axe_status != 0 ] || browser_on_load "$axe"

# in_page TEXT SCRIPT: one test, passed where the script returns nothing, or a number (said)
in_page()
{
	local answer
	answer=$(browser_run "$2") || answer="the script: $answer"
	case $answer in
	'') ok "$1" ;;
	*[!0-9]*) not_ok "$1"; printf '%s\n' "$answer" | sed 's/^/    | /' ;;
	*) ok "$1 ($answer)" ;;
	esac
}
# finds TEXT PATTERN SCRIPT: one test of the test: the script must find such a fault
finds()
{
	local answer
	answer=$(browser_run "$3")
	if grep -q -- "$2" <<<"$answer"; then ok "$1"; else not_ok "$1: ${answer:0:200}"; fi
}
# open_page KIND: with its JSON in `report`
open_page()
{
	browser_open "$TMP/$1.html" && browser_run "window.report = ($(cat "$TMP/$1.json")), \"\"" >/dev/null && return
	not_ok "$1: opens"
	return 1
}
# picture KIND WIDTH SCHEME: a blank page of this size would be a few kilobytes
picture()
{
	local file=$TMP/$1-$2-$3.png area size
	browser_shoot "$file"
	area=$(($2 * $(browser_run 'String(document.documentElement.scrollHeight)')))
	size=$(wc -c <"$file")
	expect "$1, $2 wide, $3: a picture that is not blank ($size bytes)" [ "$size" -gt $((area / 60)) ]
	[ -z "${DS_PAGES:-}" ] || { mkdir -p "$DS_PAGES" && cp "$file" "$DS_PAGES/"; }
}
# looks KIND WIDTH SCHEME: laid out well, in those colours
looks()
{
	browser_screen "$2" "$3"
	in_page "$1, $2 wide, $3: nothing over the edge, cut or overlapping" "page_test.view('$3', false)"
}
accessible()
{
	[ $axe_status != 0 ] || in_page "$1, $2 wide, $3: axe-core has no violation; rules passed:" 'page_test.axe_run()'
}

for kind in $kinds; do
	open_page "$kind" || continue
	looks "$kind" 360 light
	looks "$kind" 390 dark
	case $kind in partial | hostile | real) accessible "$kind" 390 dark ;; esac
	case $kind in healthy | real) picture "$kind" 390 dark ;; esac
	looks "$kind" 1280 light
	case $kind in loaded | empty | real) accessible "$kind" 1280 light ;; esac
	case $kind in healthy | real) picture "$kind" 1280 light ;; esac
	in_page "$kind: the page's figures are the JSON's, and read like them:" 'page_test.figures(report)'
	# Of eight hosts intervals are left out where there are too many.
	[ $kind = large ] || in_page "$kind: the JSON's figures are in the page:" 'page_test.missing(report)'
	case $kind in loaded | partial | real) ;; *) continue ;; esac
	# A4 less its margins; nothing scrolls there, and ink is dark whatever the screen is.
	browser_screen 680 dark print
	in_page "$kind, on paper: dark ink on white, nothing cut" "page_test.view('light', true)"
	[ $kind = loaded ] || [ -n "${DS_PAGES:-}" ] || continue
	browser_print "$TMP/$kind.pdf"
	expect "$kind: a PDF ($(wc -c <"$TMP/$kind.pdf") bytes)" [ "$(head -c 5 "$TMP/$kind.pdf")" = %PDF- ]
	[ -z "${DS_PAGES:-}" ] || cp "$TMP/$kind.pdf" "$DS_PAGES/"
done
case $axe_status in
1) echo "skip - accessibility: $axe_why" ;;
2) not_ok "$axe_why" ;;
esac

# ---- tests of the test ----
browser_screen 1280 light
open_page small
finds "found: a figure whose last digit is another" '^groups/xleave/new-old/idle/rms_ns/value: page' \
	'(report.groups.xleave["new-old"].idle.rms_ns.value += 0.1, page_test.figures(report))'
finds "found: a figure that is missing" '^not in the page: groups/basic/old-new/idle/bias_ns/low' \
	'(document.querySelector("[data-key=\"groups/basic/old-new/idle/bias_ns/low\"]").remove(), page_test.missing(report))'
finds "found: a text laid on another" 'overlap in' \
	'(t => (t[3].setAttribute("x", t[2].getAttribute("x")), t[3].setAttribute("y", t[2].getAttribute("y")),
		page_test.view("light", false)))(document.querySelector("svg").querySelectorAll("text"))'
finds "found: a text too pale" 'contrast 1' \
	'(document.querySelector("svg text").style.fill = "#ddd", page_test.view("light", false))'
finds "found: a page wider than the screen" 'the page is' \
	'(document.querySelector("main").style.minWidth = "1400px", page_test.view("light", false))'
[ $axe_status != 0 ] || finds "found: what axe-core looks for" html-has-lang \
	'(document.documentElement.removeAttribute("lang"), page_test.axe_run())'
[ $failures = 0 ]
