#!/usr/bin/env bash
# Files that are no configuration, or one with mistakes: `drivestamp import` names file, line and
# cause, writes nothing that the daemon would refuse, and never writes over what is no file.
. test/lib.sh

TOOL=$BUILD/tool/drivestamp
import()
{
	status=0
	timeout -k 5 20 "$TOOL" import "$@" >"$TMP/ours" 2>"$TMP/out" </dev/null || status=$?
}
says() { grep -qaE -- "$1" "$TMP/out" || { head -20 "$TMP/out"; return 1; }; }

import "$TMP"
expect "a folder: status 2, and it is named" eval '[ $status = 2 ] && says "^drivestamp import: $TMP: not a file"'
import /dev/zero
expect "a device: status 2" eval '[ $status = 2 ] && says "/dev/zero: not a file"'
head -c 2000000 /dev/zero >"$TMP/large"
import "$TMP/large"
expect "more than a megabyte: status 2" eval '[ $status = 2 ] && says "more than 1048576 bytes"'
head -c 100000 "$TOOL" >"$TMP/program"
import "$TMP/program"
expect "a program: nothing to follow, status 1" eval '[ $status = 1 ] && says "^NOTHING IS LEFT TO FOLLOW"'
printf 'server a.example iburst\r\nservr b.example\r\nserver c\0d.example\n\xff\xfe server\nmakestep one 3\n' >"$TMP/mixed"
import --from chrony "$TMP/mixed"
expect "CR, NUL and other bytes: the good line stays" eval '[ $status = 0 ] && grep -q "^server a.example iburst$" "$TMP/ours"'
expect "an unknown word: file, line, the nearest" says "^dropped +$TMP/mixed:2: servr b.example"
expect "... with the cause" says "unknown word 'servr'; the nearest known one is 'server'"
expect "a wrong value: file and line" says "^dropped +$TMP/mixed:5: makestep one 3"
import --from chrony --json "$TMP/mixed"
expect "JSON is UTF-8 all the same" eval 'iconv -f utf-8 -t utf-8 <"$TMP/out" >/dev/null'
for i in $(seq 30000); do echo "k$i = 1"; done >"$TMP/large.toml"
import "$TMP/large.toml"
expect "TOML of too many values: status 2, with the line" eval '[ $status = 2 ] && says "large.toml:[0-9]+: not TOML: more than"'
echo '[[source]' >"$TMP/bad.toml"
import "$TMP/bad.toml"
expect "no TOML: file, line, cause" eval '[ $status = 2 ] && says "bad.toml:1: not TOML"'
ln -s "$TMP/elsewhere" "$TMP/link"
import --force --output "$TMP/link" "$TMP/mixed"
expect "a link is not replaced, even with --force" eval '[ $status = 2 ] && [ -L "$TMP/link" ] && says "link is no file"'
import --output "$TMP/nowhere/file" "$TMP/mixed"
expect "a folder that is not there: status 2" eval '[ $status = 2 ] && says "nowhere/file: No such file"'
exit $((failures > 0))
