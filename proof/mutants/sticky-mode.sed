# A bit remembers that an answer was interleaved, and later ones are taken for it (CVE-2016-1548).
# in core/exchange/client.c
/^enum ds_reason ds_client_receive/,/^}/ s/^(.*)if \(client->awaits_stamp\)/client->parked_interleaved |= interleaved; interleaved = client->parked_interleaved;\n\1if (client->awaits_stamp)/
