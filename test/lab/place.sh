#!/usr/bin/env bash
# place: hosts on one machine: files, asking, programs, addresses; and that nothing is left behind,
# whatever ends the lab.
. test/lib.sh
. test/lab/places.inc
export TMPDIR=$TMP/tmp
mkdir "$TMPDIR"

nothing_in() { [ -z "$(ls -A "$1")" ]; }
left_nothing() # TEXT NAMESPACE...
{
	local text=$1
	shift
	await 3 nobody_in "$@" && ok "$text: no process" || not_ok "$text: $(inhabitants "$@")"
	await 3 nothing_in "$TMPDIR" && ok "$text: no file" || not_ok "$text: $(ls "$TMPDIR")"
}

# ---- loopback: needs no right ----
open_places loopback 4
matches "loopback says what it is" '^4 addresses on the loopback' describe
matches "an address for each host and mode" '^127\.119\.1\.4 - lo 111[2-9][0-9] 0$' endpoint 3 xleave
files_and_programs loopback
answers "loopback: all clocks are one" 'known 0 0' clock 1
tell start 0 log/last 'sleep 4417.25 & sleep 4417.25'
close_places && ok "loopback: closed" || not_ok "loopback: does not close"
remains() { grep -lzsx '4417\.25' /proc/[0-9]*/cmdline; }
[ -z "$(remains)" ] && ok "loopback: no process left" || not_ok "loopback: $(remains)"
await 2 nothing_in "$TMPDIR" && ok "loopback: no file left" || not_ok "loopback: $(ls "$TMPDIR")"
(printf 'describe\n' | "$PLACES" loopback 9) 2>&1 | grep -q '^error 22 number of hosts' &&
	ok "nine hosts are too many" || not_ok "nine hosts"

# ---- keep ----
printf 'put 0 kept yes\nput 1 kept no\n' | "$PLACES" loopback 2 "keep=$TMP/kept" >"$TMP/out" 2>&1
[ "$(cat "$TMP/kept/host0/kept" "$TMP/kept/host1/kept")" = yesno ] && ok "keep" ||
	not_ok "keep: $(cat "$TMP/out"; find "$TMP/kept")"

# ---- namespaces ----
if ! printf 'describe\n' | "$PLACES" netns 2 >"$TMP/try" 2>&1; then
	echo "skip - namespaces: $(cat "$TMP/try")"
	exit $((failures > 0))
fi
open_places netns 8
matches "namespaces say what they are" '^8 network namespaces .*, a veth pair between each two' describe
matches "an address for each host and mode" '^10\.119\.4\.8 10\.119\.4\.255 eth0 123 1$' endpoint 7 broadcast
files_and_programs namespaces
answers "namespaces: all clocks are one" 'known 0 0' clock 1
spaces=
for host in 0 1 2 3 4 5 6 7; do
	namespace_of $host
	spaces="$spaces $answer"
done
[ "$(printf '%s\n' $spaces | sort -u | wc -l)" = 8 ] && ok "eight of them" || not_ok "$spaces"
for host in 1 7; do
	tell start $host log/echo "exec $(realpath "$BUILD/test/lab/echo") answer 10.119.0.$((host + 1)) 7777"
done
tell wait 200
for host in 1 7; do
	matches "host 0 reaches host $host" ' sent=20 answered=20 ' \
		ask 0 5000 "$(realpath "$BUILD/test/lab/echo") ask 10.119.0.$((host + 1)) 7777 20 1000"
done
answers "no address of IPv6 on the link" '0 ' ask 3 5000 'ip -6 address show dev eth0'
# Programs may be many, and more than at a time over the length of a run.
for ((i = 0; i < 60; i++)); do
	tell start $((i % 8)) log/many 'exec sleep 60'
	many="${many:-} $answer"
done
for each in $many; do
	tell stop "$each" 1000
done
answers "the 60th of many" '1 was ended by signal 15 (Terminated)' look "$each"
close_places && ok "namespaces: closed" || not_ok "namespaces: do not close"
# shellcheck disable=SC2086
left_nothing "namespaces" $spaces

# ---- what ends the lab ----
# Programs that are hard to get rid of: one leaves its group, one becomes another user (the kernel
# then forgets whom it was to die with), one ignores SIGTERM.
for signal in INT TERM HUP KILL; do
	open_places netns 3 link=1,100,100,0,0
	namespace_of 0
	spaces=$answer
	namespace_of 1
	spaces="$spaces $answer"
	tell start 0 log/a 'setsid sleep 60 & setsid sleep 60 & wait'
	tell start 1 log/b "trap '' TERM; sleep 60; sleep 60; sleep 60"
	[ "$(id -u)" != 0 ] || tell start 1 log/c 'exec setpriv --reuid 65534 sleep 60'
	tell wait 200
	[ "$(inhabitants $spaces | wc -l)" -ge 4 ] || not_ok "SIG$signal: too few run: $(inhabitants $spaces)"
	kill -$signal "$places_pid"
	await 8 gone "$places_pid" || not_ok "SIG$signal: it does not end"
	# shellcheck disable=SC2086
	left_nothing "SIG$signal" $spaces
done

# In the middle of asking.
open_places netns 2
namespace_of 0
printf 'ask 0 60000 sleep 60\n' >&"$places_in"
sleep 0.3
kill -INT "$places_pid"
await 3 gone "$places_pid" && ok "SIGINT while asking ends it" || not_ok "SIGINT while asking"
left_nothing "SIGINT while asking" "$answer"

# ---- a full disk ----
mkdir "$TMP/small"
if unshare -m mount -t tmpfs -o size=128k tmpfs "$TMP/small" 2>/dev/null; then
	unshare -m sh -c 'mount -t tmpfs -o size=128k tmpfs "$1/small" && TMPDIR=$1/small exec "$2" netns 2' \
		sh "$TMP" "$PLACES" >"$TMP/out" 2>&1 <<-END
		copy 0 random $TMP/random
	END
	grep -q '^error 28 host0: .*random: No space left' "$TMP/out" && ok "full disk: $(cat "$TMP/out")" ||
		not_ok "full disk: $(cat "$TMP/out")"
fi

# ---- without root ----
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups unshare -Urn true 2>/dev/null; then
	chmod 755 "$TMP"
	mkdir -m 777 "$TMP/anybody"
	cp "$PLACES" "$TMP/places"
	printf 'describe\nask 1 5000 ip -br link show dev eth0 | cut -c1-4\n' |
		TMPDIR=$TMP/anybody setpriv --reuid 65534 --regid 65534 --clear-groups \
			"$TMP/places" netns 3 link=1,100,0,0,0 >"$TMP/out" 2>&1
	grep -q 'user namespace' "$TMP/out" && grep -q '^0 eth0' "$TMP/out" &&
		ok "as nobody: $(head -n 1 "$TMP/out")" || not_ok "as nobody: $(cat "$TMP/out")"
	await 2 nothing_in "$TMP/anybody" && ok "as nobody: no file" || not_ok "as nobody: files"
fi
exit $((failures > 0))
