# In a slot the kernel's stamp replaces the card's.
# in core/exchange/interleave.c
s/\(slot->delta_ns < 0 \|\| source != DS_STAMP_HARDWARE\)/slot->delta_ns >= 0 \&\& source != DS_STAMP_HARDWARE/
