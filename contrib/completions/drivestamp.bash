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

# Of COMPREPLY, what readline has no more to add: its words begin anew at each : and =.
_drivestamp_trim()
{
	local breaks=${COMP_WORDBREAKS//[^:=]/} word i
	[ -n "$breaks" ] || return 0
	word=${1%"${1##*["$breaks"]}"}
	for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$word"}; done
}

_drivestamp()
{
	local program=$1 line=${COMP_LINE:0:COMP_POINT} words=() word before='' verb='' path='' options i last
	COMPREPLY=()
	# The words as the program gets them: an address of IPv6 is one, "--name=VALUE" two.
	read -ra words <<<"${line/%[[:blank:]]/ .}"
	last=$((${#words[@]} - 1))
	[[ $line != *[[:blank:]] ]] || words[last]=''
	word=${words[last]} verb=${words[1]}
	if ((last == 1)) || { ((last == 2)) && [ "$verb" = help ]; }; then
		mapfile -t COMPREPLY < <(compgen -W "$(_drivestamp_verbs "$program")" -- "$word")
		return
	fi
	before=${words[last - 1]}
	if [[ $word == --*=* ]]; then
		before=${word%%=*} word=${word#*=}
	fi
	for ((i = 2; i < last; i++)); do
		case ${words[i]} in
		--socket) path=${words[i + 1]} ;;
		--socket=*) path=${words[i]#*=} ;;
		esac
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
			mapfile -t COMPREPLY < <(compgen -W "$(_drivestamp_sources "$program" "$path")" -- "$word")
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
	_drivestamp_trim "$word"
}
complete -F _drivestamp drivestamp
