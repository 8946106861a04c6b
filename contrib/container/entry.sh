#!/bin/sh
# entry: makes drivestampd's configuration from the environment, then becomes it.
#   NTP_SERVERS   names or addresses, separated by commas; words behind a name are its options
#                 ("ntp1.example.net iburst xleave,192.0.2.1"); default: the pool
#   NTP_ALLOW     subnets that are served, separated by commas; none: nobody
#   NTP_DIRECTIVES further lines, separated by ';'
#   NTP_STEER     yes: keep the host's clock (needs CAP_SYS_TIME); default: measure and serve
# What is no word of a configuration is an error that names it; nothing is guessed.
set -eu

conf=${NTP_CONF:-/run/drivestamp/drivestamp.conf}
fail() {
	echo "entry: $*" >&2
	exit 2
}
# Where /run is a folder that everybody may write, as Kubernetes makes them: no socket is made in one.
run=${conf%/*}
[ -d "$run" ] || mkdir -m 750 "$run" || fail "$run: cannot be made"
# One line of a configuration: printable, and none of what begins another.
line_is_good() {
	case $1 in
	*[![:print:]]* | *';'* | *'#'* | '') return 1 ;;
	esac
}
split() { # TEXT SEPARATOR: a line each
	printf '%s\n' "$1" | tr "$2" '\n' | sed 's/^[[:blank:]]*//; s/[[:blank:]]*$//' | grep -v '^$' || true
}
{
	split "${NTP_SERVERS:-}" , | while read -r name options; do
		case $name in
		-* | *[!A-Za-z0-9.:_-]*) fail "NTP_SERVERS: '$name' is neither a name nor an address" ;;
		esac
		line_is_good "$name $options" || fail "NTP_SERVERS: '$name $options' is no line"
		echo "server $name ${options:-iburst}"
	done || exit 2
	[ -n "${NTP_SERVERS:-}" ] || echo 'pool 2.debian.pool.ntp.org iburst'
	split "${NTP_ALLOW:-}" , | while read -r subnet; do
		case $subnet in
		*[!0-9A-Fa-f.:/]*) fail "NTP_ALLOW: '$subnet' is no subnet" ;;
		esac
		echo "allow $subnet"
	done || exit 2
	split "${NTP_DIRECTIVES:-}" ';' | while read -r line; do
		line_is_good "$line" || fail "NTP_DIRECTIVES: '$line' is no line"
		echo "$line"
	done || exit 2
	echo "port ${NTP_PORT:-123}"
	echo 'driftfile /var/lib/drivestamp/drift'
	[ "${NTP_STEER:-no}" != yes ] || echo 'rtcsync'
} >"$conf.new"
mv "$conf.new" "$conf"
steer=-x
[ "${NTP_STEER:-no}" != yes ] || steer=
daemon=${DRIVESTAMPD:-/usr/sbin/drivestampd}
"$daemon" -p -f "$conf" >/dev/null || exit 2
# shellcheck disable=SC2086 # nothing, or -x
exec "$daemon" -d $steer -f "$conf" "$@"
