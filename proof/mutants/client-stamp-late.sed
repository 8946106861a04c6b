# The client takes a drivestamp after the exchange was used.
# in core/exchange/client.c
/^	if \(!client->armed && !client->parked\)/,/return DS_R_STAMP_LATE/d
