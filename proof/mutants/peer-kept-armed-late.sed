# The number of packets since the last valid one is not begun anew.
# in core/exchange/peer.c
/^static void keep/,/^}/ s/peer->since = 0;//
