# Packets of any mode are taken for broadcasts.
# in core/exchange/broadcast.c
/^	if \(packet->mode != DS_MODE_BROADCAST\)/,/return DS_R_MODE/d
