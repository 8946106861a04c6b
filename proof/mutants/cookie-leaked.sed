# A cookie goes out as reference time, where everybody can read it.
# in core/exchange/server.c
s/^(.*)answer.origin = frame.packet.transmit;/\1answer.origin = frame.packet.transmit; answer.reference = frame.packet.transmit;/
