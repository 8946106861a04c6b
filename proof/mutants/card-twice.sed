# A card's second stamp of an answer replaces its first.
# in core/exchange/interleave.c
s/\(slot->delta_ns < 0 \|\| source != DS_STAMP_HARDWARE\)/source != DS_STAMP_HARDWARE/
