# A broadcast is looked at before its MAC is (CVE-2015-7979).
# in core/exchange/broadcast.c
/^static enum ds_reason judge/,/^}/ { /ds_auth_accepts/,/return DS_R_AUTH/d; }
