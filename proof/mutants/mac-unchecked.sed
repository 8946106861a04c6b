# Without a key, a MAC that nobody can check passes.
# in core/exchange/client.c
s/return auth != DS_AUTH_BAD && frame->mac_length == 0;/return true;/
