# A second valid packet makes a second exchange of the same packet.
# in core/exchange/peer.c
# alone S4
s/peer->armed = false;/(void)0;/
