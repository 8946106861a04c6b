# shellcheck shell=bash
# lib: what shell tests of the daemon share. Sourced; the caller's directory is the repository's top.
# It must never give a daemon the right to set the machine's clock: daemons are started by
# start_daemon, which takes that right away.

BUILD=${DS_BUILD:-build}
DAEMON=$BUILD/daemon/drivestampd

ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }
skip_all() { echo "skip - $*"; exit 0; }
failures=0

[ -x "$DAEMON" ] || { echo "not ok - no $DAEMON: build first"; exit 1; }

TMP=$(mktemp -d) || exit 1
chmod 755 "$TMP"
daemons=()
cleanup()
{
	for pid in "${daemons[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$TMP"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# expect TEXT COMMAND...: one test, passed if the command succeeds
expect()
{
	local text=$1
	shift
	if "$@"; then ok "$text"; else not_ok "$text"; fi
}

# json_is FILTER [FILE]: a document is there (jq -e says yes to none), and the filter gives something, and
# nothing but what is true of it
json_is() { jq -en "[inputs | ($1)] | length > 0 and all" ${2+"$2"} >/dev/null; }

# The words that take away the right to set the clock, where there is any to take; and a daemon ends with
# the test that started it, however that ends.
no_clock=(setpriv --pdeathsig TERM)
if [ "$(id -u)" = 0 ]; then
	no_clock+=(--bounding-set -sys_time --inh-caps -sys_time)
fi

# isolate ARGUMENTS...: start this very test anew in a network namespace of its own, with lo up
# only. Without root it goes on where it is.
isolate()
{
	[ "$(id -u)" = 0 ] || return 0
	[ -z "${DS_ISOLATED:-}" ] || { ip link set lo up; return 0; }
	unshare -n true 2>/dev/null || return 0
	rm -rf "$TMP"
	DS_ISOLATED=1 exec unshare -n "$0" "$@"
}

# run_daemon SECONDS ARGUMENTS...: in the foreground for at most so long. Output in $TMP/out,
# status in $status. 124: it had to be ended.
run_daemon()
{
	local limit=$1
	shift
	status=0
	timeout -k 5 "$limit" "${no_clock[@]}" "$DAEMON" "$@" >"$TMP/out" 2>&1 </dev/null || status=$?
}

# start_daemon NAME ARGUMENTS...: in the background; output in $TMP/NAME.log, id in $pid
start_daemon()
{
	local name=$1
	shift
	"${no_clock[@]}" "$DAEMON" "$@" >"$TMP/$name.log" 2>&1 </dev/null &
	pid=$!
	daemons+=("$pid")
}

# stop_daemon PID: by SIGTERM; its exit status in $status, 99 if it did not end in 5 s
stop_daemon()
{
	local id=$1 left
	status=99
	kill -TERM "$id" 2>/dev/null
	for ((left = 50; left > 0; left--)); do
		kill -0 "$id" 2>/dev/null || break
		sleep 0.1
	done
	[ $left -gt 0 ] || return 0
	status=0
	wait "$id" || status=$?
}

# lines FILE PATTERN: how many lines match (extended, without regard to case)
lines() { grep -aciE -- "$2" "$1"; }

# await SECONDS COMMAND...: until it succeeds
await()
{
	local left=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ $((left--)) -gt 0 ] || return 1
		sleep 0.1
	done
}
