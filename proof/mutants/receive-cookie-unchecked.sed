# While an interleaved request is out, any origin passes for its receive cookie.
# in core/exchange/interleave.c
s/return il->cookie_rx != 0 && origin == il->cookie_rx;/return il->cookie_rx != 0 || origin == il->cookie_rx;/
