#!/usr/bin/env bash
# The experiment on machines over ssh: daemons are brought there and run, logs fetched; how wrong a
# clock is, as a PPS tells, is taken off; a host that vanishes is named, and the rest reported.
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh
. test/peers.sh
peer_sshd || true # fetched while there is a network
isolate "$@"
. test/lab/machines.inc
sshd=$peer
peer_find chronyd || skip_all "$peer_why"
peer=$sshd # machine() starts it
export TMPDIR=$TMP/tmp
mkdir "$TMPDIR"
machines_begin
machine 1
first=$machine_pid
machine 2
second=$machine_pid
machine 3
third=$machine_pid

{
	echo "# three machines"
	echo "host alba old ssh root@10.120.0.1 sshconfig $TMP/ssh_config interface eth0 pps $TMP/right"
	echo "host bern new ssh root@10.120.0.2 sshconfig $TMP/ssh_config interface eth0 pps $TMP/ahead"
	echo "host cork new ssh root@10.120.0.3 sshconfig $TMP/ssh_config interface eth0"
} >"$TMP/lab.conf"
# All have one clock, the kernel's; but the pulse of bern says that his is a millisecond ahead.
while :; do
	second_now=$(date +%s)
	echo "$second_now.000000000#1" >"$TMP/right.new" && mv "$TMP/right.new" "$TMP/right"
	echo "$second_now.001000000#1" >"$TMP/ahead.new" && mv "$TMP/ahead.new" "$TMP/ahead"
	sleep 0.5
done &
daemons+=($!)

lab()
{
	timeout -k 5 100 "$BUILD/tool/drivestamp" lab --rig remote --conf "$TMP/lab.conf" --repeat 1 \
		--json "$TMP/report.json" "$@" >"$TMP/out" 2>"$TMP/err" </dev/null
}
says() { grep -qE -- "$1" "$TMP/err" || { sed 's/^/# /' "$TMP/err"; return 1; }; }
figure() { awk -v key="$1" '$1 == key { print $2 }' "$TMP/figures"; }
between() { # LOW KEY HIGH
	local value
	value=$(figure "$2")
	awk -v v="$value" -v low="$1" -v high="$3" 'BEGIN { exit !(v != "" && v >= low && v <= high) }' ||
		{ echo "# $2: '$value' is not between $1 and $3"; return 1; }
}
nothing_in() { [ -z "$(ls -A "$1")" ]; }

status=0
lab --modes basic,xleave --duration 4 --warmup 1 || status=$?
awk -f test/lab/figures.awk "$TMP/report.json" >"$TMP/figures"
expect "measured, over ssh" test "$status" -lt 2
[ "$status" -lt 2 ] || sed 's/^/# /' "$TMP/err"
for pair in alba/bern bern/alba alba/cork cork/bern; do
	for mode in basic xleave; do
		expect "$pair, $mode: has samples" between 30 "cells/$pair/$mode/idle/samples" 200
	done
done
expect "interleaved" between 0.9 cells/alba/bern/xleave/idle/interleaved_share 1
expect "alba sees bern's clock right, so it is a millisecond behind what its pulse says" \
	between -1100000 cells/alba/bern/xleave/idle/bias_ns/value -900000
expect "and bern sees the millisecond the other way" \
	between 900000 cells/bern/alba/xleave/idle/bias_ns/value 1100000
expect "clocks whose error is known" \
	test "$(grep -c '"clock_known": true' "$TMP/report.json")" = 2
expect "and one of which nothing is said" \
	test "$(grep -c '"clock_known": false' "$TMP/report.json")" = 1
for n in 1 2 3; do
	expect "no file is left on machine $n" await 3 nothing_in "$TMP/machine$n"
done
expect "no process on them" await 3 machine_is_empty "$first"
expect "none on the second" await 3 machine_is_empty "$second"
expect "none on the third" await 3 machine_is_empty "$third"

# ---- a host vanishes ----
lab --modes xleave --duration 8 --warmup 1 &
running=$!
daemons+=("$running")
sleep 5
ip link set v3 down
status=0
wait "$running" || status=$?
awk -f test/lab/figures.awk "$TMP/report.json" >"$TMP/figures"
expect "a host vanishes: status 3" test "$status" = 3
expect "it is named" says 'host cork is gone'
expect "once" test "$(grep -c 'host cork' "$TMP/err")" = 1
expect "the report is partial" grep -q '"partial": true' "$TMP/report.json"
expect "the others are measured to the end" between 80 cells/alba/bern/xleave/idle/samples 300
ip link set v3 up
expect "no file is left on machine 1" await 3 nothing_in "$TMP/machine1"
expect "no process on it" await 3 machine_is_empty "$first"
expect "nothing here" await 3 nothing_in "$TMPDIR"
# Nobody could tell it: it notices that we are silent, twice 6 s at most.
expect "none on the one that had vanished" await 14 machine_is_empty "$third"
expect "no file either" await 3 nothing_in "$TMP/machine3"

exit $((failures > 0))
