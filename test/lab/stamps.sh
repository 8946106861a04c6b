#!/usr/bin/env bash
# `drivestamp lab stamps`: what it counts, the order in which moments must lie, its JSON, and what
# it says where it cannot measure.
. test/lib.sh
isolate "$@"
TOOL=$BUILD/tool/drivestamp

# stamps ARGUMENTS...: status in $status, output in $TMP/out, messages in $TMP/err
stamps()
{
	status=0
	timeout -k 5 30 "$TOOL" lab stamps "$@" >"$TMP/out" 2>"$TMP/err" </dev/null || status=$?
}

# ---- one number ----
for way in '' --connected; do
	# shellcheck disable=SC2086
	stamps --brief --interface lo --from 127.0.0.1 --to 127.0.0.1 --seconds 0.5 --gap 1000 $way
	number=$(cat "$TMP/out")
	expect "--brief ${way:-(not connected)}: a number, 100 ns to 1 ms ($number, $status)" \
		eval '[ $status = 0 ] && [[ $number =~ ^[0-9]+$ ]] &&
			[ "$number" -ge 100 ] && [ "$number" -le 1000000 ]'
done
stamps --brief
expect "--brief without --to: usage ($status)" \
	eval '[ $status = 2 ] && grep -q "needs --to" "$TMP/err"'
stamps --brief --to 1.2.x.4
expect "no address: its option and its text are named ($status)" \
	eval '[ $status = 2 ] && grep -q -- "--to: .1\.2\.x\.4. is no address" "$TMP/err"'
stamps --brief --interface nosuch0 --to 127.0.0.1 --seconds 0.2
expect "no such interface: named ($status)" \
	eval '[ $status = 1 ] && grep -q "nosuch0: No such device" "$TMP/err" && [ ! -s "$TMP/out" ]'
stamps --brief --to 192.0.2.1 --seconds 0.5 --gap 2000
expect "no route: no number, and why ($status)" \
	eval '[ $status = 1 ] && [ ! -s "$TMP/out" ] &&
		grep -q "refused some: Network is unreachable" "$TMP/err"'

[ "$failures" = 0 ]
