# A slot that gives way is not taken off the account of its prefix.
# in core/exchange/interleave.c
/^enum ds_reason ds_interleave_save/,/^}/ s/release\(table, slot\);//
