# A second drivestamp of an answer replaces the first.
# in core/exchange/interleave.c
/^	if \(state_of\(slot\) == STAMPED\)/,/return DS_R_STAMP_DOUBLE/d
