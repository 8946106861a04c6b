#!/usr/bin/env bash
# attack: denial of broadcast (Tripathi and Hubballi, arXiv 2005.01783)
# position: on the link
# packets: from the victim's start on: ten broadcasts from the server's address before each true
#  one, and broadcasts and answers to the port of each request by which it measures the way; to a
#  listener with a key, and to one without.
# elsewhere: ntp classic gives up measuring the way, or begins it anew, and never has the time.
# rule: measuring is an exchange of a client, with cookies of its own: no broadcast ends it or is its
#  answer; and no broadcast is believed before it (S1, S2, S14).
. "$(dirname "$0")/lib.inc"
for kind in listener-keyed listener; do
	attack $kind broadcast-flood 16 34 16
	awaited
	judged target
	alone
	still_heard interleaved
	clock_unmoved
	n=$(said target start answers)
	expect "$attack: $n answers while it began" holds "$n >= 8"
done
finish
