# A broadcast is taken to have come in no time.
# in core/exchange/broadcast.c
# alone S6
s/^(\t* *)l->delay_ns, &remote, freq_ppb\);/\10, \&remote, freq_ppb);/
