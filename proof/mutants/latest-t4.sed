# Set 1 takes T4 of the latest answer: delays grow by a poll.
# in core/exchange/interleave.c
/DS_EXCHANGE_SET1/,/freq_ppb/ s/&il->t4, remote/t4, remote/
