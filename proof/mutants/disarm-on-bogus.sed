# A packet that is not accepted closes the request (CVE-2016-9042).
# in core/exchange/client.c
/^enum ds_reason ds_client_receive/,/^}/ s/if \(reason != DS_R_OK\)/if (reason != DS_R_OK) client->armed = false; if (reason != DS_R_OK)/
