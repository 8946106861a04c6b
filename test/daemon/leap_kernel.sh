#!/usr/bin/env bash
# leapsecmode system: the kernel is told in time, what it does is known for what it is, and what it
# does not do is done by the daemon. The kernel is a double (midnight.c): the machine's clock is not
# touched.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc

unix_in_ntp=2208988800
now=$(date +%s)
year=$(date -u +%Y)
for day in "$year-07-01" "$((year + 1))-01-01"; do
	midnight=$(date -u -d "$day" +%s)
	[ $((midnight - now)) -gt 86400 ] && break
done
offset=$((midnight - now - 7))
list() { printf '3692217600\t37\n%s\t%s\n' $((midnight + unix_in_ntp)) "$1"; }
list 38 >"$TMP/inserted.list"
list 36 >"$TMP/deleted.list"

declare -A pids=() sign=([inserted]=-1 [deleted]=1) bit=([inserted]=16 [deleted]=32)
port=11120
# begin NAME SETTINGS DIRECTIVE...: a daemon that steers that kernel's clock, and follows root
begin()
{
	mkdir "$TMP/$1"
	"${no_clock[@]}" env LD_PRELOAD="$BUILD/test/daemon/midnight.so" MIDNIGHT_AHEAD=$offset \
		MIDNIGHT_LOG="$TMP/$1/kernel" $2 "$DAEMON" -d 'port 0' \
		"server 127.0.0.1 port $root minpoll -2 maxpoll -2 iburst xleave" "pidfile $TMP/$1/pid" \
		"logdir $TMP/$1" 'log measurements tracking' 'logbanner 0' "${@:3}" \
		>"$TMP/$1.log" 2>&1 </dev/null &
	pids[$1]=$!
	daemons+=("$!")
}
for what in inserted deleted; do
	root=$((port += 1))
	mkdir "$TMP/$what-root"
	start_daemon $what-root -d --clock "virtual,offset=$offset" "port $root" allow 'local stratum 1' \
		"leapseclist $TMP/$what.list" "pidfile $TMP/$what-root/pid"
	pids[$what-root]=$pid
	begin $what-synced '' rtcsync "leapseclist $TMP/$what.list"
	begin $what-unsynced '' # no rtcsync: STA_UNSYNC stays, and the leap second is told beside it
	begin $what-idle MIDNIGHT_IDLE=1
	begin $what-step '' 'leapsecmode step'
	begin $what-ignore '' 'leapsecmode ignore' 'makestep 0.5 -1'
done
for name in "${!pids[@]}"; do
	await 5 test -s "$TMP/$name/pid" || { not_ok "$name starts"; finish; }
done
# 3 s behind it
while [ $(($(date +%s) + offset)) -lt $((midnight + 3)) ]; do sleep 0.2; done
for name in "${!pids[@]}"; do
	stop_daemon "${pids[$name]}"
	expect "$name: ends cleanly (status $status)" [ "$status" = 0 ]
done

told() { grep -c "$2" "$TMP/$1/kernel"; }
# off NAME: measurements that are more than 1 ms from right, of those after the clock was set
off() { samples "$TMP/$1/measurements.log" | awk '$12 > 0.001 || $12 < -0.001' | wc -l; }
for what in inserted deleted; do
	for kind in synced unsynced; do
		name=$what-$kind
		status=${bit[$what]}
		[ $kind = synced ] || status=$((status + 64)) # STA_UNSYNC
		expect "$name: the kernel is told (status $status)" \
			[ "$(told $name "^status $status\$")" -ge 1 ]
		expect "$name: ... and did it" [ "$(told $name '^leap')" = 1 ]
		n=$(sed -n '/^leap/,$p' "$TMP/$name/kernel" | grep -c "^status $((status & 64))\$")
		expect "$name: ... and is told no more ($n)" [ "$n" -ge 1 ]
		expect "$name: nobody steps it besides" [ "$(told $name '^set')" = 0 ]
		n=$(lines "$TMP/$name.log" "leap second $what: the clock was stepped")
		expect "$name: it is known for what it is ($n)" [ "$n" = 1 ]
		n=$(lines "$TMP/$name.log" 'set by somebody else')
		expect "$name: and no disturbance ($n)" [ "$n" = 0 ]
	done
	expect "$what-synced: the kernel is told TAI - UTC" [ "$(told $what-synced '^tai 37$')" = 1 ]
	expect "$what-synced: once: it counts on by itself" [ "$(told $what-synced '^tai')" = 1 ]
	for kind in idle step; do
		name=$what-$kind
		n=$(told $name "^set ${sign[$what]}000000000\$")
		expect "$name: the daemon steps it once ($n)" [ "$n" = 1 -a "$(told $name '^set')" = 1 ]
	done
	expect "$what-step: the kernel is not told" [ "$(told $what-step "^status ${bit[$what]}\$")" = 0 ]
	n=$(lines "$TMP/$what-ignore.log" "leap second $what: the clock is left as it is")
	expect "$what-ignore: the clock is left ($n), and corrected by an update" \
		[ "$n" = 1 -a "$(told $what-ignore '^set')" = 1 ]
	for kind in synced unsynced step; do
		n=$(off $what-$kind)
		expect "$what-$kind: every measurement that is used is right to 1 ms ($n are not)" [ "$n" = 0 ]
	done
done
finish
