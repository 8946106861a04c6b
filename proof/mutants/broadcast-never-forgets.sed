# A calibration does not judge anew what was heard (CVE-2016-7427).
# in core/exchange/broadcast.c
s/if \(!agrees_with_calibration\(l, l->heard_transmit, &l->heard, freq_ppb\)\)/if (false)/
