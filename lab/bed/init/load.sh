#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# First program of every host: loads the clock module of the bed into the stock
# kernel, then gives way to the init script named by next=.
# shellcheck disable=SC2154  # tools, work, next: see common.sh

export PATH="$tools/bin:/usr/sbin:/usr/bin:/sbin:/bin"
busybox mount -t proc proc /proc

load()
{
	busybox insmod "$@" && return
	echo "bed: $1 did not load"
	busybox poweroff -f
}

options=
read -r line < /proc/cmdline
for word in $line; do
	case $word in
	bedclk.*) options="$options ${word#bedclk.}" ;;
	esac
done

modules=$tools/usr/lib/uml/modules/$(uname -r)/kernel
load "$modules/drivers/pps/pps_core.ko"
load "$modules/drivers/ptp/ptp.ko"
# shellcheck disable=SC2086  # one word for each option
load "$work/bedclk.ko" $options

busybox umount /proc
exec "$next"
