# What a broadcast says is not compared with what exchanges say.
# in core/exchange/broadcast.c
/^	if \(!agrees_with_calibration\(l, packet->transmit/,/return DS_R_BROADCAST_DISAGREES/d
