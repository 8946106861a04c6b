# Interleaved requests go on for ever without an answer.
# in core/exchange/interleave.c
s/ \|\| il->count >= DS_INTERLEAVE_UNANSWERED_MAX//
