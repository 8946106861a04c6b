# DENY closes the request although nothing shows that the server sent it.
# in core/exchange/client.c
/^static enum ds_reason receive_kiss/,/^}/ {
	/if \(!client->keyed\)/,/return DS_R_KOD_DENY/d
}
