# A server answers a broadcast.
# in core/exchange/server.c
# alone S7
s/^\tif \(packet->mode == DS_MODE_CLIENT\)/\tif (packet->mode == DS_MODE_CLIENT || packet->mode == DS_MODE_BROADCAST)/
