#!/usr/bin/env bash
# remote_run: the experiment over ssh, with two machines that the test makes; and what there is of
# it when one goes away in the middle.
. test/lib.sh
isolate "$@"
. test/lab/machines.inc
machines_begin
machine 1
first=$machine_pid
machine 2
second=$machine_pid
TOOL=$(realpath "$BUILD/tool/drivestamp")
export TMPDIR=$TMP/tmp
mkdir "$TMPDIR"
# Clocks that are right by a pulse, which is what a kernel with PPS would show.
(while :; do
	echo "$(date +%s).000000000#1" >"$TMP/pulse.new"
	mv "$TMP/pulse.new" "$TMP/pulse"
	sleep 0.5
done) &
daemons+=($!)
for n in 1 2; do
	echo "host host$n $([ $n = 1 ] && echo old || echo new) ssh root@10.120.0.$n \
		sshconfig $TMP/ssh_config pps $TMP/pulse"
done >"$TMP/lab.conf"

# ---- whole ----
status=0
timeout 60 "$TOOL" lab --rig remote --conf "$TMP/lab.conf" --old drivestamp --new drivestamp \
	--duration 3 --warmup 2 --repeat 1 --poll -4 --modes basic,xleave --json "$TMP/json" \
	>"$TMP/out" 2>&1 </dev/null || status=$?
expect "a whole run ends well ($status)" [ $status = 0 ]
expect "it says that they are over ssh" grep -q 'rig .*2 hosts over ssh: host1 (10.120.0.1)' "$TMP/out"
# Twice two cells of 3 s at 16 Hz.
samples=$(awk '/^xleave +(old-new|new-old)/ && $4 >= 24 { n++ } END { print n + 0 }' "$TMP/out")
expect "xleave has its samples in both directions ($samples)" [ "$samples" = 2 ]
intl=$(awk '/^xleave +(old-new|new-old)/ && $NF + 0 >= 90 { n++ } END { print n + 0 }' "$TMP/out")
expect "and they are interleaved ($intl)" [ "$intl" = 2 ]
expect "JSON is there" grep -q '"partial": false' "$TMP/json"
[ $failures = 0 ] || sed 's/^/    | /' "$TMP/out"
for machine in 1 2; do
	pid=$([ $machine = 1 ] && echo "$first" || echo "$second")
	await 3 machine_is_empty "$pid" && ok "no process on machine $machine" ||
		not_ok "machine $machine: $(machine_inhabitants "$pid")"
	[ -z "$(ls -A "$TMP/machine$machine")" ] && ok "no file on machine $machine" ||
		not_ok "machine $machine: $(ls "$TMP/machine$machine")"
done

# ---- a host goes away ----
timeout 90 "$TOOL" lab --rig remote --conf "$TMP/lab.conf" --old drivestamp --new drivestamp \
	--duration 12 --warmup 1 --repeat 1 --poll -4 --modes basic,xleave --json "$TMP/json" \
	>"$TMP/out" 2>&1 </dev/null &
lab=$!
daemons+=($lab)
await 20 eval 'compgen -G "$TMP/machine2/drivestamp-*/*/measurements.log" || compgen -G "$TMP/machine2/drivestamp-*/*/*.log"'
sleep 3
ip link set v2 down
begun=$SECONDS
status=0
wait $lab || status=$?
expect "a run in which a host vanished is partial ($status)" [ $status = 3 ]
expect "it ended soon: $((SECONDS - begun)) s" [ $((SECONDS - begun)) -le 30 ]
expect "which host, and why" grep -qE 'host2.*(is gone|not responding)' "$TMP/out"
expect "JSON says so" grep -q '"partial": true' "$TMP/json"
[ $failures = 0 ] || sed 's/^/    | /' "$TMP/out"
await 5 machine_is_empty "$first" && ok "no process on the other" || not_ok "on the other: $(machine_inhabitants "$first")"
[ -z "$(ls -A "$TMPDIR" "$TMP/machine1" | grep drivestamp)" ] && ok "no file there, nor here" || not_ok "$(ls "$TMPDIR" "$TMP/machine1")"
exit $((failures > 0))
