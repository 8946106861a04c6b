# Stamps out of order make an exchange.
# in core/exchange/exchange.c
# alone S6
/^static bool in_order/,/^}/ {
	s/return local_ns <= 0 .*;/return remote_ns <= grain + local_ns * 0;/
	s/return local_ns >= 0 .*;/return remote_ns >= -grain + local_ns * 0;/
}
s/e.delay_ns < -DS_DELAY_GRAIN_NS/false/
