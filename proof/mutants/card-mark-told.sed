# The mark of a card's stamp in a slot is told as part of it.
# in core/exchange/interleave.c
s/slot->delta_ns < 0 \? ~slot->delta_ns : slot->delta_ns/slot->delta_ns/
