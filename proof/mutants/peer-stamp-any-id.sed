# A peer takes the stamp of any packet for the latest one.
# in core/exchange/peer.c
# alone S9
s/ds_tx_stamp_take\(&peer->t1, peer->tx_id, tx_id, tx\)/ds_tx_stamp_take(\&peer->t1, tx_id, tx_id, tx)/
