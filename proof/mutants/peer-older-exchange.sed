# A packet that names an older one of ours makes an exchange with the latest.
# in core/exchange/peer.c
# alone S5
s/ \|\| v->named != peer->number - 1 \|\|/ ||/
