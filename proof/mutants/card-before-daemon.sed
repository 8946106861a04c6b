# A drivestamp from before the daemon's own reading is believed.
# in core/exchange/stamp.c
s/\(ds_is_drivestamp\(held\) \? -DS_DRIVESTAMP_MAX_NS : 0\)/-DS_DRIVESTAMP_MAX_NS/
