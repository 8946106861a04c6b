#!/usr/bin/env bash
# Debian's gpsd, not installed but unpacked, feeds SOCK and SHM: the right second, the right offset;
# started before the daemon, after it, restarted, and the daemon restarted. The receiver is played
# (test/daemon/receiver.c on a pseudo terminal, its pulses by modem.c, which is preloaded into gpsd;
# and gpsd's own gpsfake); gpsd and the daemon are real. The truth is CLOCK_REALTIME, by which the
# receiver speaks; the daemon keeps a virtual clock that begins 3.3 s and 40 ppm wrong. How late gpsd
# wakes up for a pulse is in its stamps, and so in the limits: 5 ms. Takes 22 s.
# It must never touch the machine's /run, shared memory or ports: each scene has its own.
. test/lib.sh
. test/daemon/lib.inc
export top=.
. test/peers.sh
port=2947 device=$TMP/ttyGPS modem=$tools/modem.so

# ---- parts that scenes share ----

# spawn NAME COMMAND...: in the background; its output in $TMP/NAME.said, its id in $pid
spawn()
{
	local name=$1
	shift
	"$@" >"$TMP/$name.said" 2>&1 </dev/null &
	pid=$!
	daemons+=("$pid")
}
# end PID
end()
{
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}
start_receiver()
{
	spawn receiver "$tools/receiver" pty "$device" late=0.15
	await 5 grep -q ready "$TMP/receiver.said" || not_ok "receiver: $(cat "$TMP/receiver.said")"
}
# start_gpsd NAME COMMAND...: with COMMAND before it (setpriv ...)
start_gpsd()
{
	local name=$1
	shift
	spawn "$name" "$@" env LD_LIBRARY_PATH="$GPSD_LIBRARY" LD_PRELOAD="$modem" "$GPSD" \
		-n -N -b -D 4 -S $port "$device"
	gpsd=$pid
}
# follow NAME LINES...: as a daemon of many has it; samples are made one every 2 s
follow()
{
	local name=$1
	shift
	mkdir -p "$TMP/$name"
	start_daemon "$name" -d --clock "${clock:-virtual,offset=3.3,freq=40}" 'port 0' 'pidfile none' \
		"logdir $TMP/$name" 'log refclocks shadow' 'logbanner 0' 'makestep 0.01 -1' "$@"
	follower=$pid
}
# given NAME REFID: how many samples it gave
given() { samples "$TMP/$1/refclocks.log" | awk -v id="$2" '$3 == id && $4 != "-"' | wc -l; }
given_at_least() { [ "$(given "$1" "$2")" -ge "$3" ]; }
# worst NAME: of the last three lines of shadow.log, in ms, without sign
worst()
{
	samples "$TMP/$1/shadow.log" | tail -n 3 | awk '{ e = $3 * 1e3; if (e < 0) e = -e; if (e > m) m = e }
		END { printf "%.3f\n", NR ? m : 1e9 }'
}
# cooked NAME REFID: the median offset of the last three samples of REFID, in ms, without sign
cooked()
{
	samples "$TMP/$1/refclocks.log" | awk -v id="$2" '$3 == id && $4 != "-" { print $8 * 1e3 }' |
		tail -n 3 | sort -g | awk '{ v[NR] = $1 < 0 ? -$1 : $1 } END { print NR ? v[int((NR + 1) / 2)] : 1e9 }'
}
near() { between 0 "$(worst "$1")" "$2"; } # NAME LIMIT_MS
lies() { between 0 "$(cooked "$1" "$2")" "$3"; } # NAME REFID LIMIT_MS
# right NAME TEXT LIMIT_MS: within 12 s it is, for three lines of the log
right()
{
	await 12 near "$1" "$3"
	expect "$2: the clock is right to $(worst "$1") ms, the second included" near "$1" "$3"
}

fast='poll 1 filter 2'
nmea="offset 0.15 delay 0.2 $fast"

# ---- scenes ----

# What people write for chronyd, and start in the order that its manual asks for.
scene_first()
{
	start_receiver
	follow ours "refclock SOCK /run/chrony.ttyGPS.sock refid SOCK $fast" \
		"refclock SHM 0 refid NMEA $nmea noselect" "refclock SHM 1 refid SPPS $fast noselect"
	await 5 test -S /run/chrony.ttyGPS.sock || not_ok "the socket was not made"
	expect "the socket that gpsd looks for is root's alone (mode $(stat -c %a,%u /run/chrony.ttyGPS.sock))" \
		[ "$(stat -c %a,%u /run/chrony.ttyGPS.sock)" = 600,0 ]
	start_gpsd gpsd
	await 10 given_at_least ours SOCK 4 || not_ok "gpsd sent nothing: $(tail -n 5 "$TMP/gpsd.said")"
	right ours "gpsd over SOCK" 5
	await 5 lies ours NMEA 20; await 5 lies ours SPPS 5
	expect "the messages over SHM 0 lie by the other clock to $(cooked ours NMEA) ms" \
		lies ours NMEA 20
	expect "the pulses over SHM 1 to $(cooked ours SPPS) ms" lies ours SPPS 5
	end "$gpsd"
	local before shm
	before=$(given ours SOCK) shm=$(given ours NMEA)
	sleep 1
	start_gpsd gpsd-again
	await 10 given_at_least ours SOCK $((before + 2)) ||
		not_ok "gpsd restarted: no more samples: $(tail -n 5 "$TMP/gpsd-again.said")"
	expect "gpsd restarted: SOCK goes on ($before samples before, now $(given ours SOCK))" \
		given_at_least ours SOCK $((before + 2))
	await 3 given_at_least ours NMEA $((shm + 2))
	expect "and so does SHM ($shm before, now $(given ours NMEA))" given_at_least ours NMEA $((shm + 2))
	right ours "gpsd restarted" 5
}

# gpsd is there already: shared memory does not mind; of the socket the log says what to do.
scene_after()
{
	start_receiver
	start_gpsd gpsd
	await 10 grep -q 'ntpshm_put' "$TMP/gpsd.said" || not_ok "gpsd has no time: $(tail -n 5 "$TMP/gpsd.said")"
	follow ours "refclock SHM 1 refid SPPS $fast" "refclock SOCK /run/chrony.ttyGPS.sock refid SOCK $fast noselect"
	await 12 grep -q 'SOCK: nobody sends to this socket' "$TMP/ours.log"
	right ours "gpsd before the daemon, over SHM 1" 5
	expect "its socket is not served by a gpsd from before, and the log says so once" \
		[ "$(given ours SOCK),$(lines "$TMP/ours.log" 'restart gpsd if it was started before')" = 0,1 ]
	end "$gpsd"
	start_gpsd gpsd-again
	await 10 given_at_least ours SOCK 2
	expect "after a restart of gpsd it is ($(given ours SOCK) samples)" given_at_least ours SOCK 2
}

# gpsd without rights writes units 2 and 3. The daemon is restarted.
scene_user()
{
	start_receiver
	# where a user without rights may read them
	mkdir -p "$TMP/lib"
	for folder in ${GPSD_LIBRARY//:/ }; do cp "$folder"/*.so* "$TMP/lib"; done
	cp "$GPSD" "$tools/modem.so" "$TMP"
	GPSD=$TMP/gpsd GPSD_LIBRARY=$TMP/lib modem=$TMP/modem.so
	start_gpsd gpsd setpriv --reuid "$(id -u nobody)" --clear-groups
	follow ours "refclock SHM 3:perm=0666 refid SPPS $fast" "refclock SHM 2:perm=0666 refid NMEA $nmea noselect" \
		"refclock SHM 0 refid NONE $fast noselect"
	await 12 given_at_least ours SPPS 5 || not_ok "gpsd wrote nothing: $(tail -n 5 "$TMP/gpsd.said")"
	right ours "gpsd without rights, over SHM 3" 5
	await 8 grep -q "NONE: nobody else has" "$TMP/ours.log"
	expect "a unit that it does not take: the log says which ones it does" \
		grep -q 'NONE: nobody else has this unit of shared memory: gpsd takes 0 and 1 as root' "$TMP/ours.log"
	stop_daemon "$follower"
	expect "the daemon ends cleanly (status $status)" [ "$status" = 0 ]
	follow again "refclock SHM 2 refid NMEA $nmea"
	await 10 given_at_least again NMEA 4
	right again "the daemon restarted, the messages alone over SHM 2" 20
}

# gpsd's own simulated receiver, over TCP (of a pseudo terminal of its own gpsd sends nobody the
# time). It does not know when it plays, so gpsd's log says what each sample should be.
scene_gpsfake()
{
	local n now body
	now=$(date +%s)
	for ((n = 0; n < 15; n++)); do
		body="GPRMC,$(date -u -d "@$((now + n))" '+%H%M%S.00,A,5030.0000,N,00400.0000,E,0.0,0.0,%d%m%y,,,A')"
		awk -v body="$body" 'BEGIN { for (i = 0; i < 256; i++) code[sprintf("%c", i)] = i
			for (i = 1; i <= length(body); i++) sum = xor8(sum, code[substr(body, i, 1)])
			printf "$%s*%02X\r\n", body, sum }
			function xor8(a, b,   r, bit) { for (bit = 1; bit < 256; bit *= 2) {
				if (int(a / bit) % 2 != int(b / bit) % 2) r += bit } return r }'
	done >"$TMP/played.log"
	clock=virtual follow ours "refclock SHM 0 refid FAKE $fast noselect"
	spawn gpsfake env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$GPSFAKE_MODULES" LD_LIBRARY_PATH="$GPSFAKE_LIBRARY" \
		GPSD_HOME="${GPSD%/*}" /usr/bin/python3 "$GPSFAKE" -1 -n -t -c 1 -D 4 -W 30 "$TMP/played.log"
	await 15 given_at_least ours FAKE 5
	expect "gpsfake: $(given ours FAKE) samples came" given_at_least ours FAKE 5
	# what gpsd put there: the receiver's time and ours
	awk '/ntpshm_put/ { for (i = 1; i < NF; i++) if ($i == "@") { t = $(i - 1); at = $(i + 1)
		split(t, a, "."); split(at, b, ".")
		printf "%.6f\n", (a[1] - b[1]) + (a[2] - b[2]) * 1e-9 } }' "$TMP/gpsfake.said" >"$TMP/put"
	samples "$TMP/ours/refclocks.log" | awk '$3 == "FAKE" && $4 != "-" { print $7 }' |
		awk -v put="$TMP/put" 'BEGIN { while ((getline line <put) > 0) said[n++] = line }
			{ near = 1e9; for (i = 0; i < n; i++) { d = said[i] - $1; if (d < 0) d = -d; if (d < near) near = d }
				if (near > worst) worst = near } END { printf "%.6f\n", NR && n ? worst : 1e9 }' >"$TMP/apart"
	expect "gpsfake: each sample is what gpsd says it wrote, to $(cat "$TMP/apart") s" \
		between 0 "$(cat "$TMP/apart")" 0.000002
}

if [ -n "${DS_SCENE:-}" ]; then
	ip link set lo up
	mount -t tmpfs run /run
	"scene_$DS_SCENE"
	for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null; done
	finish
fi

# ---- all at once, each with a network, shared memory and /run of its own ----

[ "$(id -u)" = 0 ] && unshare -n -i -m true 2>/dev/null ||
	skip_all "gpsd: no namespaces of network, shared memory and mounts: needs root"
peer_gpsd || skip_all "gpsd: $peer_why"
export GPSD=$peer GPSD_LIBRARY=$peer_library
scenes="first after user"
if peer_gpsfake; then
	export GPSFAKE=$peer GPSFAKE_LIBRARY=$peer_library GPSFAKE_MODULES=$peer_modules
	scenes="$scenes gpsfake"
else
	echo "skip - $peer_why"
fi
for scene in $scenes; do
	DS_SCENE=$scene unshare -n -i -m "$0" >"$TMP/$scene.out" 2>&1 &
	eval "of_$scene=\$!"
	daemons+=("$!")
done
for scene in $scenes; do
	eval "wait \$of_$scene"
	sed -n "s/^\(ok\|not ok\) - /&$scene: /; p" "$TMP/$scene.out"
	failures=$((failures + $(grep -c '^not ok' "$TMP/$scene.out")))
	grep -q '^\(not \)\?ok' "$TMP/$scene.out" || not_ok "$scene: gave no result"
done
exit $((failures > 0))
