# The restart pair is named although a valid packet came.
# in core/exchange/peer.c
# alone S3 S13
s/return peer->heard_transmit == 0 \|\| .*;/return true;/
