# Set 1 takes T4 of the latest answer: delays grow by a poll.
# in core/exchange/client.c
s/^(.*)return ds_interleave_exchange\(&client->interleave,/\1struct ds_interleave wrong = client->interleave; wrong.t4 = *t4; return ds_interleave_exchange(\&wrong,/
s/^(\s*)if \(interleaved\)$/\1if (interleaved) {/
s/^(.*freq_ppb, DS_PROCESSING_MAX_NS, exchange\);)/\1 }/
