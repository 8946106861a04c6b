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
