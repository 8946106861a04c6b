#!/usr/bin/env bash
# attack: slot theft (RFC 9769 section 6)
# position: on path
# packets: the receive field of the server's last answer to the victim as origin of an interleaved
#  request: from a foreign prefix, then from a neighbour in the victim's own.
# elsewhere: chrony gives the saved stamp to whoever names it first; the victim gets a basic
#  answer.
# rule: a saved stamp belongs to the prefix that it was made for; a neighbour's theft turns
#  interleaved answers basic and does nothing else (S12).
. "$(dirname "$0")/lib.inc"
start_server
attack_server theft 16 32 16
judged target
judged bystander
answered interleaved
clock_unmoved
n=$(moved target during slot-foreign)
expect "$attack: $n thefts refused as slot-foreign" [ "$n" = "$during" ]
attack_server theft-neighbour 8 32 16
judged target
judged bystander
answered basic
clock_unmoved
finish
