#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A host of `drivestamp lab --rig uml` (lab/place_uml.c): an address for each mode, a keeper that holds
# the clock to the host's pulse, and a log of what the clock shows, until the lab lets it end.
#   modes=N  how many modes: subnets 10.119.0.0/24 and following
# shellcheck disable=SC1091,SC2154  # variables: see common.sh

. "$bed/init/common.sh"

mode=0
while [ "$mode" -lt "$modes" ]; do
	echo "addr add 10.119.$mode.$node/24 broadcast 10.119.$mode.255 dev hw0"
	mode=$((mode + 1))
done | ip -batch -

mkdir -p "$out/.lab"
chronyd -d -f "$bed/conf/lab-keeper.conf" > "$out/.lab/keeper" 2>&1 &
tscprobe run 0 200 > "$out/.lab/clock" &
wait_for_end 0
finish
