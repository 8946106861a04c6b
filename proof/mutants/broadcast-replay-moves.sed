# A replay moves the arrival that the next broadcast tells of.
# in core/exchange/broadcast.c
# alone S14
s/return DS_R_BROADCAST_STALE;/return ((struct ds_listener *)l)->heard = *t4, DS_R_BROADCAST_STALE;/
