# A change of address forgets nothing: the next request is interleaved.
# in core/exchange/interleave.c
/^void ds_interleave_forget/,/^}/ s/ds_interleave_init\(il, il->wanted\);/(void)il;/
