#!/usr/bin/env bash
# remote: the rig over ssh, with two machines that the test makes: the same as in other rigs, what
# is said of hosts that cannot be had or go away, and that nothing stays on them.
. test/lib.sh
. test/peers.sh
peer_sshd || true # fetched while there is a network
isolate "$@"
. test/lab/machines.inc
. test/lab/places.inc
export TMPDIR=$TMP/tmp
mkdir "$TMPDIR"
machines_begin
machine 1
first=$machine_pid
machine 2
second=$machine_pid

# conf LINES-OF-HOST-1-AND-2: two hosts and their further words
conf()
{
	printf 'host host%d %s ssh root@10.120.0.%d sshconfig %s %s\n' 0 old 1 "$TMP/ssh_config" "${1:-}" \
		1 new "${at:-2}" "$TMP/ssh_config" "${2:-}" >"$TMP/lab.conf"
}
# once COMMAND: open the rig, do that, close it; what it said in $answer
once() { answer=$(printf '%s\n' "$1" | timeout 60 "$PLACES" "remote=$TMP/lab.conf" 2 2>&1); }
says() # TEXT PATTERN
{
	if [[ $answer =~ $2 ]]; then ok "$1: $answer"; else not_ok "$1: '$answer'"; fi
}
nothing_on() # TEXT N PID SECONDS
{
	await "$4" machine_is_empty "$3" && ok "$1: no process on machine $2" ||
		not_ok "$1: on machine $2: $(ps -o pid,args -p "$(machine_inhabitants "$3" | paste -sd,)" 2>&1)"
	await "$4" nothing_in "$TMP/machine$2" && ok "$1: no file on machine $2" ||
		not_ok "$1: on machine $2: $(ls "$TMP/machine$2")"
}
nothing_in() { [ -z "$(ls -A "$1")" ]; }

# ---- the same as in other rigs ----
conf '' "pps $TMP/pulse"
open_places "remote=$TMP/lab.conf" 2
matches "it says what it is" '^2 hosts over ssh: host0 \(10\.120\.0\.1\), host1' describe
files_and_programs remote
answers "the address, and what is at it" '10.120.0.2 10.120.0.255 eth0 11231 1' endpoint 1 xleave
matches "a folder on the host" "^$TMP/machine1/drivestamp-" directory 0
tell start 0 two 'echo one\nexit 5'
two=${answer% *}
tell wait 300
answers "a line of two lines" "1 ended with status 5" look "$two"
answers "no pulse, no truth" 'unknown 0 0' clock 0

# timeout, which starts them there, may be asked to end before it knows what it has started.
for ((i = 0; i < 60; i++)); do
	tell start 0 log/soon 'exec sleep 5127.75'
	sleep 0.00$((i % 10))
	tell stop "${answer% *}" 3000
done
answers "ended as soon as begun" "0 none" ask 0 5000 \
	"grep -lzsx '5127[.]75' /proc/[0-9]*/cmdline || echo none"

# ---- clocks ----
answers "a pulse that is not there" 'unknown 0 0' clock 1
echo "$(date +%s).000000321#17" >"$TMP/pulse"
answers "a clock that is ahead" 'known 321 1000' clock 1
echo "$(($(date +%s) - 1)).999999000#18" >"$TMP/pulse"
answers "a clock that is behind" 'known -1000 1000' clock 1
echo "$(($(date +%s) - 60)).000000321#17" >"$TMP/pulse"
answers "pulses that have ended" 'unknown 0 0' clock 1
tell start 0 a/b 'setsid sleep 55 & sleep 55'
close_places && ok "closed" || not_ok "does not close"
# What has left its group stays: nothing on a foreign machine says whose it is.
for pid in $(machine_inhabitants "$first"); do
	[ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" != 'sleep 55 ' ] || kill "$pid"
done
nothing_on closed 1 "$first" 3
nothing_on closed 2 "$second" 3
nothing_in "$TMPDIR" && ok "closed: no file here" || not_ok "closed: $(ls "$TMPDIR")"

# ---- what ends the lab ----
for signal in INT KILL; do
	open_places "remote=$TMP/lab.conf" 2
	tell start 0 log "trap '' TERM; sleep 56; sleep 56"
	tell start 1 log 'exec sleep 56'
	tell wait 300
	[ "$(machine_inhabitants "$first" | wc -l)" -ge 5 ] || not_ok "SIG$signal: nothing runs"
	kill -$signal "$places_pid"
	await 10 gone "$places_pid" || not_ok "SIG$signal: it does not end"
	nothing_on "SIG$signal" 1 "$first" 5
	nothing_on "SIG$signal" 2 "$second" 5
	await 2 nothing_in "$TMPDIR" && ok "SIG$signal: no file here" || not_ok "SIG$signal: $(ls "$TMPDIR")"
done

# ---- hosts that go away ----
open_places "remote=$TMP/lab.conf" 2
tell start 1 log 'exec sleep 57'
program=${answer% *}
tell look "$program"
session=$(machine_all "$second" | while read -r pid; do
	tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q '^sshd: root' && echo "$pid"
done | head -n 1)
kill -KILL "$session"
await 5 eval 'tell look "$program"; [[ $answer == error* ]]'
says "its sshd is killed" '^error 107 host1: the host is gone: '
answers "the other is there" '0 yes' ask 0 5000 'echo yes'
nothing_on "its sshd is killed" 2 "$second" 5
close_places || not_ok "does not close"

open_places "remote=$TMP/lab.conf" 2
tell start 1 log 'exec sleep 58'
program=${answer% *}
tell look "$program"
ip link set v2 down
begun=$SECONDS
tell ask 1 2000 'echo yes'
says "its link is down" '^error 107 host1: the host is gone: Timeout, server 10.120.0.2 not responding'
[ $((SECONDS - begun)) -le 10 ] && ok "known after $((SECONDS - begun)) s" || not_ok "known after $((SECONDS - begun)) s"
tell look "$program"
says "of its program" '^error 107 host1: the host is gone'
answers "the other is there" '0 yes' ask 0 5000 'echo yes'
close_places && ok "closed without it" || not_ok "does not close"
# It was told nothing, and has to notice by itself: see at the end.

# ---- hosts that cannot be had ----
at=1 # both are machine 1: the other is cut off
conf '' 'port 9'
once describe
says "nobody listens" '^error 107 host1: ssh: connect to host 10\.120\.0\.1 port 9: Connection refused$'
nothing_on "nobody listens" 1 "$first" 3
ssh-keygen -q -t ed25519 -N '' -f "$TMP/other"
sed "s,IdentityFile.*,IdentityFile $TMP/other," "$TMP/ssh_config" >"$TMP/ssh_config_other"
conf
sed -i "2s,sshconfig [^ ]*,sshconfig $TMP/ssh_config_other," "$TMP/lab.conf"
once describe
says "no login" '^error 107 host1: root@10\.120\.0\.1: Permission denied'
ssh-keygen -q -t ed25519 -N '' -f "$TMP/imposter"
sed -i "/^10.120.0.1/s,.*,10.120.0.1 $(cut -d' ' -f1,2 "$TMP/imposter.pub")," "$TMP/known_hosts"
conf
once describe
says "another machine than it was" '^error 107 host0: Host key verification failed'
echo "host a old" >"$TMP/lab.conf"
once describe
says "a file that is wrong" "^$TMP/lab\.conf:1: host a: where is it"
nothing_on "its link was down" 2 "$second" 25
await 2 nothing_in "$TMPDIR" && ok "no file here" || not_ok "files here: $(ls "$TMPDIR")"
exit $((failures > 0))
