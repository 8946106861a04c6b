# The client takes the drivestamp of any of its packets for that of the last.
# in core/exchange/client.c
s/client->t1.source == DS_STAMP_NONE \|\| tx_id != client->tx_id/client->t1.source == DS_STAMP_NONE/
