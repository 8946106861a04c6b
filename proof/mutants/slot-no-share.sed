# One prefix may hold every slot.
# in core/exchange/interleave.c
s/if \(table->by_prefix\[class\] >= table->count \/ DS_SLOT_SHARE\)/if (false)/
