# A kiss-o-death is believed before its origin is looked at (CVE-2015-7704).
# in core/exchange/client.c
# alone S10
/^static enum ds_reason judge/,/^}/ s/^(.*ds_interleave_owns.*)$/if (ds_header_is_kiss(answer)) return DS_R_OK;\n\1/
