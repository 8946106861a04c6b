# Packets of any mode are taken for answers.
# in core/exchange/client.c
/^static enum ds_reason judge/,/^}/ {
	/answer->mode != DS_MODE_SERVER/,/return DS_R_MODE/d
}
