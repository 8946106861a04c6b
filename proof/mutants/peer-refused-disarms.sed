# A packet that a peer refuses disarms the association.
# in core/exchange/peer.c
# alone S1 S13
/^enum ds_reason ds_peer_receive/,/^}/ s/^(.*)if \(reason != DS_R_OK\)$/\1if (reason != DS_R_OK) peer->armed = false;\n&/
