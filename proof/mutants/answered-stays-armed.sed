# An accepted answer leaves the request open for another.
# in core/exchange/client.c
# alone S4
/^static enum ds_reason complete\(/,/^}/ s/ds_client_disarm\(client\);/client->parked = false;/
