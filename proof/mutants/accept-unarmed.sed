# An answer is accepted although no request waits for one.
# in core/exchange/client.c
/^static enum ds_reason judge/,/^}/ {
	/if \(!client->armed\)/,/return DS_R_NOT_ARMED/d
}
