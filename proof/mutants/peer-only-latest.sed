# Only the latest packet of ours may be named.
# in core/exchange/peer.c
# alone L1
s/peer->number < DS_PEER_RECENT \? peer->number : DS_PEER_RECENT/peer->number < 1 ? peer->number : 1/
