# The server answers answers.
# in core/exchange/server.c
s/if \(packet->mode == DS_MODE_CLIENT\)/if (packet->mode == DS_MODE_CLIENT || packet->mode == DS_MODE_SERVER)/
