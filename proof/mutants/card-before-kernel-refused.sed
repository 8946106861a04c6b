# A card's stamp is refused where its converted time lies before the kernel's.
# in core/exchange/stamp.c
s/ds_is_drivestamp\(held\) \? -DS_DRIVESTAMP_MAX_NS : 0/0/
