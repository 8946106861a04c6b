#!/usr/bin/env bash
# The experiment cut short: by signals at any moment, a daemon that dies, a host that vanishes, a disk
# that is full. Each time: a clear line, a partial report that says so, and nothing left behind.
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh

[ "$(id -u)" = 0 ] || skip_all "interrupted: namespaces need root"
. test/peers.sh
peer_find chronyd || skip_all "interrupted: $peer_why"
TOOL=$BUILD/tool/drivestamp

# begin NAME ARGUMENTS...: in the background, in a folder of its own; $lab is its process
begin()
{
	name=$1
	shift
	mkdir -p "$TMP/$name/tmp"
	TMPDIR=$TMP/$name/tmp "${within[@]}" "$TOOL" lab --repeat 1 --warmup 1 --modes basic,xleave \
		--json "$TMP/$name/report.json" "$@" >"$TMP/$name/out" 2>"$TMP/$name/err" </dev/null &
	lab=$!
	daemons+=("$lab")
}
within=()
# until_it TEXT: NAME's standard error has it
until_it() { await "${2:-20}" grep -qE "$1" "$TMP/$name/err"; }
finish()
{
	status=0
	wait "$lab" 2>/dev/null || status=$?
}
ended() { [ "$status" = "$1" ] || { echo "# status $status"; sed 's/^/# /' "$TMP/$name/err"; return 1; }; }
says() { grep -qE -- "$1" "$TMP/$name/err" || { sed 's/^/# /' "$TMP/$name/err"; return 1; }; }
marked() { grep -q '"partial": true' "$TMP/$name/report.json" && grep -q '^PARTIAL' "$TMP/$name/out"; }
partly() { # the report is whole as JSON goes, and has samples
	marked && [ "$(tail -c 2 "$TMP/$name/report.json")" = "}" ] &&
		awk -f test/lab/figures.awk "$TMP/$name/report.json" |
		awk '/^cells.*\/samples/ { n += $2 } END { exit n == 0 }'
}
nothing_left()
{
	local process tmp=$TMP/$name/tmp
	[ -z "$(ls -A "$tmp")" ] || { find "$tmp" | head -n 5 | sed 's/^/# /'; return 1; }
	for process in /proc/[0-9]*; do
		case $(readlink "$process/cwd" 2>/dev/null) in "$tmp"*) return 1 ;; esac
	done
	! grep -la -- "$tmp/" /proc/[0-9]*/cmdline 2>/dev/null
}

# ---- signals ----
# While adapters look for their programs nothing is there yet.
cat >"$TMP/slowly" <<-'END'
	[ "$1" = find ] && : >"$TMPDIR/../here" && exec sleep 4417.33
END
begin early --old "$TMP/slowly" --duration 30
await 10 test -e "$TMP/early/here"
kill -INT "$lab"
finish
expect "SIGINT before anything is started: status 3" ended 3
expect "it says so" says interrupted
adapters_gone() { ! grep -qa 'sleep.4417\.33' /proc/[0-9]*/cmdline 2>/dev/null; }
expect "nothing is left" await 3 adapters_gone

begin starting --duration 30
until_it 'configuring'
kill -TERM "$lab"
finish
expect "SIGTERM while daemons are started: status 3" ended 3
expect "it says so" says 'interrupted \(Terminated\)'
expect "the report is marked as partial" marked
expect "nothing is left" nothing_left

# As a terminal does it: to all of the group, and by somebody who is impatient.
within=(setsid)
begin measuring --duration 30 --load cpu --alternation 4
within=()
sleep 5
for each in 1 2 3; do
	kill -INT -- "-$lab" 2>/dev/null
	sleep 0.2
done
finish
expect "Ctrl-C three times while it measures: status 3" ended 3
expect "nothing but that is said" test "$(grep -c '^drivestamp lab:' "$TMP/measuring/err")" = 1
expect "what was measured is reported, as partial" partly
expect "nothing is left" nothing_left

# Whoever reads the page is slow: a pipe holds less than it.
name=writing
mkdir -p "$TMP/writing/tmp"
mkfifo "$TMP/slow"
TMPDIR=$TMP/writing/tmp "$TOOL" lab --repeat 1 --warmup 1 --duration 2 --modes basic,xleave --html - \
	>"$TMP/slow" 2>"$TMP/writing/err" </dev/null &
lab=$!
daemons+=("$lab")
exec 7<"$TMP/slow"
until_it '^rig '
sleep 0.5
kill -INT "$lab"
sleep 0.2
kill -INT "$lab"
sleep 0.2
cat <&7 >"$TMP/writing/page"
exec 7<&-
finish
expect "SIGINT while the page is written: it is written to its end" grep -q '</html>' "$TMP/writing/page"
expect "and it is a whole one" test "$status" -lt 2
expect "nothing is left" nothing_left

# ---- parts that fail; side by side ----
begin killed --duration 7
killed=$lab
begin silent --duration 9
silent=$lab
begin forced --duration 30
forced=$lab
# A disk of its own, which goes with the mount namespace.
mkdir -p "$TMP/disk"
within=(unshare -m sh -c 'mount -t tmpfs -o size=700k none "$TMPDIR" && exec "$@"' sh)
begin full --duration 30
full=$lab
within=(unshare -m sh -c 'mount -t tmpfs -o size=12k none "$0" && exec "$@"' "$TMP/disk")
begin unwritten --duration 1 --html "$TMP/disk/report.html"
unwritten=$lab
within=()

# child_of PROCESS NAME: sets $child to the last of its children (or theirs) of that name
child_of()
{
	child=$(ps -e -o pid=,ppid=,comm= | awk -v top="$1" -v name="$2" '
		{ parent[$1] = $2; comm[$1] = $3 }
		END {
			for (p in parent)
				if (comm[p] == name)
					for (q = p; q > 1; q = parent[q])
						if (q == top && p > last) last = p
			print last
		}')
	[ -n "$child" ]
}
sleep 3
name=killed
await 5 child_of "$killed" chronyd && kill -KILL "$child"
name=silent
if await 5 child_of "$silent" chronyd; then
	for device in eth0 to0 to1 to2 to3; do
		nsenter --net="/proc/$child/ns/net" ip link del "$device" 2>/dev/null
	done
fi
name=forced
kill -KILL "$forced"
expect "SIGKILL: nothing is left after a moment" await 5 nothing_left

name=killed lab=$killed
finish
expect "a daemon is killed: status 3" ended 3
expect "it is said which, and how" says '(old|new)[12]: chrony, (basic|xleave): was ended by signal 9'
expect "the rest is reported, as partial" partly
expect "nothing is left" nothing_left

name=silent lab=$silent
finish
expect "the link of a host is taken away: status 3" ended 3
expect "it is said which host fell silent" says 'host old[12]: no exchange in the last [0-9]+ s'
expect "no other is accused" test "$(grep -c 'no exchange' "$TMP/silent/err")" = 1
expect "the rest is reported, as partial" partly
expect "nothing is left" nothing_left

name=full lab=$full
finish
expect "a full disk: status 3" ended 3
expect "it is said where" says 'the disk is full: .* in '"$TMP/full/tmp"
expect "what was measured is reported, as partial" partly
expect "nothing is left" nothing_left

name=unwritten lab=$unwritten
finish
expect "no room for the page: status 3" ended 3
expect "it is said which file" says "$TMP/disk/report.html: No space left"
expect "the other report is there" test -s "$TMP/unwritten/report.json"
expect "nothing is left" nothing_left

exit $((failures > 0))
