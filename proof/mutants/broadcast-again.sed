# The same broadcast is accepted again.
# in core/exchange/broadcast.c
s/\(int64_t\)\(packet->transmit - l->heard_transmit\) <= 0/(int64_t)(packet->transmit - l->heard_transmit) < 0/
