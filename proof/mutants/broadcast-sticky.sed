# Once an interleaved broadcast was heard, all are taken for such (CVE-2016-4956).
# in core/exchange/broadcast.c
s/if \(!ds_interleave_tells\(packet, l->heard_transmit, &v->t3, &heard\)\)/if (!ds_interleave_tells(packet, l->heard_transmit, \&v->t3, \&heard) \&\& l->version != 5)/
s/^	outcome->accepted = true;/&\n	if (frame.packet.origin != 0) l->version = 5;/
