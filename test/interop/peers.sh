#!/bin/sh
# Symmetric mode with xleave between our daemon and Debian's chronyd, equal and different polls,
# all pairs at the same time: chronyd with chronyd says what is to be had. Passive sides as well.
# Takes 50 s.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/interop/lib.inc"

need_peer chronyd peers
need_daemon peers
ns_begin peers
umask 077
echo "1 AES128 HEX:00112233445566778899aabbccddeeff" >"$ns_dir/keys"

kind() { # LETTER
	[ "$1" = o ] && echo drivestampd || echo chronyd
}

# pair NAME KINDS POLL_A POLL_B OPTIONS [6]: two letters (o: ours, c: chronyd), two hosts NAME-a and
# NAME-b that have each other as peers
number=0
pair() {
	number=$((number + 1))
	ns_add "a$number" && ns_add "b$number" && ns_join "a$number" "b$number" "$number" || exit 1
	net=10.118.$number.
	[ "${6:-4}" = 4 ] || net=fd00:118:$number::
	host "$1-a" "a$number" "$(kind "${2%?}")" "local stratum 5
keyfile $ns_dir/keys
peer ${net}2 minpoll $3 maxpoll $3 $5"
	host "$1-b" "b$number" "$(kind "${2#?}")" "local stratum 5
keyfile $ns_dir/keys
peer ${net}1 minpoll $4 maxpoll $4 $5"
}

for polls in "0 0" "0 1" "1 2"; do
	for kinds in cc oc co oo; do
		set -- $polls
		pair "$kinds$1$2" $kinds "$1" "$2" xleave
	done
done
pair basic oc 0 0 ""
pair key oc 0 0 "xleave key 1"
pair key-ours oo 0 0 "xleave key 1"
six=
ns_ipv6 a1 && six=yes
if [ "$six" ]; then
	pair six oc 0 0 xleave 6
else
	skip "peers over IPv6: the kernel has none"
fi
# sides NAME KIND_A LINES_A KIND_B LINES_B: two hosts, 10.118.$number.1 and .2
sides() {
	number=$((number + 1))
	ns_add "a$number" && ns_add "b$number" && ns_join "a$number" "b$number" "$number" || exit 1
	host "$1-a" "a$number" "$2" "local stratum 5
keyfile $ns_dir/keys
$(echo "$3" | sed "s/THERE/10.118.$number.2/")"
	host "$1-b" "b$number" "$4" "local stratum 5
keyfile $ns_dir/keys
$(echo "$5" | sed "s/THERE/10.118.$number.1/")"
}
line="peer THERE minpoll 0 maxpoll 0 xleave"
sides stateless drivestampd "$line" chronyd allow
sides stateless-ours chronyd "$line" drivestampd allow
sides ephemeral chronyd "$line key 1" drivestampd "ephemeral key 1 minpoll 0 maxpoll 0 xleave"
sides unknown chronyd "$line" drivestampd "ephemeral key 1 minpoll 0 maxpoll 0 xleave"
sleep 46

# median NAME: of |offset| without the first samples, ns
median() {
	awk '/^[12]/ && ++n > 2 { v = $12 < 0 ? -$12 : $12; print v * 1e9 }' \
		"$ns_dir/$1/measurements.log" | sort -g | awk '{ v[NR] = $1 } END { printf "%d", v[int((NR + 1) / 2)] }'
}

# Wherever chronyd with chronyd has interleaved samples, so has each side of the other pairs.
for polls in 00 01 12; do
	case $polls in
	00) least=30 ;;
	01) least=15 ;;
	12) least=7 ;;
	esac
	for side in a b; do
		set -- $(samples cc$polls-$side 2 1I K K)
		[ "$1" -ge "$least" ] || not_ok "chronyd with chronyd, polls $polls, $side" "$1 samples"
		has=basic
		[ $((2 * $2)) -lt "$1" ] || has=interleaved
		echo "# polls $polls, $side: chronyd with chronyd has $2 of $1 interleaved, median $(median cc$polls-$side) ns"
		for kinds in oc co oo; do
			name="polls $polls, $side of $kinds: as chronyd with chronyd, $has"
			if [ $has = interleaved ]; then
				share $kinds$polls-$side 2 1I K K 90 "$least" "$name"
			else
				share $kinds$polls-$side 2 1B K K 50 "$least" "$name"
			fi
			echo "# median $(median $kinds$polls-$side) ns"
		done
	done
done
for side in a b; do
	share basic-$side 2 1B K K 100 30 "without xleave, $side"
	share key-$side 2 1I K K 90 30 "with a key, $side"
	share key-ours-$side 2 1I K K 90 30 "with a key, ours with ours, $side"
	[ -z "$six" ] || share six-$side 2 1I K K 90 30 "over IPv6, $side"
done

# Passive sides: chronyd's and ours keep nothing and answer at once; an ephemeral one is a peer.
share stateless-a 3 2I K K 90 30 "our peer is answered by a chronyd that has no line for it"
share stateless-ours-a 3 2I K K 90 30 "chronyd's peer is answered by ours that has no line for it"
share ephemeral-a 4 2I K K 90 30 "ephemeral: chronyd, with the key"
share ephemeral-b 4 1I K K 90 30 "ephemeral: ours"
set -- $(samples unknown-b 0 1I K K) $(samples unknown-a 0 1I K K)
if [ "$1" = 0 ] && [ "$3" = 0 ]; then
	ok "ephemeral: a chronyd without the key is neither followed nor answered"
else
	not_ok "ephemeral, without the key" "$1 and $3 samples"
fi
tally
