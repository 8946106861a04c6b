# A peer takes packets with any MAC, or none.
# in core/exchange/peer.c
# alone S1 S2
s/!ds_auth_accepts\(peer->keyed, frame, auth\)/false/
