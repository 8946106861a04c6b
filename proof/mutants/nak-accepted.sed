# A crypto-NAK passes where the verdict is good.
# in core/exchange/auth.c
s/return auth == DS_AUTH_GOOD && frame->mac_length != NAK_LENGTH;/return auth == DS_AUTH_GOOD;/
