#!/bin/sh
# Symmetric keys: our client follows Debian's chronyd and chronyd our server, on veth, by a key of
# each type, in versions 4 (basic and interleaved) and 3. By a wrong key, or one that the server
# does not know, nobody follows anybody. NTPsec's ntpd follows our server by AES-CMAC and by SHA1.
# All at the same time. Takes 15 s, with NTPsec up to 35 s.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/interop/lib.inc"

need_peer chronyd keys
need_daemon keys
ns_begin keys
ns_add ours
ns_add theirs
ns_add sec
ns_join ours theirs 1
ns_join ours sec 2

types="1:MD5 2:SHA1 3:SHA256 4:SHA384 5:SHA512 6:SHA3-224 7:SHA3-256 8:SHA3-384 9:SHA3-512
10:AES128 11:AES256"
cat >"$ns_dir/our-keys" <<-END
	1 MD5 ASCII:not-a-secret-1
	2 SHA1 HEX:6e6f742d612d7365637265742d32202020202020
	3 SHA256 not-a-secret-3
	4 SHA384 not-a-secret-4
	5 SHA512 not-a-secret-5
	6 SHA3-224 not-a-secret-6
	7 SHA3-256 not-a-secret-7
	8 SHA3-384 not-a-secret-8
	9 SHA3-512 not-a-secret-9
	10 AES128 HEX:2b7e151628aed2a6abf7158809cf4f3c
	11 AES256 HEX:603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4
END
cp "$ns_dir/our-keys" "$ns_dir/their-keys"
echo "19 SHA1 not-a-secret-of-ours
20 AES128 HEX:000102030405060708090a0b0c0d0e0f" >>"$ns_dir/our-keys"
echo "19 SHA1 not-a-secret-of-theirs
21 AES128 HEX:000102030405060708090a0b0c0d0e0f" >>"$ns_dir/their-keys"
chmod 640 "$ns_dir/our-keys" "$ns_dir/their-keys"

# A server has an address for each of the sources that follow it: 10.119.1.N ours, 10.119.2.N
# theirs. N is the key, and 30 more for xleave, 60 more for version 3. 99 asks without a key.
addresses="99 19 20 21"
for type in $types; do
	id=${type%%:*}
	addresses="$addresses $id $((id + 30)) $((id + 60))"
done
for n in $addresses; do
	ns_ip ours addr add "10.119.1.$n/32" dev v1a
	ns_ip theirs addr add "10.119.2.$n/32" dev v1b
done
ns_ip ours route add 10.119.2.0/24 via 10.118.1.2 src 10.118.1.1
ns_ip theirs route add 10.119.1.0/24 via 10.118.1.1 src 10.118.1.2
ns_ip sec route add 10.119.1.0/24 via 10.118.2.1 src 10.118.2.2

# sources PREFIX MORE OPTIONS: one of each type
sources() {
	for type in $types; do
		echo "server $1.$((${type%%:*} + $2)) key ${type%%:*} $3 $fast"
	done
}
# others PREFIX KEY: one without a key, and two that must fail: by key 19, and by KEY
others() {
	echo "server $1.99 $fast"
	echo "server $1.19 key 19 $fast"
	echo "server $1.$2 key $2 $fast"
}
fast="minpoll -1 maxpoll -1 noselect"
serve="local stratum 1
allow"

host our-server ours drivestampd "keyfile $ns_dir/our-keys
$serve"
our_server=$ns_pid
host their-server theirs chronyd "keyfile $ns_dir/their-keys
$serve"
host our-client-0 ours drivestampd "port 0
keyfile $ns_dir/our-keys
$(sources 10.119.2 0)
$(sources 10.119.2 30 xleave)
$(sources 10.119.2 60 "version 3")
$(others 10.119.2 20)"
for n in 30 60; do
	ln -s our-client-0 "$ns_dir/our-client-$n"
done
# chronyd lets a while pass between any two of its requests: three share the work.
host their-client-0 theirs chronyd "port 0
keyfile $ns_dir/their-keys
$(sources 10.119.1 0)
$(others 10.119.1 21)"
host their-client-30 theirs chronyd "port 0
keyfile $ns_dir/their-keys
$(sources 10.119.1 30 xleave)"
host their-client-60 theirs chronyd "port 0
keyfile $ns_dir/their-keys
$(sources 10.119.1 60 "version 3")"

ntpsec_starts() {
	mkdir "$ns_dir/ntpsec"
	cat >"$ns_dir/ntpsec/conf" <<-END
		disable ntp
		disable kernel
		restrict 127.0.0.1
		keys $ns_dir/ntpsec/keys
		trustedkey 2 10 19
		statsdir $ns_dir/ntpsec/
		filegen peerstats file peerstats type none enable
		server 10.119.1.2 key 2 iburst minpoll 0 maxpoll 0
		server 10.119.1.10 key 10 iburst minpoll 0 maxpoll 0
		server 10.119.1.19 key 19 iburst minpoll 0 maxpoll 0
	END
	cat >"$ns_dir/ntpsec/keys" <<-END
		2 SHA1 6e6f742d612d7365637265742d32202020202020
		10 AES 2b7e151628aed2a6abf7158809cf4f3c
		19 AES 2b7e151628aed2a6abf7158809cf4f3d
	END
	ns_start sec "$ns_dir/ntpsec/log" unshare --mount --propagation private \
		"$ntpsec" -n -c "$ns_dir/ntpsec/conf" -f "$ns_dir/ntpsec/drift" -p "$ns_dir/ntpsec/pid"
}

# Sets $heard, samples; a line of peerstats is one, its status word says "authentic" in bit 14.
ntpsec_follows() { # ADDRESS
	heard=$(awk -v a="$1" '$3 == a && $4 ~ /^[4567cdef]/ { n++ } END { print n + 0 }' \
		"$ns_dir/ntpsec/peerstats" 2>/dev/null)
	[ "${heard:=0}" -ge 3 ]
}
if peer_find ntpsec; then
	ntpsec=$peer
	ntpsec_starts
else
	ntpsec=
	skip "NTPsec's ntpd with keys: $peer_why"
fi

# good CLIENT ADDRESS MODE: sets $all and $good, lines that are samples, and those of that mode
good() {
	set -- $(awk -v address="$2" -v mode="$3" '
		$3 == address && $6 == "111" && $7 == "111" && substr($8, 1, 1) == "1" {
			all++; good += $18 == mode }
		END { print all + 0, good + 0 }' "$ns_dir/$1/measurements.log")
	all=$1 good=$2
}
# follows CLIENT PREFIX ID: samples of all three sources of a key
follows() {
	good "$1-0" "$2.$3" 4B
	said="basic $good"
	right=$((good >= 6))
	good "$1-30" "$2.$(($3 + 30))" 4I
	said="$said, interleaved $good of $all"
	right=$((right + (good >= 6 && all - good <= 3)))
	good "$1-60" "$2.$(($3 + 60))" 4B
	said="$said, version 3 $good"
	right=$((right + (good >= 6)))
	[ "$right" = 3 ]
}
all_follow() {
	for type in $types; do
		follows our-client 10.119.2 "${type%%:*}" &&
			follows their-client 10.119.1 "${type%%:*}" || return 1
	done
}
verdict() { # CLIENT PREFIX ID TEST
	if follows "$1" "$2" "$3"; then ok "$4: samples: $said"; else not_ok "$4" "samples: $said"; fi
}
ns_until 150 all_follow
for type in $types; do
	verdict our-client 10.119.2 "${type%%:*}" "our client follows chronyd by ${type#*:}"
	verdict their-client 10.119.1 "${type%%:*}" "chronyd follows our server by ${type#*:}"
done

nothing() { # CLIENT ADDRESS TEST
	good "$1-0" "$2" 4B
	if [ "$all" = 0 ]; then ok "$3: no sample"; else not_ok "$3" "$all samples"; fi
}
nothing our-client 10.119.2.19 "our client by a key that chronyd has otherwise"
nothing our-client 10.119.2.20 "our client by a key that chronyd does not have"
nothing their-client 10.119.1.19 "chronyd by a key that our server has otherwise"
nothing their-client 10.119.1.21 "chronyd by a key that our server does not have"
for client in our-client:10.119.2.99 their-client:10.119.1.99; do
	good "${client%:*}-0" "${client#*:}" 4B
	name="without a key a server with keys is followed: ${client%:*}"
	if [ "$good" -ge 6 ]; then ok "$name: $good samples"; else not_ok "$name" "$good samples"; fi
done
if [ -n "$ntpsec" ]; then
	for each in 2:SHA1 10:AES-CMAC; do
		name="NTPsec's ntpd follows our server by ${each#*:}"
		if ns_until 200 ntpsec_follows "10.119.1.${each%%:*}"; then
			ok "$name: $heard samples"
		else
			not_ok "$name" "after 35 s: $heard samples"
			tail -n 5 "$ns_dir/ntpsec/log" | sed 's/^/#   /'
		fi
	done
	ntpsec_follows 10.119.1.19
	name="NTPsec's ntpd by a key that our server has otherwise"
	if [ "$heard" = 0 ]; then ok "$name: no sample"; else not_ok "$name" "$heard samples"; fi
fi
kill -USR1 "$our_server"
dropped() { grep -Eq 'request-auth[= ]+[0-9]+' "$ns_dir/our-server/log"; }
name="requests by wrong and unknown keys are counted as request-auth"
if ns_until 20 dropped; then
	ok "$name: $(grep -Eo 'request-auth[= ]+[0-9]+' "$ns_dir/our-server/log" | tail -n 1)"
else
	not_ok "$name" "$(tail -n 3 "$ns_dir/our-server/log")"
fi
tally
