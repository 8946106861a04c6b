# The server takes the drivestamp of an answer whose slot is spent or given to another.
# in core/exchange/interleave.c
s/if \(!ds_interleave_is_live\(slot\) \|\| reference >> REFERENCE_SHIFT != slot->generation\)/if (slot->state == FREE)/
