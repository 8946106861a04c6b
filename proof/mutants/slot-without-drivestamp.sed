# An interleaved answer is given before its drivestamp is known.
# in core/exchange/interleave.c
/^	if \(slot->state == LIVE\)/,/return/d
