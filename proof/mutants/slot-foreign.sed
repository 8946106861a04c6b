# A saved stamp is given to whoever names it.
# in core/exchange/interleave.c
/^	if \(slot->prefix != \(prefix & PREFIX_MASK\)\)/,/return/d
