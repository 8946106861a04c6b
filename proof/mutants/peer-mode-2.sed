# A passive side takes packets of mode 2.
# in core/exchange/peer.c
# alone S1
s/\(packet->mode != DS_MODE_PASSIVE \|\| peer->passive\)/packet->mode != DS_MODE_PASSIVE/
