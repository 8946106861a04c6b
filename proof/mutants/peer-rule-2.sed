# A packet is interleaved although others were sent since the last valid one (rule 2).
# in core/exchange/peer.c
# alone S3
s/if \(is_answered\(peer\) &&/if (peer->heard_transmit != 0 \&\&/
