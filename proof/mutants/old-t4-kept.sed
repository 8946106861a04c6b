# T4 of an accepted exchange is not kept.
# in core/exchange/interleave.c
s/^	il->t4 = \*t4;/	if (il->t4.source == DS_STAMP_NONE) il->t4 = *t4;/
