# A slot does not note that its stamp is the card's.
# in core/exchange/interleave.c
s/source == DS_STAMP_HARDWARE \? ~delta_ns : delta_ns/delta_ns/
