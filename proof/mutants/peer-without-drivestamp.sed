# An interleaved packet tells when the daemon read its clock.
# in core/exchange/peer.c
# alone S3
s/ds_is_drivestamp\(&peer->t1\) &&/true \&\&/
