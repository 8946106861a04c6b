# A packet of ours that comes back becomes the restart pair.
# in core/exchange/peer.c
# alone S1
/is_taken\(peer, packet->transmit\)/,+1 d
