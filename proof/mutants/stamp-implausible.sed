# A drivestamp from before its packet, or seconds after, is believed.
# in core/exchange/interleave.c
/^	if \(delta_ns < 0 \|\| delta_ns > DS_DRIVESTAMP_MAX_NS\)/,/return/d
