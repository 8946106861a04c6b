# A drivestamp from after the arrival of the parked answer is believed.
# in core/exchange/client.c
/client->parked && tx->raw_ns > client->parked_t4.raw_ns/,/return/d
