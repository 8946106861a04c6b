# A clock read after the send poses as a drivestamp.
# in core/exchange/server.c
s/if \(!ds_is_drivestamp\(tx\) \|\|/if (/
