# The server answers mode 1 in mode 1.
# in core/exchange/server.c
# alone L6
s/return DS_MODE_PASSIVE;/return DS_MODE_ACTIVE;/
