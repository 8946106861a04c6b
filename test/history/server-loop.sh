#!/usr/bin/env bash
# attack: ntpd-rs 1.6.2 (endless exchange of two servers)
# position: off path
# packets: responses, broadcasts and symmetric packets of all versions from each of two servers'
#  port 123 to the other's; then requests.
# elsewhere: two servers answer each other's answers for ever.
# rule: only requests are answered, and a response is none (S7, L6): an exchange forged between two
#  servers ends with the first answer.
. "$(dirname "$0")/lib.inc"
start_server
attack_server loop 16 32 16
judged target
judged bystander
answered interleaved
clock_unmoved
n=$(moved target during served-requests)
expect "$attack: $n packets came to the server, as many as were sent and 4 answers of mode 2 each time" \
	[ "$n" = $((33 * during)) ]
attack_server loop-request 8 16 8
judged target
judged bystander
n=$(moved bystander during served-requests)
expect "$attack: $n answers came to the other server, and no more" [ "$n" = "$during" ]
n=$(moved bystander during served-answers)
expect "$attack: it answered $n of them" [ "$n" = 0 ]
finish
