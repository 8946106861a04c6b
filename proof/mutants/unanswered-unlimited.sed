# Interleaved requests go on for ever without an answer.
# in core/exchange/interleave.c
/^	if \(il->unanswered >= DS_INTERLEAVE_UNANSWERED_MAX\)/,/return/d
