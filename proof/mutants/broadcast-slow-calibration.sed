# An exchange that was held up calibrates like any.
# in core/exchange/broadcast.c
/^	if \(exchange->delay_ns - delay_ns > DS_BROADCAST_AGREE_NS\)/,/return;/d
