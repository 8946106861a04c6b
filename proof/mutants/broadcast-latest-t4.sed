# The drivestamp of the broadcast before is paired with the arrival of the latest.
# in core/exchange/broadcast.c
s/v->t4 = l->heard;/v->t4 = *now;/
