# The server answers whatever MAC a request has.
# in core/exchange/auth.c
/^bool ds_auth_answers/,/^}/ s/return is_good\(frame, auth\);/return true;/
