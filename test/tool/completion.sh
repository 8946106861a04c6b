#!/usr/bin/env bash
# completion: bash completes every verb, every option of every verb, values and the sources of a daemon
# that runs; zsh and fish likewise, where Debian's packages of them can be had (unpacked, not installed).
# Takes 4 s.
# shellcheck disable=SC2154,SC2034,SC2016,SC2317  # $pid, $BUILD: test/lib.sh; COMP_LINE is bash's
. test/lib.sh
. test/peers.sh
zsh='' fish=''
peer_fetch zsh && peer_fetch zsh-common && zsh=$peer_cache/zsh/bin/zsh
[ -x "$zsh" ] || zsh=''
peer_fetch fish && peer_fetch fish-common && fish=$peer_cache/fish/usr/bin/fish
# shellcheck disable=SC2154 # $peer_library: test/peers.sh
[ -z "$fish" ] || { peer=$fish peer_library=''; peer_libraries fish; libraries=$peer_library; }
isolate "$@"
mkdir -m 755 "$TMP/run" "$TMP/bin"
ln -s "$(realpath "$BUILD/tool/drivestamp")" "$TMP/bin/drivestamp"
PATH=$TMP/bin:$PATH
start_daemon ours -d --clock virtual 'port 0' 'local stratum 3' 'pidfile none' \
	'server 127.0.0.9 offline' 'server 127.0.0.11 offline' 'server 2001:db8::1 offline' "controlsocket $TMP/run/socket"
await 5 test -S "$TMP/run/socket"

. contrib/completions/drivestamp.bash
# completed WORD...: what bash offers for the last word, sorted, in one line
completed()
{
	COMP_WORDBREAKS=" =:" COMP_LINE=$* COMP_POINT=$((${#COMP_LINE}))
	_drivestamp drivestamp
	printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd' '
}
is() { # WANTED, then the words
	local wanted=$1 got
	shift
	got=$(completed "$@")
	[ "$got" = "$wanted" ] || { echo "    | $* gives: $got"; return 1; }
}
# The tables themselves, out of the source: what the help leaves out would be found here.
verbs=$(sed -n 's/.*&ds_verb_\([a-z]*\)}.*/\1/p' tool/main.c | sort)
expect "bash: every verb ($(wc -w <<<"$verbs"))" is "$(printf '%s\n' "$verbs" help version | sort | paste -sd' ')" drivestamp ''
expect "bash: a verb that is begun" is 'sources sourcestats' drivestamp sou
expect "bash: help VERB" is 'sources sourcestats' drivestamp help sou
lacking=''
for verb in $verbs; do
	[ "$(completed drivestamp "$verb" --)" = "$(drivestamp help "$verb" |
		grep -oE '^  (-., )?--[a-z0-9-]+' | sed 's/.* //; $a --help' | sort | paste -sd' ')" ] || lacking="$lacking $verb"
done
expect "bash: every option of every verb${lacking:+, not of$lacking}" [ -z "$lacking" ]
expect "bash: an option" is '--socket' drivestamp sources --so
expect "bash: what --color may be" is 'always auto never' drivestamp sources --color ''
expect "bash: sources of the daemon" is '127.0.0.11 127.0.0.9 2001:db8::1' drivestamp exchanges --socket "$TMP/run/socket" ''
expect "bash: a source that is begun" is 127.0.0.11 drivestamp delete --socket "$TMP/run/socket" 127.0.0.1
expect "bash: an address of IPv6 goes on behind its colon" is db8::1 drivestamp delete --socket="$TMP/run/socket" 2001:d
expect "bash: --color=" is always drivestamp sources --color=al
expect "bash: no daemon, no sources" is '' drivestamp delete --socket "$TMP/none" ''
expect "bash: what can be added" is 'peer pool' drivestamp add p
expect "bash: files" is "$TMP/run" drivestamp import "$TMP/ru"

if [ -z "$zsh" ]; then
	echo "skip - zsh: not to be had"
else
	# compadd and _describe write what they are given; the rest is zsh's own.
	zsh_gives()
	{
		"$zsh" -f -c 'compadd() { [[ $1 == -a ]] && print -l -- ${(P)2} || print -l -- $@ }
			_describe() { print -l -- ${${(P)2}%%:*} }; _files() { print FILES }; _hosts() { print HOSTS }
			compdef() { : }; run() { source contrib/completions/_drivestamp }
			words=("$@") CURRENT=$# ; set --; run' zsh "$@" | sort | paste -sd' '
	}
	expect "zsh: every verb" [ "$(zsh_gives drivestamp '')" = "$(completed drivestamp '')" ]
	expect "zsh: options" [ "$(zsh_gives drivestamp sources --)" = "$(completed drivestamp sources --)" ]
	expect "zsh: sources" [ "$(zsh_gives drivestamp exchanges --socket "$TMP/run/socket" '')" = '127.0.0.11 127.0.0.9 2001:db8::1' ]
	expect "zsh: what --color may be" [ "$(zsh_gives drivestamp sources --color '')" = 'always auto never' ]
	expect "zsh: a file" [ "$(zsh_gives drivestamp import '')" = FILES ]
fi

run_fish() { env HOME="$TMP" LD_LIBRARY_PATH="${libraries:-}" "$fish" -N "$@"; }
if [ -z "$fish" ] || ! run_fish -c true 2>/dev/null; then
	echo "skip - fish: not to be had, or lacks a library"
else
	fish_gives() { run_fish -c "source contrib/completions/drivestamp.fish; complete -C '$1'" | cut -f 1 | sort | paste -sd' '; }
	expect "fish: every verb" [ "$(fish_gives 'drivestamp ')" = "$(completed drivestamp '')" ]
	expect "fish: options" [ "$(fish_gives 'drivestamp sources --')" = "$(completed drivestamp sources --)" ]
	expect "fish: sources" [ "$(fish_gives "drivestamp exchanges --socket $TMP/run/socket ")" = '127.0.0.11 127.0.0.9 2001:db8::1' ]
	expect "fish: what --color may be" [ "$(fish_gives 'drivestamp sources --color ')" = 'always auto never' ]
fi
[ "$failures" = 0 ]
