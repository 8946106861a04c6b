# shellcheck shell=bash
# lib: what tests on the virtual test bed share. Sourced, from the repository's top; brings test/lib.sh
# along (ok, not_ok, expect, await, lines, $TMP). It must never leave a host or a network behind, nor
# touch the machine's clock: the guests have clocks of their own.
#
# bed_or_skip N             a bed of N hosts of this test's own, or `skip - REASON` and the end
# bed_start H INIT WORD=VALUE... [-- COMMAND...]
#                           host H in the background (see `bed host`); INIT is mostly: daemon
# bed_ours H CONF WORD...   host H with our drivestampd and that configuration, until bed_end
# bed_chrony H CONF WORD... the same with Debian's chronyd
# bed_ready H...            waits until these run commands; false and a `not ok` where not
# bed_tell H COMMAND...     runs a command in a running host: its output, its status
# bed_fault H NAME VALUE    a parameter of the clock hardware in a running host
# bed_end H...              lets hosts end, so that their logs are whole
# truth_of H [FROM_S [TO_S]]  error of H's system clock against true time, by default over the last
#                           half: true and $mean_ns $sd_ns $rms_ns $max_ns $samples (whole numbers;
#                           0 0 0 0 0 and false where there are too few). truth_options=--device:
#                           of the clock of probe=DEVICE. Works while H runs, too.
# seconds_of H              whole seconds since the log of H began: now, as FROM_S
# below LIMIT VALUE...      are all these whole numbers within +-LIMIT?
#
# What host H printed is in $TMP/host-H.log, what its daemon said at its end in $TMP/daemon-H.log.
# shellcheck disable=SC1091
. test/lib.sh

BED=$PWD/lab/bed/bed
DAEMON=$(readlink -f "$DAEMON")
export BED_WORK=$TMP/bed BED_LIMIT=${BED_LIMIT:-200} BED_OWNER=$$
bed_hosts=()

bed_cleanup()
{
	[ ! -d "$BED_WORK/run" ] || "$BED" down
	wait "${bed_hosts[@]}" 2>/dev/null
	[ -z "${BED_KEEP:-}" ] || cp -r "$TMP" "$BED_KEEP"
	cleanup
}
trap bed_cleanup EXIT

bed_or_skip() # N
{
	local why
	[ -x "$DAEMON" ] || { not_ok "no drivestampd in $BUILD (DS_BUILD names the build)"; exit 1; }
	if ! why=$("$BED" check 2>&1) && [ "$(id -u)" = 0 ]; then
		# shellcheck disable=SC1091
		. .ci/packages.sh
		need_packages bc bison flex gcc make xz-utils iproute2 procps util-linux >/dev/null 2>&1
		why=$("$BED" check 2>&1)
	fi
	! [[ $why == *missing:* ]] || skip_all "the bed: $(tr '\n' ';' <<<"$why")"
	"$BED" build >"$TMP/build.log" 2>&1 ||
		skip_all "the bed cannot be built: $(tail -n 1 "$TMP/build.log")"
	# From here on whatever goes wrong is a failure.
	"$BED" up "$1" >"$TMP/up.log" 2>&1 ||
		{ not_ok "a bed of $1 hosts: $(tail -n 1 "$TMP/up.log")"; exit 1; }
}

bed_start() # H INIT WORD... [-- COMMAND...]
{
	local host=$1
	"$BED" host "$@" >"$TMP/host-$host.log" 2>&1 </dev/null &
	bed_hosts+=($!)
}

bed_ours() # H CONF WORD...
{
	local host=$1 conf=$2
	shift 2
	bed_start "$host" daemon sec=0 "$@" -- "$DAEMON" -d -f "$conf"
}

bed_chrony() # H CONF WORD...
{
	local host=$1 conf=$2
	shift 2
	bed_start "$host" daemon sec=0 "$@" -- chronyd -d -f "$conf"
}

bed_ready() # H...
{
	local host
	for host; do
		await 40 grep -q '^host [0-9]: up after' "$TMP/host-$host.log" &&
			"$BED" tell "$host" true >/dev/null 2>&1 && continue
		not_ok "host $host is up"
		sed 's/^/    | /' "$TMP/host-$host.log" | tail -n 20
		return 1
	done
}

bed_tell() { "$BED" tell "$@"; }

bed_fault() # H NAME VALUE
{
	"$BED" tell "$1" "echo '$3' >/sys/module/bedclk/parameters/$2"
}

bed_end() # H...
{
	local host ends=()
	for host; do
		"$BED" end "$host" &
		ends+=($!)
	done
	wait "${ends[@]}"
	for host; do
		[ ! -e "$BED_WORK/run/host-$host/daemon.log" ] ||
			cp "$BED_WORK/run/host-$host/daemon.log" "$TMP/daemon-$host.log"
	done
}

truth_options=
# shellcheck disable=SC2034  # figures for the callers
truth_of() # H [FROM_S [TO_S]]
{
	local line
	# shellcheck disable=SC2086  # options are words
	line=$("$BED" truth --columns $truth_options ${2:+--from "$2"} ${3:+--to "$3"} \
		"$TMP/host-$1.log")
	# The last two of the line are a fitted frequency and what is left beside it.
	read -r _ samples mean_ns sd_ns rms_ns max_ns frequency_ppm residual_ns <<<"$line"
	[ -n "$frequency_ppm" ] && return 0
	samples=0 mean_ns=0 sd_ns=0 rms_ns=0 max_ns=0 frequency_ppm=0 residual_ns=0
	return 1
}

# Whole seconds since the log of H began, for FROM_S and TO_S of things that are done now.
seconds_of() # H
{
	local seconds
	seconds=$("$BED" truth --samples "$TMP/host-$1.log" | tail -n 1)
	echo "${seconds%%.*}"
}

below() # LIMIT VALUE...
{
	local limit=$1 value
	shift
	for value; do
		[ "${value#-}" -le "$limit" ] || return 1
	done
}
