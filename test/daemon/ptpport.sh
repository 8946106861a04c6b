#!/usr/bin/env bash
# NTP in PTP messages: requests in both forms are answered in theirs and at their length, all else is
# dropped and counted; a transparent clock's corrections are told and used, lies are not. 6 s.
. test/lib.sh
isolate "$@"
. test/daemon/lib.inc
[ "${DS_ISOLATED:-}" ] || skip_all 'ptpport: needs root, for port 319 in a namespace of its own'
transparent=$BUILD/test/daemon/transparent

umask 077
printf '1 SHA1 HEX:%s\n' 6e6f742d612d7365637265742d32202020202020 >"$TMP/keys"

# Each source goes through a switch of its own: 3 ms there, 0.3 ms back, by chance.
number=0 lines=()
declare -A at=()
# by NAME OPTIONS SWITCH'S-WORDS...: another source
by()
{
	number=$((number + 1))
	at[$1]=127.0.0.$((20 + number))
	lines+=("server ${at[$1]} port 319 minpoll -3 maxpoll -3 noselect $2")
	"$transparent" "${at[$1]}" 127.0.0.3 319 request=2000-4000 answer=200-400 "${@:3}" \
		>"$TMP/switch$number" 2>&1 &
	daemons+=($!)
}
by plain ''
by corrected 'extfield 10A'
by interleaved 'extfield F324 xleave'
by key 'extfield 10A key 1 xleave'
by trusting 'extfield 10A key 1 xleave trustcorrections'
by huge 'extfield 10A xleave' lie-request=60000000
by negative 'extfield 10A' lie-answer=-30000000
by half 'extfield 10A' mute-answer

start_daemon server -d -x 'port 0' 'ptpport 319' 'bindaddress 127.0.0.3' 'local stratum 1' \
	'allow 127.0.0.0/24' 'deny 127.0.0.9' "keyfile $TMP/keys" "pidfile $TMP/server.pid"
server=$pid
mkdir "$TMP/log"
start_daemon client -d -x 'port 0' 'ptpport 319' 'bindaddress 127.0.0.1' "keyfile $TMP/keys" \
	"pidfile $TMP/client.pid" "logdir $TMP/log" 'log measurements' 'logbanner 0' "${lines[@]}"
client=$pid
await 5 test -s "$TMP/server.pid" || not_ok 'the server starts'

# ask HEX: the answer to these bytes, in hexadecimal digits
ask()
{
	local bytes
	bytes=$(printf '%s' "$1" | sed 's/ //g; s/../\\x&/g')
	exec 3<>/dev/udp/127.0.0.3/319
	# One write, or a byte that ends a line would begin another packet.
	# shellcheck disable=SC2059
	printf "$bytes" | dd bs=2000 iflag=fullblock >&3 2>/dev/null
	timeout 0.4 dd bs=2000 count=1 <&3 2>/dev/null | od -An -v -tx1 | tr -d ' \n'
	exec 3>&-
}
zeros() { printf '0%.0s' $(seq $((2 * $1))); }
ntp="23002000$(zeros 36)1122334455667788"
# ptp TYPE+VERSION LENGTH DOMAIN FLAGS CORRECTION TLV: what is before the NTP message
ptp() { echo "$1$2${3}00$4$5$(zeros 28)$6"; }
none=$(zeros 8)
iana=0003 iana_id=00005e0000010000

request=$(ptp 0102 0060 7b 0400 "$none" 20230030)$ntp
got=$(ask "$request")
expect 'experimental form: the answer has it, and its length' \
	eval '[[ ${#got} = ${#request} && ${got::16} = 010200607b000400 && ${got:88:10} = 2023003024 ]]'
expect '... and names the request' [ "${got:144:16}" = 1122334455667788 ]
request=$(ptp 0112 0068 7b 0400 "$none" 80000038)$iana_id$ntp
got=$(ask "$request")
expect 'the form of RFC 10030, from PTP 2.1: likewise, and PTP 2.0 comes back' \
	eval '[[ ${#got} = ${#request} && ${got::16} = 010200687b000400 &&
		${got:88:26} = ${iana}0038${iana_id}24 ]]'
# 1000 ns are 3e8 0000 there, and 4294.97 of 2^-32 s here
request=$(ptp 0102 0084 7b 0400 0000000003e80000 "${iana}0054")$iana_id$ntp$(echo 010a001c)$(zeros 24)
got=$(ask "$request")
expect 'the correction of a request is told where it asks for it' \
	eval '[[ ${#got} = ${#request} && ${got:208} = 010a001c00000000000010c7$(zeros 16) ]]'
expect '... and that of the answer is left to others' [ "${got:16:16}" = "$none" ]
request=$(ptp 0102 007c 7b 0400 0000000003e80000 2023004c)$ntp$(echo f324001c07ac2ceb)$(zeros 20)
got=$(ask "$request")
expect '... in the experimental form, too' \
	eval '[[ ${#got} = ${#request} && ${got:192} = f324001c07ac2ceb00000000000010c7$(zeros 12) ]]'
request=$(ptp 0102 007c 7b 0400 ffffffffffff0000 2023004c)$ntp$(echo f324001c07ac2ceb)$(zeros 20)
got=$(ask "$request")
expect 'a correction below zero is told as none' \
	eval '[[ ${got:192} = f324001c07ac2ceb$(zeros 20) ]]'

silent() { # TEXT HEX
	expect "no answer to $1" [ -z "$(ask "$2")" ]
}
silent 'another domain' "$(ptp 0102 0060 00 0400 "$none" 20230030)$ntp"
silent 'a Pdelay_Req' "$(ptp 0202 0060 7b 0400 "$none" 20230030)$ntp"
silent 'a multicast message' "$(ptp 0102 0060 7b 0000 "$none" 20230030)$ntp"
silent 'another TLV' "$(ptp 0102 0060 7b 0400 "$none" 20240030)$ntp"
silent 'a length beyond its end' "$(ptp 0102 0061 7b 0400 "$none" 20230031)$ntp"
silent 'plain NTP' "$ntp"
silent 'half an NTP header' "$(ptp 0102 0048 7b 0400 "$none" 20230018)${ntp::48}"
silent 'an answer' "$(ptp 0102 0060 7b 0400 "$none" 20230030)24${ntp:2}"
silent 'a broadcast' "$(ptp 0102 0060 7b 0400 "$none" 20230030)25${ntp:2}"

# by another address of ours, which may not ask
ip addr add 127.0.0.9/32 dev lo
ip route replace local 127.0.0.3 dev lo src 127.0.0.9 table local
silent 'who may not be served' "$(ptp 0102 0060 7b 0400 "$none" 20230030)$ntp"
ip route replace local 127.0.0.3 dev lo src 127.0.0.3 table local

enough() { [ "$(grep -c "${at[half]} " "$TMP/log/measurements.log" 2>/dev/null)" -ge 24 ]; }
await 10 enough || not_ok 'the client measures'
stop_daemon "$client"
expect "the client ends well" [ "$status" = 0 ]
stop_daemon "$server"
while read -r name wanted; do
	n=$(counter "$name" "$TMP/server.log")
	expect "server: $name counted $n times of $wanted" [ "$n" = "$wanted" ]
done <<-END
	ptp-message 5
	ptp-domain 1
	packet-short 1
	request-mode 2
	correction 1
	request-denied 1
END

# median NAME COLUMN: of its samples, from the fifth on; microseconds
median()
{
	awk -v at="${at[$1]}" -v column="$2" '$3 == at && $8 ~ /^1/ && ++n > 4 { print 1e6 * $column }' \
		"$TMP/log/measurements.log" | sort -g | awk '{ v[NR] = $1 } END { if (NR > 9) print v[int((NR + 1) / 2)] }'
}
# A queue there that is 2.7 ms longer than that back looks like 1.35 ms of offset. What is written is
# right to the microseconds between the reading of the clock and the packet's way out.
for name in plain key huge negative half; do
	offset=$(median $name 12) delay=$(median $name 13)
	expect "$name: not corrected, offset $offset us, delay $delay us" \
		eval 'between 1000 "$offset" 3000 && between 2300 "$delay" 9000'
done
for name in corrected interleaved trusting; do
	offset=$(median $name 12) delay=$(median $name 13)
	expect "$name: corrected, offset $offset us, delay $delay us" \
		eval 'between -150 "$offset" 150 && between 0 "$delay" 500'
done
for name in plain corrected half; do
	wanted=0
	[ $name = corrected ] && wanted=2000000
	last=$(awk -v at="${at[$name]}:319:" '$3 == "PTP" && $4 == at { sub(/.*last=/, ""); print $1 }' \
		"$TMP/client.log" | tail -n 1)
	expect "$name: the report says $last ns" between "$wanted" "$last" $((wanted * 10))
done
interleaved=$(awk -v at="${at[interleaved]}" '$3 == at { n++; i += $18 == "4I" } END { print 100 * i / n }' \
	"$TMP/log/measurements.log")
expect "interleaved: $interleaved % of its answers are" between 80 "$interleaved" 100
n=$(counter correction "$TMP/client.log") h=$(counter correction-half "$TMP/client.log")
expect "client: lies are counted, $n times as correction" [ "$n" -ge 40 ]
expect "client: one way alone is counted, $h times as correction-half" [ "$h" -ge 20 ]
exit $((failures > 0))
