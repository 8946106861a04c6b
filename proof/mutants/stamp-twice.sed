# A second drivestamp of an answer replaces the first.
# in core/exchange/interleave.c
/^	if \(slot->state == STAMPED &&/,/return DS_R_STAMP_DOUBLE/d
