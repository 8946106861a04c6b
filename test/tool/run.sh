#!/usr/bin/env bash
# run: ./run and the packages it needs, without building or installing anything.
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
failures=0
expect()
{
	local text=$1
	shift
	if "$@"; then echo "ok - $text"; else echo "not ok - $text"; failures=$((failures + 1)); fi
}
says() { grep -qE -- "$1" "$TMP/out" || { cat "$TMP/out"; return 1; }; }
# packages WORDS: run them with the functions of .ci/packages.sh; `$2` comes first in PATH
packages() { PATH="$TMP/bin:$PATH" sh -c ". '$top/.ci/packages.sh'; $1" >"$TMP/out" 2>&1; }
mkdir "$TMP/bin"

./run help >"$TMP/out" 2>&1
expect "help names the three verbs" says '^\./run query'
expect "help needs no build" says '^\./run daemon'

expect "what is there is not missed" packages 'need_packages libc6-dev gcc'
expect "and nothing is said" test ! -s "$TMP/out"

# Somebody who is not root, and a package that nobody has.
printf '#!/bin/sh\necho 1000\n' >"$TMP/bin/id"
printf '#!/bin/sh\necho "apt-get was called" >&2; exit 1\n' >"$TMP/bin/apt-get"
printf '#!/bin/sh\nexit 1\n' >"$TMP/bin/dpkg-query"
chmod +x "$TMP/bin"/*
expect "not root: refused" eval '! packages "need_packages no-such-package"'
expect "not root: the command is named" says 'sudo apt-get install .*no-such-package'
expect "not root: nothing is installed" eval '! says "apt-get was called" >/dev/null'

# Root, and apt-get that fails.
printf '#!/bin/sh\necho 0\n' >"$TMP/bin/id"
expect "root, and apt-get fails: refused" eval '! packages "need_packages no-such-package"'
expect "what apt-get said is shown" says 'apt-get was called'

# A build that fails: the log is shown, and where it is.
printf '#!/bin/sh\necho "broken tool chain"; exit 1\n' >"$TMP/bin/meson"
chmod +x "$TMP/bin/meson"
printf '#!/bin/sh\nexit 0\n' >"$TMP/bin/ninja"
chmod +x "$TMP/bin/ninja"
status=0
PATH="$TMP/bin:$PATH" DRIVESTAMP_BUILD=$TMP/build ./run version >"$TMP/out" 2>&1 </dev/null || status=$?
expect "a build that fails: status 1" test "$status" = 1
expect "its last lines are shown" says 'broken tool chain'
expect "and the log is named" says 'run\.log'

exit $((failures > 0))
