#!/usr/bin/env bash
# fresh: does it work for a newcomer? A fresh minimal Debian, 12 or another, a clone of this repository as
# committed, `./run`, `./run package` and `./check`, with the time that each takes.
# It must never leave mounts, processes or files behind, whatever happens.
#
# Needs root and debootstrap; fetches some 500 MB. Not part of ./check.
#   FRESH_DIR=DIR          where the system is made (a new folder below TMPDIR)
#   FRESH_SUITE=NAME       which Debian (bookworm, which is 12; trixie is 13)
#   FRESH_MIRROR=URL       Debian's mirror (the first that this machine's own sources name)
#   FRESH_SECONDS=N        how long ./run goes on (20)
#   FRESH_LAB=1            first ./run lab, which then is what sets up
#   FRESH_CHECK=ARGUMENTS  for ./check (none: all); `no` leaves it out
set -u
cd "$(dirname "$0")/.." || exit 1
failures=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; failures=$((failures + 1)); }

[ "$(id -u)" = 0 ] || { echo "skip - needs root"; exit 0; }
command -v debootstrap >/dev/null || { echo "skip - needs debootstrap"; exit 0; }

# Mounts and processes live in namespaces of their own: they end with this script.
if [ -z "${FRESH_INSIDE:-}" ]; then
	FRESH_INSIDE=1 exec unshare --mount --pid --fork --kill-child "$0" "$@"
fi

. test/mirror.inc
mirror=${FRESH_MIRROR:-$(own_mirror)}
[ -n "$mirror" ] || { echo "skip - no mirror in apt's sources: set FRESH_MIRROR"; exit 0; }
dir=${FRESH_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/fresh.XXXXXX")} || exit 1
root=$dir/root
cleanup()
{
	cd /
	# Everything mounted inside, what the tests mounted too, the last first. Nothing is removed
	# while something of the host is mounted there.
	awk -v root="$root" 'index($2, root) == 1 { at[++n] = $2 }
		END { for (; n; n--) print at[n] }' /proc/self/mounts |
		while read -r mounted; do umount -l "$mounted"; done
	if grep -q " $root" /proc/self/mounts; then
		echo "still mounted below $root: left there" >&2
		return
	fi
	rm -rf --one-file-system "$root"
	rmdir "$dir" 2>/dev/null
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# timed TEXT COMMAND...: one test with its time; output in $dir/../log shown if it failed
seconds=0
timed()
{
	local text=$1 begun=$SECONDS status=0
	shift
	"$@" >"$root.log" 2>&1 </dev/null || status=$?
	seconds=$((SECONDS - begun))
	if [ $status = 0 ]; then ok "$text ($seconds s)"; else
		not_ok "$text (status $status after $seconds s)"
		tail -n 60 "$root.log" | sed 's/^/    | /'
	fi
	return $status
}
inside()
{
	chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LANG=C \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
		sh -c "cd /root/drivestamp && $1"
}

mkdir -p "$root"
suite=${FRESH_SUITE:-bookworm}
timed "a minimal Debian $suite" debootstrap --variant=minbase "$suite" "$root" "$mirror" || exit 1
# A root that is a mount point, as on any real system: ip-netns(8) needs it.
mount --bind "$root" "$root" && mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys" &&
	mount --rbind /dev "$root/dev" && mount --make-rslave "$root/sys" &&
	mount --make-rslave "$root/dev" || { not_ok "mounts"; exit 1; }
cp /etc/resolv.conf "$root/etc/resolv.conf"
timed "a clone of the repository" git clone -q --no-hardlinks . "$root/root/drivestamp" || exit 1

if [ -n "${FRESH_LAB:-}" ]; then
	timed "./run lab, set-up included" inside './run lab'
	tail -n 12 "$root.log"
	if [ $seconds -lt 240 ]; then ok "in under 4 minutes"; else not_ok "took $seconds s, over 4 minutes"; fi
	ls -l "$root"/root/drivestamp/lab-report.*
fi
timed "./run --seconds ${FRESH_SECONDS:-20}, set-up included" \
	inside "./run --seconds ${FRESH_SECONDS:-20} --json run.json"
tail -n 15 "$root.log"
if [ $seconds -lt 300 ]; then ok "in under 5 minutes"; else not_ok "took $seconds s, over 5 minutes"; fi
timed "and the figures are good" inside 'DS_JSON=run.json test/demo.sh'
tail -n 5 "$root.log"
timed "./run package, set-up included" inside './run package' && grep -E '\.deb$' "$root.log"
if [ "${FRESH_CHECK:-}" != no ]; then
	timed "./check ${FRESH_CHECK:-}" inside "./check ${FRESH_CHECK:-}"
	grep -E '^(# .* s$|not ok|skip)' "$root.log"
	tail -n 1 "$root.log"
fi
rm -f "$root.log"
exit $((failures > 0))
