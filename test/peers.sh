# Sourced. Finds the other NTP implementations that tests and benches talk to: installed ones, or
# Debian's packages unpacked below a folder. It must never install one: the package would start
# a daemon that owns the clock.
#
# PEERS_ROOT   a folder with unpacked packages (PEERS_ROOT/usr/..., or PEERS_ROOT/PACKAGE/usr/...)
# PEERS_FETCH  0: do not download what is missing
# Without PEERS_ROOT, packages are fetched by apt-get (any user) into
# ${XDG_CACHE_HOME:-~/.cache}/drivestamp/peers/PACKAGE.
#
# peer_find PROGRAM: sets $peer to the path of chronyd, chronyc, ntpsec (NTPsec's ntpd), ntpq,
# ntpdig, openntpd or ntpctl; or returns 1 with the cause in $peer_why.

peer_cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/drivestamp/peers

# Several packages bring a program of the same name: what is it really?
peer_is() { # PROGRAM PATH
	[ -x "$2" ] || return 1
	case $1 in
	ntpsec) "$2" -V 2>/dev/null | grep -q '^ntpd ntpsec' ;;
	openntpd) ! "$2" -V 2>/dev/null | grep -q ntpsec && "$2" -V 2>&1 | grep -q dnSsv ;;
	*) ;;
	esac
}

peer_look() { # PROGRAM FILE PACKAGE
	for peer in "$(command -v "$2" 2>/dev/null)" "/usr/sbin/$2" "/usr/bin/$2" \
		${PEERS_ROOT:+"$PEERS_ROOT/$3/usr/sbin/$2" "$PEERS_ROOT/$3/usr/bin/$2"} \
		${PEERS_ROOT:+"$PEERS_ROOT/usr/sbin/$2" "$PEERS_ROOT/usr/bin/$2"} \
		"$peer_cache/$3/usr/sbin/$2" "$peer_cache/$3/usr/bin/$2"; do
		peer_is "$1" "$peer" && return 0
	done
	return 1
}

peer_fetch() { # PACKAGE
	[ -d "$peer_cache/$1" ] && return 0
	[ "${PEERS_FETCH:-1}" = 1 ] || return 1
	command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
	mkdir -p "$peer_cache" && peer_tmp=$(mktemp -d "$peer_cache/new.XXXXXX") || return 1
	if (cd "$peer_tmp" && apt-get -qq download "$1" >log 2>&1 && dpkg -x ./*.deb unpacked) &&
		mv "$peer_tmp/unpacked" "$peer_cache/$1" 2>/dev/null; then
		rm -rf "$peer_tmp"
		return 0
	fi
	rm -rf "$peer_tmp"
	[ -d "$peer_cache/$1" ]
}

peer_find() {
	case $1 in
	chronyd | chronyc) peer_file=$1 peer_package=chrony ;;
	ntpsec) peer_file=ntpd peer_package=ntpsec ;;
	ntpq) peer_file=$1 peer_package=ntpsec ;;
	ntpdig) peer_file=$1 peer_package=ntpsec-ntpdig ;;
	openntpd | ntpctl) peer_file=$1 peer_package=openntpd ;;
	*) peer_why="no peer is called $1" && return 1 ;;
	esac
	peer_why=
	if ! peer_look "$1" "$peer_file" "$peer_package"; then
		peer_fetch "$peer_package" && peer_look "$1" "$peer_file" "$peer_package" || {
			peer_why="$1: not installed, not in PEERS_ROOT, package $peer_package not fetched"
			return 1
		}
	fi
	peer_missing=$(ldd "$peer" 2>/dev/null | awk '/not found/ { printf "%s ", $1 }')
	[ -z "$peer_missing" ] || {
		peer_why="$1: needs ${peer_missing% }"
		return 1
	}
}

# NTPsec's Python programs: sets $peer_python and exports what they need to be run unpacked.
peer_python() {
	peer_why="no /usr/bin/python3 for NTPsec's programs"
	peer_python=/usr/bin/python3
	[ -x $peer_python ] || return 1
	$peer_python -c 'import ntp.packet' 2>/dev/null && return 0
	peer_why="package python3-ntp not fetched"
	for peer_modules in ${PEERS_ROOT:+"$PEERS_ROOT/python3-ntp" "$PEERS_ROOT"} \
		"$peer_cache/python3-ntp" fetch; do
		[ "$peer_modules" != fetch ] || {
			peer_fetch python3-ntp || return 1
			peer_modules=$peer_cache/python3-ntp
		}
		PYTHONPATH=$peer_modules/usr/lib/python3/dist-packages
		peer_library=$(find "$peer_modules/usr/lib" -name 'libntpc.so*' 2>/dev/null | head -n 1)
		LD_LIBRARY_PATH=${peer_library%/*}
		export PYTHONPATH LD_LIBRARY_PATH
		$peer_python -c 'import ntp.packet' 2>/dev/null && return 0
	done
	peer_why="NTPsec's Python modules cannot be loaded"
	unset PYTHONPATH LD_LIBRARY_PATH
	return 1
}
