# An interleaved answer gives the earlier receive field again.
# in core/exchange/server.c
s/^(.*)answer->origin = asked->receive;/\1answer->origin = asked->receive; answer->receive = asked->origin;/
