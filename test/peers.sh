# shellcheck shell=sh
# Sourced. The other NTP implementations that tests and benches talk to: what lab/kinds/peers.inc says,
# which the lab's adapters share. $top is the top of the source tree, or the caller is there.
. "${top:-.}/lab/kinds/peers.inc"

# peer_sshd: sets $peer to an sshd, for the lab's rig remote, and $peer_library to the folder of
# libraries that it needs and that are not installed (""); or returns 1 with the cause in $peer_why.
peer_sshd() {
	peer_library=
	peer_look sshd sshd openssh-server || {
		peer_fetch openssh-server && peer_look sshd sshd openssh-server || {
			peer_why="sshd: not installed, not in PEERS_ROOT, package openssh-server not fetched"
			return 1
		}
	}
	if ldd "$peer" | grep -q 'libwrap.*not found' && peer_fetch libwrap0; then
		for peer_each in "$peer_cache"/libwrap0/usr/lib/* "${PEERS_ROOT:-/nowhere}"/usr/lib/* \
			"${PEERS_ROOT:-/nowhere}"/libwrap0/usr/lib/*; do
			[ ! -e "$peer_each/libwrap.so.0" ] || peer_library=$peer_each
		done
	fi
	peer_missing=$(LD_LIBRARY_PATH=$peer_library ldd "$peer" | awk '/not found/ { printf "%s ", $1 }')
	peer_why="sshd: needs ${peer_missing% }"
	[ -z "$peer_missing" ]
}

# peer_libraries PACKAGE: what $peer needs and does not find, out of the packages that PACKAGE
# depends on, unpacked beside it: adds their folders to $peer_library. Fails where one is not to be had.
peer_libraries() {
	peer_wanted=$(apt-cache depends "$1" 2>/dev/null | awk '$1 == "Depends:" && $2 ~ /^lib/ { print $2 }')
	for peer_each in $peer_wanted; do
		LD_LIBRARY_PATH=$peer_library ldd "$peer" | grep -q 'not found' || return 0
		# a library whose package is installed is found already
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$peer_each" 2>/dev/null)" != installed ] || continue
		peer_fetch "$peer_each" || continue
		for peer_folder in "$peer_cache/$peer_each"/usr/lib/*/ "$peer_cache/$peer_each"/lib/*/; do
			[ ! -d "$peer_folder" ] || peer_library=${peer_library:+$peer_library:}${peer_folder%/}
		done
	done
	peer_missing=$(LD_LIBRARY_PATH=$peer_library ldd "$peer" | awk '/not found/ { printf "%s ", $1 }')
	peer_why="${peer##*/}: needs ${peer_missing% }"
	[ -z "$peer_missing" ]
}

# peer_gpsd: sets $peer to a gpsd and $peer_library to the folders of libraries that it needs and
# that are not installed (""); or returns 1 with the cause in $peer_why.
peer_gpsd() {
	peer_library=
	peer_look gpsd gpsd gpsd || {
		peer_fetch gpsd && peer_look gpsd gpsd gpsd || {
			peer_why="gpsd: not installed, not in PEERS_ROOT, package gpsd not fetched"
			return 1
		}
	}
	peer_libraries gpsd
}

# peer_gpsfake: after peer_gpsd. Sets $peer to gpsfake, $peer_modules and $peer_library to where its
# Python modules and libraries are; or returns 1 with the cause in $peer_why.
peer_gpsfake() {
	peer_modules=
	peer_why="gpsfake: no /usr/bin/python3"
	[ -x /usr/bin/python3 ] || return 1
	peer_why="gpsfake: not installed, packages gpsd-clients and python3-gps not fetched"
	peer_look gpsfake gpsfake gpsd-clients ||
		{ peer_fetch gpsd-clients && peer_look gpsfake gpsfake gpsd-clients; } || return 1
	if ! /usr/bin/python3 -c 'import gps.fake' 2>/dev/null; then
		peer_fetch python3-gps || return 1
		peer_modules=$peer_cache/python3-gps/usr/lib/python3/dist-packages
		for peer_folder in "$peer_cache"/python3-gps/usr/lib/*/; do
			[ ! -e "$peer_folder/libgpsdpacket.so" ] ||
				peer_library=${peer_library:+$peer_library:}${peer_folder%/}
		done
	fi
	peer_why="gpsfake: its Python modules cannot be loaded"
	PYTHONPATH=$peer_modules LD_LIBRARY_PATH=$peer_library /usr/bin/python3 "$peer" --help >/dev/null 2>&1
}
