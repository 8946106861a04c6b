# shellcheck shell=sh
# packages: sourced by ./run and ./check. need_packages installs the Debian packages that are
# missing; it never touches one that is there, and never installs anything without being root.
#
#   . .ci/packages.sh
#   need_packages gcc libc6-dev ...    0: all there; 1: not, and a line on stderr says what to do

# Is it there? By what it brings, so that a compiler from elsewhere counts too.
package_is_there() {
	case $1 in
	gcc) command -v gcc ;;
	clang) command -v clang ;;
	libc6-dev) [ -e /usr/include/stdio.h ] ;;
	linux-libc-dev) [ -e /usr/include/linux/net_tstamp.h ] ;;
	meson) command -v meson ;;
	ninja-build) command -v ninja ;;
	pkg-config | pkgconf) command -v pkg-config ;;
	iproute2) command -v ip || [ -x /usr/sbin/ip ] || [ -x /sbin/ip ] ;;
	scdoc) command -v scdoc ;;
	libcmocka-dev) [ -e /usr/include/cmocka.h ] ;;
	libjansson-dev) [ -e /usr/include/jansson.h ] ;;
	libseccomp-dev) [ -e /usr/include/seccomp.h ] ;;
	*) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>&1)" = installed ] ;;
	esac >/dev/null 2>&1
}

# Standard output stays the caller's: what apt-get says goes to a file, shown if it fails.
install_packages() {
	packages_log=$(mktemp) || return 1
	# Lists may be absent (fresh system) or older than the mirror: then they are fetched.
	# Two tests may ask at once: then the second waits for dpkg's lock.
	if DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@" \
		>"$packages_log" 2>&1 </dev/null ||
		{ apt-get update >"$packages_log" 2>&1 </dev/null &&
			DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y \
				--no-install-recommends "$@" >>"$packages_log" 2>&1 </dev/null; }; then
		rm -f "$packages_log"
		return 0
	fi
	tail -n 20 "$packages_log" >&2
	rm -f "$packages_log"
	return 1
}

need_packages() {
	packages_missing=
	for package in "$@"; do
		package_is_there "$package" || packages_missing="$packages_missing $package"
	done
	[ -n "$packages_missing" ] || return 0
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "Missing (names as in Debian):$packages_missing. Install them and try again." >&2
		return 1
	fi
	if [ "$(id -u)" != 0 ]; then
		echo "Missing packages. Install them with" >&2
		echo "  sudo apt-get install --no-install-recommends$packages_missing" >&2
		return 1
	fi
	echo "Installing$packages_missing ..." >&2
	# The list is words by construction.
	# shellcheck disable=SC2086
	install_packages $packages_missing && return 0
	echo "Could not install$packages_missing (above: what apt-get said)." >&2
	return 1
}
