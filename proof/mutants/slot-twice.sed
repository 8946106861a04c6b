# A saved stamp is given out more than once.
# in core/exchange/interleave.c
/^enum ds_reason ds_interleave_take/,/^}/ {
	s/release\(table, slot\);//
	s/set_state\(slot, USED\);//
}
