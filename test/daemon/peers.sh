#!/usr/bin/env bash
# Symmetric mode among daemons of ours: with and without keys, a wrong key, ephemeral peers and
# their limit, peers that nobody knows, silence, and a side that begins anew, and no loop of two.
# Takes 15 s.
. test/lib.sh
. test/daemon/lib.inc
isolate "$@"

umask 077
echo "1 AES128 HEX:00112233445566778899aabbccddeeff
2 AES128 HEX:ffeeddccbbaa99887766554433221100" >"$TMP/keys"
echo "1 AES128 HEX:ffffffffffffffffffffffffffffffff
2 AES128 HEX:ffeeddccbbaa99887766554433221100" >"$TMP/wrong-keys"

# side NAME HOST LINES: a daemon at 127.0.HOST, port 11160; in LINES, `peer N` is the one at 127.0.N
side()
{
	mkdir "$TMP/$1.d"
	{
		echo "bindaddress 127.0.$2"
		echo "port 11160"
		echo "logdir $TMP/$1.d"
		echo "log measurements"
		echo "logbanner 0"
		echo "pidfile $TMP/$1.d/pid"
		echo "$3" | sed 's/^peer \([0-9.]*\)/peer 127.0.\1 port 11160/; s/FAST/minpoll -2 maxpoll -2 xleave/'
	} >"$TMP/$1.conf"
	start_daemon "$1" -4 -d -x -f "$TMP/$1.conf"
	pids[$1]=$pid
}
declare -A pids=()

# said NAME PATTERN: in its log
said() { grep -aqE -- "$2" "$TMP/$1.log"; }
# taken NAME: how many samples it logged
taken() { samples "$TMP/$1.d/measurements.log" | wc -l; }
at_least() { [ "$(taken "$1")" -ge "$2" ]; }
none() { [ "$(taken "$1")" = 0 ]; }

serve="local stratum 3
allow"
keys="keyfile $TMP/keys"
side plain-a 1.1 "$serve
peer 1.2 FAST"
side plain-b 1.2 "peer 1.1 FAST"
side key-a 2.1 "$serve
$keys
peer 2.2 FAST key 1"
side key-b 2.2 "$keys
peer 2.1 FAST key 1"
# b's key 1 is another; and c, which has the right file, names another key
side wrong-a 3.1 "$serve
$keys
peer 3.2 FAST key 1
peer 3.3 FAST key 1"
side wrong-b 3.2 "keyfile $TMP/wrong-keys
peer 3.1 FAST key 1"
side wrong-c 3.3 "$keys
peer 3.1 FAST key 2"
# Two with the key of one place, one with another key, one with none.
side eph 4.1 "local stratum 3
$keys
ephemeral key 1 FAST"
side eph-a 4.2 "$keys
peer 4.1 FAST key 1"
await 3 said eph 'peer 127.0.4.2:11160: has key 1'
side eph-b 4.3 "$keys
peer 4.1 FAST key 1"
side eph-c 4.4 "$keys
peer 4.1 FAST key 2"
side eph-d 4.5 "peer 4.1 FAST"
# Nobody is allowed; a peer in a line is heard all the same.
side deny 5.1 "local stratum 3
peer 5.2 FAST"
side deny-a 5.2 "peer 5.1 FAST"
side deny-b 5.3 "peer 5.1 FAST"
# loop-b follows loop-a, which must not follow it back when its own source is lost.
side loop-s 6.3 "$serve"
side loop-a 6.1 "allow
server 127.0.6.3 port 11160 minpoll -2 maxpoll -2
peer 6.2 FAST prefer"
side loop-b 6.2 "peer 6.1 FAST"
sleep 5

for name in plain-a plain-b key-a key-b eph eph-a deny deny-a; do
	expect "$name has 12 samples and more ($(taken "$name"))" at_least "$name" 12
	last=$(samples "$TMP/$name.d/measurements.log" | tail -n 1)
	if ! "$DAEMON" -v | grep -q '+interleaved'; then
		ok "$name: built without interleaved mode"
	elif [[ $last =~ [12]I\ K\ K$ ]]; then
		ok "$name: interleaved, with drivestamps"
	else
		not_ok "$name: $last"
	fi
done
for name in wrong-a wrong-b wrong-c eph-b eph-c eph-d deny-b; do
	expect "$name has no sample" none "$name"
done
expect "the side without a key says so" said plain-a "'peer' without 'key'"
expect "the side with one does not" [ "$(lines "$TMP/key-a.log" "without 'key'")" = 0 ]

# One association ends; its place is the next one's.
stop_daemon "${pids[eph-a]}"
expect "an ephemeral association ends when its peer is silent" \
	await 5 said eph 'peer 127.0.4.2:11160: silent, the association ends'
expect "and another host with the key takes its place" \
	await 4 said eph 'peer 127.0.4.3:11160: has key 1'
expect "and has samples soon" await 4 at_least eph-b 3

# A side that begins anew is answered, at once by one that knew it.
before=$(taken key-a)
stop_daemon "${pids[key-b]}"
expect "a peer ends with 0 (was $status)" [ "$status" = 0 ]
rm -r "$TMP/key-b.d"
side key-b 2.2 "$keys
peer 2.1 FAST key 1"
expect "after a restart of one side, it measures" await 5 at_least key-b 3
expect "and so does the other" await 5 at_least key-a $((before + 3))

for name in wrong-a wrong-b wrong-c eph; do
	kill -USR1 "${pids[$name]}"
done
sleep 0.3
for name in wrong-a wrong-b; do
	expect "$name: what is wrongly signed is counted ($(counter auth "$TMP/$name.log"))" \
		[ "$(counter auth "$TMP/$name.log")" -ge 8 ]
	expect "$name: and moves nothing" said $name ' answers=0 .* reach=000'
done

expect "a peer that follows us is not followed" said loop-b 'Selected source 127.0.6.1'
expect "though it is measured" at_least loop-a 20
stop_daemon "${pids[loop-s]}"
expect "a peer whose source is lost has none left" await 8 said loop-a "Can't synchronise"
expect "and never followed the one that followed it" \
	[ "$(lines "$TMP/loop-a.log" 'Selected source 127.0.6.2')" = 0 ]

# Peers need the server's port, which -Q does not open.
run_daemon 8 -4 -Q -t 3 -f "$TMP/plain-b.conf"
expect "-Q leaves peers out" [ "$(lines "$TMP/out" 'port that peers use is not open')" = 1 ]
finish
