# With a key, what has no MAC passes (CVE-2015-1798).
# in core/exchange/auth.c
# alone S2
/^bool ds_auth_accepts/,/^}/ s/return is_good\(frame, auth\);/return auth != DS_AUTH_BAD;/
