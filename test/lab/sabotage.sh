#!/usr/bin/env bash
# Three daemons that are broken on purpose, beside a whole one and chronyd, in one run: the verdict
# names each, for what was done to it, and nobody else. And a run in which all are whole.
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh
. .ci/packages.sh
. test/lab/sabotage.inc

TOOL=$PWD/$BUILD/tool/drivestamp WHOLE=$PWD/$DAEMON
case $BUILD in /*) TOOL=$BUILD/tool/drivestamp WHOLE=$DAEMON ;; esac
[ "$(id -u)" = 0 ] || skip_all "sabotage: namespaces need root"
. test/peers.sh
peer_find chronyd || skip_all "sabotage: $peer_why"
command -v patch >/dev/null || need_packages patch 2>/dev/null || skip_all "sabotage: no patch"

mkdir "$TMP/broken" "$TMP/tmp"
export TMPDIR=$TMP/tmp
if ! sabotage "$TMP/broken" "${TOOL%/tool/*}"; then
	not_ok "the sabotaged daemons are built"
	exit 1
fi
ok "the sabotaged daemons are built: $(echo $sabotages)"

# lab REPORT ARGUMENTS...
lab()
{
	local report=$1
	shift
	status=0
	timeout -k 5 60 "$TOOL" lab --modes basic,xleave --warmup 1 --repeat 1 --json "$report" "$@" \
		>"$TMP/out" 2>"$TMP/err" </dev/null || status=$?
}
told() { # what the verdict said, where it was not as expected
	"$@" && return
	awk '/^basic:/ { exit } { print "# " $0 }' "$TMP/out"
	return 1
}

lab "$TMP/broken.json" --duration 14 --host "old2=drivestamp=$WHOLE" \
	--host "new1=drivestamp=$TMP/broken/rx-late/daemon/drivestampd" \
	--host "new2=drivestamp=$TMP/broken/tx-other-packet/daemon/drivestampd" \
	--host "new3=drivestamp=$TMP/broken/calibration-sign/daemon/drivestampd"
expect "the verdict is bad" test "$status" = 1
[ "$status" = 1 ] || sed 's/^/# /' "$TMP/err"
# With receive stamps that late few drivestamps lie after them: its answers stay basic, which is said.
expect "receive stamps 50 us late are named" told named "$TMP/broken.json" new1 rx-late seldom-interleaved
expect "by how much" grep -qE 'new1 takes its receive stamps (4[5-9]|5[0-5])\.[0-9] us late' "$TMP/broken.json"
expect "stamps of another packet are named" told named "$TMP/broken.json" new2 tx-other-packet
expect "a calibration of the wrong sign is named" told named "$TMP/broken.json" new3 calibration-sign
expect "the whole one is not" told named "$TMP/broken.json" old2
expect "chronyd is not" told named "$TMP/broken.json" old1
expect "no other finding is bad" told named "$TMP/broken.json" -

lab "$TMP/whole.json" --duration 8 --old chrony --new "drivestamp=$WHOLE"
expect "four whole ones: the verdict is good" told test "$status" = 0
expect "and nothing is left" test -z "$(ls -A "$TMPDIR")"
exit $((failures > 0))
