# A broadcaster tells the drivestamp of a packet before the one before.
# in core/exchange/broadcast.c
# alone S9
s/^\tb->sent = s->now;/\tif (b->sent.source <= DS_STAMP_DAEMON) b->sent = s->now;/
s/^\tb->sent.source = DS_STAMP_DAEMON;//
