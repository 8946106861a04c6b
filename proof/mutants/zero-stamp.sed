# Answers whose receive or transmit field is 0 are taken.
# in core/exchange/client.c
/answer->receive == 0 \|\| answer->transmit == 0/,/return DS_R_ZERO_STAMP/d
