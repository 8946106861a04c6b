#!/bin/sh
# Requests shaped like NTPsec 1.0's look interleaved to a server; that client drops interleaved
# answers, so the server has to answer basic at least every other time.

top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/interop/lib.inc"

need_daemon ntpsec10
ns_begin ntpsec10
ns_add s
ns_add c
ns_join s c 1
ns_program ntpsec10 test/interop || {
	skip "ntpsec10: no compiler for ntpsec10.c"
	tally
}
host server s drivestampd "local stratum 1
allow"
ns_until 30 ns_run c "$program" 10.118.1.1 1 || not_ok "our server answers" "not within 3 s"
six=fd00:118:1::1
ns_ipv6 s || {
	six=
	skip "NTPsec 1.0-shaped requests over IPv6: the kernel has none"
}
for address in 10.118.1.1 $six; do
	if out=$(ns_run c "$program" "$address" 40 2>&1); then
		ok "NTPsec 1.0-shaped requests to $address: $out"
	else
		not_ok "NTPsec 1.0-shaped requests to $address" "$out"
	fi
done
tally
