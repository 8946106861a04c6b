# The client's card stamp gives way to the kernel's.
# in core/exchange/client.c
s/ds_is_drivestamp\(&client->t1\) && tx->source <= client->t1.source/client->t1.source == DS_STAMP_KERNEL \&\& tx->source == DS_STAMP_KERNEL/
s/!ds_tx_stamp_improves\(&client->t1, tx\)/!ds_tx_stamp_improves(\&client->t1, tx) \&\& client->t1.source != DS_STAMP_HARDWARE/
