# The drivestamp that a broadcast tells is not compared with what exchanges say.
# in core/exchange/broadcast.c
s/if \(!heard \|\| !agrees_with_calibration\(l, v->t3, &v->t4, freq_ppb\)\)/if (!heard)/
