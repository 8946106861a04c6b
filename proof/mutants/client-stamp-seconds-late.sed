# A drivestamp seconds after the stamp it replaces is believed.
# in core/exchange/stamp.c
/^	if \(later_ns > DS_DRIVESTAMP_MAX_NS\)/,/return false/d
