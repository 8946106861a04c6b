# The drivestamp of any packet is taken for that of the last.
# in core/exchange/stamp.c
s/if \(held->source == DS_STAMP_NONE \|\| tx_id != held_id\)/if (held->source == DS_STAMP_NONE || tx_id + held_id == 0)/
