# What was heard is remembered before it is judged (CVE-2015-7973's other half).
# in core/exchange/broadcast.c
s/^		reason = judge\(l, &frame, auth, t4, freq_ppb, &v\);/		{ reason = judge(l, \&frame, auth, t4, freq_ppb, \&v); l->heard_transmit = frame.packet.transmit; }/
