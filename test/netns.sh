# Sourced. Network namespaces joined by veth, and programs in them; all of it is removed on any
# way out. It must never touch what it did not make, nor give a program the right to set a clock.
#
# ns_begin NAME        makes $ns_dir (private, temporary); exits with a reason (77) without root
# ns_add A             a namespace (named with our pid; use A everywhere here)
# ns_join A B N        veth: A has 10.118.N.1 and fd00:118:N::1, B has ...2
# ns_ip A ARGS...      ip in A
# ns_run A CMD...      run in A, without CAP_SYS_TIME
# ns_start A LOG CMD...  the same in the background: $ns_pid; stdout and stderr go to LOG
# ns_stop PID          ends one (TERM, after 2 s KILL)
# ns_ipv6 A            true where A has an IPv6 address of ours
# NS_KEEP=1            keeps $ns_dir
# BUILD or DS_BUILD    the build folder (default: build/ at the top)

ns_build=${BUILD:-${DS_BUILD:-$top/build}}

ns_list=
ns_pids=

ns_skip() {
	echo "skip - $1"
	exit "${ns_skip_status:-77}"
}

ns_begin() {
	[ "$(id -u)" = 0 ] || ns_skip "$1: network namespaces need root"
	command -v ip >/dev/null || ns_skip "$1: no ip (package iproute2)"
	command -v setpriv >/dev/null || ns_skip "$1: no setpriv (package util-linux)"
	ns_dir=$(mktemp -d "${TMPDIR:-/tmp}/drivestamp-$1.XXXXXX") || exit 1
	trap 'ns_end' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	ns_add probe 2>/dev/null || ns_skip "$1: no right to make network namespaces"
}

ns_name() {
	echo "ds$$-$1"
}

# nsenter rather than `ip -n` and `ip netns exec`: those also remount /sys, which fails in a chroot.
ns_ip() { # NAMESPACE ARGUMENTS OF ip...
	ns_where=$(ns_name "$1")
	shift
	nsenter --net="/run/netns/$ns_where" ip "$@"
}

ns_add() {
	ip netns add "$(ns_name "$1")" || return 1
	ns_list="$ns_list $(ns_name "$1")"
	ns_ip "$1" link set lo up
}

ns_join() {
	ns_ip "$1" link add "v$3a" type veth peer name "v$3b" netns "$(ns_name "$2")" &&
		ns_address "$1" "v$3a" "$3" 1 && ns_address "$2" "v$3b" "$3" 2
}

ns_address() { # NAMESPACE INTERFACE N HOST
	ns_ip "$1" addr add "10.118.$3.$4/24" dev "$2" || return 1
	ns_ip "$1" addr add "fd00:118:$3::$4/64" dev "$2" nodad 2>/dev/null
	ns_ip "$1" link set "$2" up
}

ns_ipv6() {
	ns_ip "$1" -6 addr show 2>/dev/null | grep -q fd00:118:
}

ns_run() {
	ns_where=$(ns_name "$1")
	shift
	nsenter --net="/run/netns/$ns_where" setpriv --bounding-set -sys_time --inh-caps -sys_time "$@"
}

ns_start() {
	ns_where=$(ns_name "$1")
	ns_log=$2
	shift 2
	nsenter --net="/run/netns/$ns_where" setpriv --bounding-set -sys_time --inh-caps -sys_time "$@" \
		>"$ns_log" 2>&1 </dev/null &
	ns_pid=$!
	ns_pids="$ns_pids $ns_pid"
}

ns_gone() { # PID [TENTHS]
	ns_wait=${2:-20}
	while kill -0 "$1" 2>/dev/null; do
		[ "$ns_wait" -gt 0 ] || return 1
		sleep 0.1
		ns_wait=$((ns_wait - 1))
	done
}

ns_stop() {
	kill "$1" 2>/dev/null
	ns_gone "$1" || kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

ns_end() {
	trap - EXIT HUP INT TERM
	for ns_each in $ns_pids; do
		kill "$ns_each" 2>/dev/null
	done
	for ns_each in $ns_pids; do
		ns_gone "$ns_each" 10 || kill -KILL "$ns_each" 2>/dev/null
	done
	for ns_each in $ns_list; do # what they left behind stands in our namespaces only
		for ns_pid in $(ip netns pids "$ns_each" 2>/dev/null); do
			kill -KILL "$ns_pid" 2>/dev/null
		done
		ip netns del "$ns_each" 2>/dev/null
	done
	[ "${NS_KEEP:-0}" = 1 ] && echo "# kept: $ns_dir" || rm -rf "$ns_dir"
}

# ns_until TENTHS CMD...: waits until CMD is true.
ns_until() {
	ns_wait=$1
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$ns_wait" -gt 0 ] || return 1
		sleep 0.1
		ns_wait=$((ns_wait - 1))
	done
}

# ns_program NAME FOLDER: path of a program of ours, built by meson in $BUILD or <top>/build;
# helpers of tests and benches are single files and compiled here if need be. Sets $program.
ns_program() {
	for program in "$ns_build/$2/$1" "$ns_dir/$1"; do
		[ -x "$program" ] && return 0
	done
	[ -f "$top/$2/$1.c" ] && command -v "${CC:-cc}" >/dev/null || return 1
	"${CC:-cc}" -std=c17 -D_GNU_SOURCE -O2 -o "$ns_dir/$1" "$top/$2/$1.c" -lm
}
