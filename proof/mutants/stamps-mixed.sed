# Set 1 takes T1 of the latest request with T2, T4 of the exchange before.
# in core/exchange/interleave.c
s/set1 \? &il->t1 : t1,/t1,/
