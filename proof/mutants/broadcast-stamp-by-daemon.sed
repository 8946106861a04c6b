# A clock read before the send is told as drivestamp.
# in core/exchange/interleave.c
s/return wanted && ds_is_drivestamp\(before\) \? before : NULL;/return wanted \&\& before->source != DS_STAMP_NONE ? before : NULL;/
