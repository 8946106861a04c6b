# Where no slot is to be had, or one would have to give way, the request is dropped.
# in core/exchange/server.c
# alone S12 L4
s/^(.*)ds_wire_write\(&answer, made.bytes\);/\1if (made.saving != DS_R_OK) return made.saving;\n&/
