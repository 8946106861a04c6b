# A broadcast may be no later than the last accepted one (CVE-2015-7973).
# in core/exchange/broadcast.c
/^	if \(l->heard_transmit != 0 && \(int64_t\)/,/return DS_R_BROADCAST_STALE/d
