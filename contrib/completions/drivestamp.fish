# Completion of drivestamp(1) for fish. Verbs, options and sources are asked from the program and the
# daemon, so that none is ever unknown here; nothing else is run, and nothing is changed.
function __drivestamp_verbs
    drivestamp help 2>/dev/null | string replace -rf '^  ([a-z]+) +([A-Z].*)' '$1\t$2'
end
function __drivestamp_options
    set -l words (commandline -opc)
    drivestamp help $words[2] </dev/null 2>/dev/null |
        string replace -rf '^  (?:-., )?(--[a-z0-9-]+)(?: [A-Z]\S*)? +(.*)' '$1\t$2'
    printf '%s\t%s\n' --help 'This text'
end
# Whether the word before wants a value.
function __drivestamp_value
    set -l words (commandline -opc)
    set -q words[3]; or return 1
    string match -q -- '-*' $words[-1]; or return 1
    drivestamp help $words[2] </dev/null 2>/dev/null | string match -rq -- " $words[-1] [A-Z]"
end
function __drivestamp_sources
    set -l words (commandline -opc)
    set -l socket
    if set -l at (contains -i -- --socket $words)
        set socket --socket $words[(math $at + 1)]
    end
    drivestamp sources --json $socket 2>/dev/null | grep -oE '"(name|address)": ?"[^"]+"' |
        string replace -r '.*: *"(.*)"$' '$1' | sort -u
end
function __drivestamp_first
    set -l words (commandline -opc)
    test (count $words) -eq 1; or test "$words[2]" = help -a (count $words) -eq 2
end
function __drivestamp_verb
    set -l words (commandline -opc)
    set -q words[2]; and contains -- $words[2] $argv; and not __drivestamp_value
end
function __drivestamp_add
    set -l words (commandline -opc)
    test "$words[2]" = add -a (count $words) -ge 3
end

complete -c drivestamp -f
complete -c drivestamp -n __drivestamp_first -a '(__drivestamp_verbs)'
complete -c drivestamp -n 'not __drivestamp_first; and not __drivestamp_value; and string match -q -- "-*" (commandline -ct)' -a '(__drivestamp_options)'
complete -c drivestamp -n '__drivestamp_value; and test (commandline -opc)[-1] = --color' -a 'auto always never'
complete -c drivestamp -n '__drivestamp_value; and test (commandline -opc)[-1] != --color' -F
complete -c drivestamp -n '__drivestamp_verb exchanges online offline delete burst' -a '(__drivestamp_sources)'
complete -c drivestamp -n '__drivestamp_verb add; and not __drivestamp_add' -a 'server pool peer'
complete -c drivestamp -n __drivestamp_add -a 'iburst burst xleave nts minpoll maxpoll key version prefer noselect offline port'
complete -c drivestamp -n '__drivestamp_verb import' -F
complete -c drivestamp -n '__drivestamp_verb query conform' -a '(__fish_print_hostnames)'
