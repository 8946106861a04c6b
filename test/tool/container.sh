#!/usr/bin/env bash
# container: the entry of the image makes a configuration of the environment, and nothing of what is
# none; the daemon runs as in the recipe: another user, no capabilities, nothing else writable. The
# image itself is built and run by test/container/image.sh.
# shellcheck disable=SC2154  # $pid, $status: test/lib.sh
. test/lib.sh
isolate "$@"
# Copies: another user may not come to where these stand.
install -m 755 "$DAEMON" "$BUILD/tool/drivestamp" contrib/container/entry.sh "$TMP"
export DRIVESTAMPD=$TMP/drivestampd NTP_CONF=$TMP/run/conf
mkdir -m 777 "$TMP/run"
entry=$TMP/entry.sh

# made VARIABLE=VALUE...: the configuration; false where there is none
made() { rm -f "$NTP_CONF"; env "$@" timeout 5 "$entry" -t 0.2 'port 0' >"$TMP/said" 2>&1; [ -e "$NTP_CONF" ] && cat "$NTP_CONF"; }
conf=$(made 'NTP_SERVERS=ntp1.example.net iburst xleave, 192.0.2.1' 'NTP_ALLOW=192.0.2.0/24' NTP_PORT=0 \
	'NTP_DIRECTIVES=makestep 1 3; logchange 0.5')
for line in 'server ntp1.example.net iburst xleave' 'server 192.0.2.1 iburst' 'allow 192.0.2.0/24' 'port 0' \
	'makestep 1 3' 'logchange 0.5'; do
	expect "the environment: $line" grep -qxF "$line" <<<"$conf"
done
expect "without servers: the pool" grep -q '^pool ' <<<"$(made NTP_PORT=0)"
for bad in 'NTP_SERVERS=a;b' 'NTP_SERVERS=-x' 'NTP_SERVERS=$(id)' 'NTP_ALLOW=all of them' \
	'NTP_SERVERS=ntp1.example.net nonsense' 'NTP_DIRECTIVES=nonsense 1'; do
	rm -f "$NTP_CONF"
	env "$bad" NTP_PORT=0 timeout 5 "$entry" -t 0.2 >"$TMP/said" 2>&1
	status=$?
	expect "refused: $bad ($(head -n 1 "$TMP/said" | cut -c1-60))" [ "$status" = 2 ]
done

# With the effective bit set and one of them not granted, execve() is EPERM: capabilities(7).
expect "the recipe gives the program no capabilities of its own" eval '! grep -v "^#" contrib/container/Dockerfile | grep -q setcap'

if [ "$(id -u)" = 0 ]; then
	# As Kubernetes makes folders: root's, and everybody may write there. No socket is made in such a one.
	mkdir -m 777 "$TMP/pod"
	export NTP_CONF=$TMP/pod/drivestamp/drivestamp.conf
	env 'NTP_SERVERS=127.0.0.1 port 11123 minpoll -2 maxpoll -2 iburst' NTP_PORT=0 \
		"NTP_DIRECTIVES=controlsocket ${NTP_CONF%/*}/control.sock; pidfile none" \
		setpriv --reuid 65532 --regid 65532 --clear-groups --bounding-set -all --inh-caps -all \
		--no-new-privs "$entry" >"$TMP/log" 2>&1 &
	pid=$!
	daemons+=("$pid")
	start_daemon server -d -x 'port 11123' 'local stratum 1' allow 'pidfile none' 'controlsocket none'
	right() { setpriv --reuid 65532 --regid 65532 --clear-groups "$TMP/drivestamp" status \
		--socket "${NTP_CONF%/*}/control.sock" >"$TMP/health" 2>&1; }
	expect "as in the recipe: the health check turns good" await 10 right
	expect "it steers nothing" grep -q 'not steered' "$TMP/health"
fi
[ "$failures" = 0 ]
