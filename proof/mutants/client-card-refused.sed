# The client does not let a card's stamp replace the kernel's.
# in core/exchange/client.c
s/ds_is_drivestamp\(&client->t1\) && tx->source <= client->t1.source/ds_is_drivestamp(\&client->t1)/
