# A receive cookie of 0, which means none, is compared all the same.
# in core/exchange/interleave.c
s/return il->cookie_rx != 0 && origin == il->cookie_rx;/return origin == il->cookie_rx;/
