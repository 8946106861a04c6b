# A peer remembers that an interleaved packet came once (rule 1 of RFC 9769 section 3).
# in core/exchange/interleave.c
s/il->asked = interleaved;/il->asked |= interleaved;/
