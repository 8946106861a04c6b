#!/usr/bin/env bash
# first-ten-minutes: what doc/first-ten-minutes.md shows, done again. Each command of its fenced blocks is
# run, in order, and what it prints is compared with what the page says. Lines `$ COMMAND` are run here, in
# a clone of the repository; lines `# COMMAND` by root on a fresh Debian 12 with systemd, a user-mode Linux
# host (see first-ten-minutes.inc), whose servers are daemons here, in this test's network namespace.
# It must never touch this machine's clock: the guest has one of its own, and so have the servers.
#
#   DS_TEN_WRITE=1   puts what was printed into the page, instead of comparing
#   DS_TEN_PAGE=FILE another page
#   DS_TEN_MAKE=1    only makes the Debian, and keeps it
#   DS_TEN_KEEP=DIR  a copy of what the guest printed, and of its console
#
# What is not compared letter by letter, on either side (plain, below):
#   - times of the day, dates, uptimes, how long ago, ids of processes: T, [N], N
#   - numbers with a fraction or a unit, with sign and unit, and whether that is slow or fast: N. Addresses,
#     our version and the exposure of the unit are compared, Debian's versions not
#   - whole numbers that count what happened: packets, requests, tries, files, `key=NUMBER`
#   - waiting (`Not synchronised: ...`), and which of the three servers is selected or named first: their order, the letter and the words for that
#   - the order of links that systemctl made or removed
#   - rows of sources: name or address alone; how well a frequency is known
#   - how wide blanks and lines of - and = are; lines that then are the same as the one before: one
# All else is: words, other whole numbers, addresses, paths, the order of lines. Some figures have limits
# of their own, at the end.
. test/lib.sh
. test/mirror.inc
. test/packages.inc
. test/lab/first-ten-minutes.inc

page=${DS_TEN_PAGE:-doc/first-ten-minutes.md}
shadow_seconds=12 # until Ctrl-C, where the page has ^C
limit=200         # of the guest

# ---- what is needed, while there is a network ----

if [ -z "${DS_ISOLATED:-}" ]; then
	[ "$(id -u)" = 0 ] || skip_all "needs root"
	. .ci/packages.sh
	command -v apt-get >/dev/null || skip_all "no Debian"
	need_packages debootstrap e2fsprogs iproute2 util-linux bc bison flex gcc make xz-utils \
		>/dev/null 2>&1 || skip_all "packages are missing: debootstrap, or what the bed needs"
	missing=$(lab/bed/bed check) || skip_all "the bed: $(tr '\n' ';' <<<"$missing")"
	BED_WORK=$TMP/bed lab/bed/bed paths >"$TMP/paths" 2>"$TMP/said" ||
		skip_all "the bed cannot be built: $(tail -n 1 "$TMP/said")"
	[ -n "$(own_mirror)" ] || skip_all "no mirror in apt's sources"
	ten_system || {
		! grep -q '^E: ' "$TEN_STORE/said" || skip_all "debootstrap: $(grep -m1 '^E: ' "$TEN_STORE/said")"
		not_ok "a fresh Debian 12"
		tail -n 20 "$TEN_STORE/said"
		exit 1
	}
	[ -z "${DS_TEN_MAKE:-}" ] || exit 0
	build_packages || { not_ok "./run package"; tail -n 30 "$PACKAGES/said"; exit 1; }
	TEN_KERNEL=$(sed -n 's/^kernel //p' "$TMP/paths") TEN_CLOCK=$(sed -n 's/^work //p' "$TMP/paths")/umlclk.so
	export TEN_KERNEL TEN_CLOCK
fi
unshare -n true 2>/dev/null || skip_all "no right to make namespaces"
isolate "$@"
ten_kernel=$TEN_KERNEL ten_clock=$TEN_CLOCK

# ---- the page ----

mkdir "$TMP/ten" "$TMP/step" "$TMP/plain"
# N.side, N.command, N.want; a fence begins at the first column.
awk -v dir="$TMP/step" '
	/^```/ { inside = !inside; step = ""; next }
	inside && /^[$#] / {
		step = dir "/" ++n
		print substr($0, 1, 1) >(step ".side")
		print substr($0, 3) >(step ".command")
		printf "" >(step ".want")
		next
	}
	inside && step != "" { print >(step ".want") }' "$page"
steps=$(find "$TMP/step" -name '*.command' | wc -l)
[ "$steps" -gt 0 ] || { not_ok "$page: no step in it"; exit 1; }
inside=() outside=()
for ((n = 1; n <= steps; n++)); do
	if [ "$(cat "$TMP/step/$n.side")" = '#' ]; then
		inside+=("$n")
		seconds=0
		! grep -qx '\^C' "$TMP/step/$n.want" || seconds=$shadow_seconds
		echo "$seconds $(cat "$TMP/step/$n.command")" >>"$TMP/ten/steps"
	else
		outside+=("$n")
	fi
done

# tidy: what a terminal would not have shown of what apt-get and dpkg print into a pipe, the answer to their
# question, and the key that ended a command.
tidy()
{
	awk -v interrupted="$1" -v packages="$PACKAGES" '
		/^WARNING: apt does not have a stable CLI/ { getline; if ($0 != "") print; next }
		NR == 1 && $0 == "" { next }
		{ sub(packages "/tree/", "/home/you/drivestamp/") }
		(n = index($0, "[Y/n] ")) { print substr($0, 1, n + 5) "y"; $0 = substr($0, n + 6) }
		/\(Reading database/ { sub(/.*\(Reading/, "(Reading") }
		{ gsub(/\r/, "") }
		interrupted && / ending on signal / { print "^C"; interrupted = "" }
		{ sub(/[ \t]+$/, ""); print }
		END { if (interrupted) print "^C" }'
}

# plain: without what differs from one time to the next
plain()
{
	sed -E '
		/^\^C$/d; /^ {20,}[a-z ]+$/d; /^Not synchronised: /d
		s/192\.0\.2\.([0-9]+)/ADDRESS\1/g; s/127\.0\.0\.1/LOOPBACK/g; s/\b0\.1\.0\b/VERSION/g
		s/(exposure level .*: [0-9])\.([0-9])/\1,\2/
		s/\b4\.3-[0-9]+\+deb12u[0-9]+/DEBIAN/g
		s/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}(\.[0-9]+)?( ?UTC|Z)?/T/g
		s/((Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-9][0-9] ([0-9:]{8}|[0-9:]{5}| [0-9]{4})( [0-9]{4})?/T/g
		s/(since .* T); .* ago/\1/
		s/^\[ *[0-9]+\.[0-9]+\]/T/
		s/[0-9]{1,2}:[0-9]{2}:[0-9]{2}/T/g
		s/\[[0-9]+\]/[N]/g
		s/runs \([0-9]+\)/runs (N)/
		s/(PID: |[└├]─)[0-9]+ /\1N /g
		s/(drivestampd VERSION) [0-9]+,/\1 N,/
		s/\(limit: [0-9]+\)/(limit: N)/
		s/^( +Status:) .*/\1/
		s/^ *[0-9]+ s +(basic|interleaved).*/progress/
		s/\b(state)=[^ ]+ .*/\1/; s/counters:.*/counters/
		s/=[0-9]+\b/=N/g
		s/\b[0-9]+( packets|times|tries)/N\1/g; s/[0-9]+ times/N times/; s/\b[0-9]+ files and/N files and/
		s/try: [0-9]+/try/; s/(Selected source|refid:|Reference( ID *:)?) .*/\1/
		s/[0-9]+ (readings|exchanges|interleaved|basic|kernel)/N \1/g; s/(basic|interleaved|client|server) [0-9]+/\1 N/g
		s/by [0-9] of 3/by N of 3/
		s/^\^[^ ] ((ADDRESS|ntp)[^ ]*) .*/^ \1/
		s/^[^ ] (ADDRESS[^ ]*) .*/\1/
		s/^Frequency .*/Frequency/; s/(Updated .* ago).*/\1/
		s/^(drivestamp_bound_seconds) .*/\1/; s/(which="(agreeing|answering)"}) .*/\1/
		s/\b(slow|fast)\b/OFF/g; s/ OFF$//
		s/(\+\/-|[-+])? *\b[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)? ?(ns|us|ms|s|ppm|ppb|kB|B|M|K|seconds|%)( OFF)?(\W|$)/ N\6/g
		s/(\+\/-|[-+])? *\b[0-9]+\.[0-9]+(e[-+]?[0-9]+)?\b/ N/g
		s/[-=]{4,}/----/g
		s/[ \t]+/ /g; s/ $//; s/^ //' |
		awk '
		function flush(i, j, t) {
			for (i = 2; i <= n; i++) for (j = i; j > 1 && line[j] < line[j - 1]; j--) {
				t = line[j]; line[j] = line[j - 1]; line[j - 1] = t
			}
			for (i = 1; i <= n; i++) out(line[i])
			n = 0
		}
		function out(s) { if (s != last || !some) print s; last = s; some = 1 }
		/Selected source/ && selected++ { next }
		/source|ADDRESS[0-9]|ntp[0-9]\.example|^Removed "|^Created symlink/ { line[++n] = $0; next }
		{ flush(); out($0) }
		END { flush() }'
}

# ---- the servers, and the machine ----

ip tuntap add mode tap name t1 && ip link set t1 up || { not_ok "a network"; exit 1; }
for n in 1 2 3 4; do
	ip addr add "192.0.2.$n/24" dev t1
	start_daemon "server$n" -d --clock virtual -x 'local stratum 1' allow "bindaddress 192.0.2.$n" \
		'pidfile none' 'controlsocket none' 'boundfile none' 'cmdport 0'
done
cp "$PACKAGES"/drivestamp_*.deb "$PACKAGES"/drivestamp-tools_*.deb "$TMP/ten/"
begun=$SECONDS
ten_boot "$TMP/ten" "$limit"

# outside N: a step that is done here, while the guest boots; what it builds is built
outside()
{
	local command
	command=$(cat "$TMP/step/$1.command")
	if [ "$command" = './run package' ]; then
		cat "$PACKAGES/said" && echo 0 >"$TMP/ten/$1.outside-status"
	else
		DRIVESTAMP_BUILD=$BUILD timeout -k 5 90 "${no_clock[@]}" bash -c "$command" 2>&1 </dev/null
		echo $? >"$TMP/ten/$1.outside-status"
	fi
}
for n in "${outside[@]}"; do
	outside "$n" >"$TMP/ten/$n.outside"
done
wait "$ten_host"
[ -z "${DS_TEN_KEEP:-}" ] || cp -r "$TMP/ten" "$TMP/console.log" "$TMP"/server*.log "$DS_TEN_KEEP"

# ---- what came of it ----

number=0
for ((n = 1; n <= steps; n++)); do
	if [ "$(cat "$TMP/step/$n.side")" = '#' ]; then
		number=$((number + 1))
		came=$TMP/ten/$number.out status=$TMP/ten/$number.status
	else
		came=$TMP/ten/$n.outside status=$TMP/ten/$n.outside-status
	fi
	[ -e "$status" ] || { echo "(not done)" >>"$came"; echo none >"$status"; }
	tidy "$(grep -x '\^C' "$TMP/step/$n.want")" <"$came" >"$TMP/step/$n.came"
	cat "$status" >"$TMP/step/$n.status"
done

if [ -n "${DS_TEN_WRITE:-}" ]; then
	awk -v dir="$TMP/step" '
		/^```/ { inside = !inside; step = 0 }
		inside && /^[$#] / {
			print; step = 1; n++
			while ((getline line <(dir "/" n ".came")) > 0) print line
			next
		}
		!(inside && step)' "$page" >"$TMP/page" && cat "$TMP/page" >"$page"
	grep -cE '^([$#] |```)' "$TMP"/step/*.came | grep -v ':0$' | sed 's/^/not ok - would be taken for a step: /'
	grep -L '^0$' "$TMP"/step/*.status | while read -r file; do
		echo "status $(cat "$file"): $(cat "${file%.status}.command")"
	done
	ok "$page written"
	exit
fi
for ((n = 1; n <= steps; n++)); do
	plain <"$TMP/step/$n.want" >"$TMP/plain/page"
	plain <"$TMP/step/$n.came" >"$TMP/plain/now"
	# A command that fails has a page that says so.
	case $(cat "$TMP/step/$n.status") in
	0) ;;
	*) grep -q 'No such file or directory$' "$TMP/step/$n.want" || echo "(failed)" >>"$TMP/plain/now" ;;
	esac
	if diff -u --label page --label now "$TMP/plain/page" "$TMP/plain/now" >"$TMP/diff" 2>&1; then
		ok "step $n: $(cat "$TMP/step/$n.command")"
	else
		not_ok "step $n: $(cat "$TMP/step/$n.command") (status $(cat "$TMP/step/$n.status"))"
		sed 's/^/    | /' "$TMP/diff"
	fi
done

# ---- figures that have a limit; and the steps are those that switch told ----

# came PATTERN: what the first step whose command matches printed
came() { local file; file=$(grep -lE "$1" "$TMP"/step/*.command | sort -V | head -n 1); cat "${file%.command}.came"; }
exposure=$(came '^systemd-analyze security' | sed -nE 's/.*: ([0-9.]+) OK.*/\1/p')
expect "exposure of the unit, ports below 1024 with it: $exposure, at most 2.0" \
	awk "BEGIN { exit !(${exposure:-9} <= 2.0) }"
resident=$(came '^grep VmRSS' | tr -dc 0-9)
expect "resident: $resident kB, at most 8000" [ "${resident:-9999}" -le 8000 ]
# The clock is said to be right when it is known within 0.1 s.
took=$(came '^journalctl .*short-monotonic' | awk '{ gsub(/[][]/, " "); if (NR == 1) a = $1; b = $1 } END { printf "%.0f", (b - a) * 1000 }')
expect "right $took ms after the start, at most 10000" [ "${took:-99999}" -le 10000 ]
# Rows of sources differ from time to time; that those with xleave are interleaved, the other not, does not.
came '^drivestamp sources' | awk '/^\^/ { print $2, $(NF - 1) }' | sort >"$TMP/modes"
expect "sources with xleave are interleaved, the other is basic" \
	diff - "$TMP/modes" <<<$'192.0.2.1 I\n192.0.2.2 I\n192.0.2.3 B'
came '^drivestampd --shadow' | sed -nE 's/.*source (192[^:]*):.* interleaved=([0-9]+) .*/\1 \2/p' >"$TMP/modes"
expect "and so they are in shadow" \
	awk '($2 > 0) == ($1 != "192.0.2.3") { n++ } END { exit n != 3 || NR != 3 }' "$TMP/modes"
cat "$TMP"/step/*.command >"$TMP/commands"
came '^drivestamp switch' | sed -n 's/^     # //p' >"$TMP/told"
untold=$(grep -vxFf "$TMP/commands" "$TMP/told")
expect "each step that switch tells is on the page ($(wc -l <"$TMP/told"))" [ -s "$TMP/told" -a -z "$untold" ]
[ -z "$untold" ] || echo "$untold"
[ "$failures" = 0 ] || tail -n 15 "$TMP/console.log"
echo "# the guest: $((SECONDS - begun)) s"
[ "$failures" = 0 ]
