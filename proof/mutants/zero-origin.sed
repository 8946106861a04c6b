# Origin 0 passes for the cookie (CVE-2015-8138).
# in core/exchange/client.c
s/answer->origin != client->cookie_tx\)/answer->origin != client->cookie_tx \&\& answer->origin != 0)/
