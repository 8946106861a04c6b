# T1 of an accepted exchange is not kept: the next is completed with an older one.
# in core/exchange/interleave.c
s/^	il->t1 = \*t1;/	if (il->t1.source == DS_STAMP_NONE) il->t1 = *t1;/
