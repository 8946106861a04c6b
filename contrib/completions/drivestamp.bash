# shellcheck shell=bash
# Completion of drivestamp(1) for bash. Verbs, options and sources are asked from the program and the
# daemon, so that none is ever unknown here; nothing else is run, and nothing is changed.

# The words of the help, one a line: verbs; or the options of verb $2 ("--name VALUE" where one has a value).
_drivestamp_verbs() { "$1" help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *[A-Z].*/\1/p'; }
_drivestamp_options()
{
	"$1" help "$2" </dev/null 2>/dev/null |
		sed -n 's/^  \(-., \)\{0,1\}\(--[a-z0-9-]*\)\( [A-Z][^ ]*\)\{0,1\} .*/\2\3/p'
	echo --help
}

# The addresses (names, where none is known yet) of the daemon's sources.
_drivestamp_sources()
{
	local socket=()
	[ -z "$2" ] || socket=(--socket "$2")
	"$1" sources --json "${socket[@]}" 2>/dev/null | grep -oE '"(name|address)": ?"[^"]+"' |
		sed 's/.*: *"//; s/"$//' | sort -u
}

_drivestamp()
{
	local program=$1 word=${COMP_WORDS[COMP_CWORD]} before='' verb='' path='' options i
	COMPREPLY=()
	[ "$COMP_CWORD" -gt 1 ] && before=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
	if [ -z "$verb" ] || { [ "$verb" = help ] && [ "$COMP_CWORD" = 2 ]; }; then
		mapfile -t COMPREPLY < <(compgen -W "$(_drivestamp_verbs "$program")" -- "$word")
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		[ "${COMP_WORDS[i]}" = --socket ] && path=${COMP_WORDS[i + 1]}
	done
	options=$(_drivestamp_options "$program" "$verb")
	if [[ $before == --color ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$word")
	elif [[ $before == -* && $options == *"$before "[A-Z]* ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	elif [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(cut -d' ' -f 1 <<<"$options")" -- "$word")
	else
		case $verb in
		exchanges | online | offline | delete | burst)
			options=$(_drivestamp_sources "$program" "$path")
			# An address of IPv6 has colons, at which readline begins a new word.
			if [[ $word == :* || $before == :* || $before == *: ]]; then
				return
			fi
			mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
			;;
		add)
			case $before in
			add) mapfile -t COMPREPLY < <(compgen -W 'server pool peer' -- "$word") ;;
			server | pool | peer) ;;
			*) mapfile -t COMPREPLY < <(compgen -W 'iburst burst xleave nts minpoll maxpoll key version
				prefer noselect offline port' -- "$word") ;;
			esac
			;;
		import) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
		query | conform) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word") ;;
		esac
	fi
}
complete -F _drivestamp drivestamp
