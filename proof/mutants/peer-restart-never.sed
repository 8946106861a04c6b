# Once a valid packet came the restart pair is never named.
# in core/exchange/peer.c
# alone L3
s/return peer->heard_transmit == 0 \|\| .*;/return peer->heard_transmit == 0;/
