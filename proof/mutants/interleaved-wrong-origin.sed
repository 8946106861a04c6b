# An interleaved answer repeats the transmit field: nobody can tell what it is.
# in core/exchange/server.c
s/answer->origin = asked->receive;/answer->origin = asked->transmit;/
