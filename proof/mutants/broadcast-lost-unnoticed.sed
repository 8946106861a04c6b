# A drivestamp is taken for that of the last broadcast heard, whatever it says (RFC 9769 section 4).
# in core/exchange/interleave.c
s/\*heard = distance\(packet->origin, before\) <=.*;/*heard = distance(packet->origin, before) <= UINT64_MAX \&\& half > -99;/
