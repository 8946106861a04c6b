#!/bin/bash
# set: somebody sets a host's clock between two packets that are far apart, and the daemon knows at
# once: nobody wakes it to look (os/clock_watch). It must never set a clock but a guest's.
# shellcheck disable=SC2154  # $failures: test/lib.sh
set -u
cd "$(dirname "$0")/../.." || exit 1
. test/bed/lib.sh


bed_or_skip 2
common=$'user root\npidfile /run/daemon.pid'
printf '%s\n' "$common" 'local stratum 1' 'allow' >"$TMP/1.conf"
printf '%s\n' "$common" 'server 10.77.0.1 iburst minpoll 6 maxpoll 6' 'makestep 1 -1' >"$TMP/2.conf"
bed_ours 1 "$TMP/1.conf"
bed_ours 2 "$TMP/2.conf"
bed_ready 1 2 || exit 1

log() { bed_tell 2 cat /run/daemon.log; }
wakeups() { bed_tell 2 'awk "/^voluntary/ { print \$2 }" /proc/$(cat /run/daemon.pid)/status'; }
steady() { log | grep -q 'Selected source 10.77.0.1'; }
await 20 steady || not_ok "host 2 has the time"
sleep 9
before=$(wakeups)
sleep 10
after=$(wakeups)
# A check every 8 s would be one at least.
expect "asleep for 10 s between packets ($((after - before)) wakeups)" [ $((after - before)) -le 1 ]
bed_tell 2 'date -s "@$(($(date +%s) + 30))"' >/dev/null
known() { log | grep -q 'the clock was set by somebody else, by \(29\|30\)\.'; }
expect "a clock that was set is found out within a second" await 1 known
right() { d=$(($(bed_tell 2 date +%s) - $(bed_tell 1 date +%s))); [ $d -ge -1 ] && [ $d -le 1 ]; }
expect "and set back" await 2 right
bed_end 2
[ "$failures" = 0 ] || sed 's/^/    | /' "$TMP/daemon-2.log" "$TMP/host-2.log" | tail -n 40
[ "$failures" = 0 ]
