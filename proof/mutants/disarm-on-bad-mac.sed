# An answer with a bad MAC closes the request, although its origin may be a guess.
# in core/exchange/client.c
/^enum ds_reason ds_client_receive/,/^}/ s/if \(reason != DS_R_OK\)/if (reason == DS_R_AUTH) client->armed = false; if (reason != DS_R_OK)/
