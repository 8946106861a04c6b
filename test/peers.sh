# shellcheck shell=sh
# Sourced. The other NTP implementations that tests and benches talk to: what lab/kinds/peers.inc says,
# which the lab's adapters share. $top is the top of the source tree, or the caller is there.
. "${top:-.}/lab/kinds/peers.inc"
