# Packets are valid again and again.
# in core/exchange/peer.c
# alone S4
s/return is_newer\(peer, packet, v->named\) \? DS_R_OK : DS_R_PEER_STALE;/return DS_R_OK;/
