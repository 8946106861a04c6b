# The server does not let a card's stamp replace the kernel's in a slot.
# in core/exchange/interleave.c
s/\(slot->delta_ns < 0 \|\| source != DS_STAMP_HARDWARE\)/true/
