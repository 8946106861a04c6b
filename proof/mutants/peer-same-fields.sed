# Fields of our packets need not differ.
# in core/exchange/peer.c
# alone S8
s/while \(field == 0 .*\)$/while (field == 0)/; s/ \+ peer->since//
