#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs a daemon for sec= seconds (0: until "bed end") and logs what the clock of
# this host shows meanwhile, for truth.
#   cmd=FILE     bash script that runs the daemon in the foreground; "bed host"
#                writes it from the words after "--". None: nobody steers the clock
#   plan=FILE    lines "SECONDS COMMAND": bash commands, so long after the start
#   report=FILE  shell script to run at the end, while the daemon still runs
#   probe=DEV    log this clock (/dev/ptp0) as well
#   every=MS     between two readings of the clocks (500)
# What the daemon says is in /run/daemon.log, and at the end in daemon.log of the
# host's folder and in what the host prints.
# shellcheck disable=SC1091,SC2154  # variables: see common.sh

. "$bed/init/common.sh"

if [ -n "$cmd" ]; then
	bash "$cmd" > /run/daemon.log 2>&1 &
	daemon=$!
fi

if [ -n "$plan" ]; then
	start=$(cut -d. -f1 /proc/uptime)
	while read -r at command; do
		left=$((start + at - $(cut -d. -f1 /proc/uptime)))
		[ "$left" -le 0 ] || sleep "$left"
		echo "plan: $at s: $command"
		bash -c "$command" < /dev/null
	done < "$plan" &
fi

# shellcheck disable=SC2086  # one word, or none
tscprobe run 0 "${every:-500}" $probe &
prober=$!
wait_for_end "${sec:-60}"
kill "$prober"

if [ -n "$report" ]; then
	sh "$report"
fi
if [ -n "$cmd" ]; then
	cat /run/daemon.log
	cp /run/daemon.log "$out/daemon.log"
	if kill -0 "$daemon"; then
		echo "daemon: runs"
	else
		echo "daemon: has ended"
	fi
fi
finish
