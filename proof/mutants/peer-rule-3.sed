# A packet is interleaved although the one before was not the only one of its kind (rule 3).
# in core/exchange/interleave.c
# alone S3
s/ \|\| il->sent != 1//
