# A packet that names nothing of ours is forgotten.
# in core/exchange/peer.c
# alone L5
s/peer->restart_transmit = frame.packet.transmit;/(void)0;/
