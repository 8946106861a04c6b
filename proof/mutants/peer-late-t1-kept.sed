# The stamp of a packet that left after its answer came is used.
# in core/exchange/peer.c
s/if \(own.raw_ns > t4->raw_ns\)/if (false)/
