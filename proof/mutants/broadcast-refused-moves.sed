# What is not authentic moves the window all the same (CVE-2016-7427).
# in core/exchange/broadcast.c
# alone L1
s/return DS_R_AUTH;/return ((struct ds_listener *)l)->heard_transmit = packet->transmit, DS_R_AUTH;/
