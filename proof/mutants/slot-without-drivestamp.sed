# An interleaved answer is given before its drivestamp is known.
# in core/exchange/interleave.c
/^	if \(state_of\(slot\) == LIVE\)/,/return/d
