#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# modules.sh NAME...: loads modules of the guest's kernel with those that they
# need. "load=8021q,bonding,ipv6" of "bed host" does so before the network is up.
# shellcheck disable=SC2154  # tools: see common.sh

where=$tools/usr/lib/uml/modules/$(uname -r)
for name; do
	# the file, and behind the colon what it needs, the deepest last
	needed=$(sed -n "s,^\(kernel/[^:]*/$name\.ko\):,\1,p" "$where/modules.dep")
	if [ -z "$needed" ]; then
		echo "bed: no module $name for $(uname -r)"
		exit 1
	fi
	order=
	for file in $needed; do
		order="$file $order"
	done
	for file in $order; do
		module=$(basename "$file" .ko | tr - _)
		[ -d "/sys/module/$module" ] || busybox insmod "$where/$file" || exit 1
	done
done
