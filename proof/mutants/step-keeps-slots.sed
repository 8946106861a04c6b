# Stamps from before a step of the clock stay in use.
# in core/exchange/server.c
/^void ds_server_forget/,/^}/ s/ds_interleave_server_forget\(&server->interleave\);/(void)server;/
