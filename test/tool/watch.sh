#!/usr/bin/env bash
# watch: the live view in a real terminal (tmux), 80x24 and 200x50: drawn, resized, chosen, ended, the
# terminal put back; a daemon that goes and comes.
# shellcheck disable=SC2154  # $pid, $BUILD: test/lib.sh
. test/lib.sh
. .ci/packages.sh
command -v tmux >/dev/null || need_packages tmux >/dev/null 2>&1 || skip_all "no tmux"
isolate "$@"
TOOL=$BUILD/tool/drivestamp
mkdir -m 755 "$TMP/run"
begin() { start_daemon ours -d --clock virtual,freq=20 'port 0' 'local stratum 3' 'pidfile none' \
	'server 127.0.0.1 port 11123 minpoll -1 maxpoll -1 iburst xleave' \
	'server 127.0.0.9 offline' "controlsocket $TMP/run/socket"; }
start_daemon server -d --clock virtual,offset=0.001 'port 11123' 'local stratum 1' allow 'pidfile none' 'controlsocket none'
begin
ours=$pid
tm() { LC_ALL=C.UTF-8 TERM=xterm tmux -S "$TMP/tmux" -f /dev/null "$@"; }
tm new-session -d -x 80 -y 24 "sh -c '$TOOL watch -i 0.3 --socket $TMP/run/socket; echo status \$?; stty -a >$TMP/stty; sleep 60'" ||
	skip_all "tmux does not start here"
server_pid=$(tm display-message -p '#{pid}')
daemons+=("$server_pid")
screen() { tm capture-pane -p; }
shows() { screen | grep -qE -- "$1"; }
expect "the first line says within what the clock is right" await 8 shows '^Right within [0-9.]+ [nu]s of UTC, by 1 of [12] sources'
expect "sources, in 80 columns" await 3 shows '^>\* 127\.0\.0\.1 .* I?B?KK$'
expect "nothing is wider than the terminal" [ "$(screen | awk '{ if (length($0) > m) m = length($0) } END { print m < 241 }')" = 1 ]
braille() { screen | LC_ALL=C grep -q $'\xe2[\xa0-\xa3]'; }
expect "the plot, in braille" await 3 braille
tm send-keys j
expect "another source is chosen" await 3 shows '^>. 127\.0\.0\.9'
tm send-keys '?'
expect "help" await 3 shows 'drivestamp select'
tm send-keys '?' p # in one piece: none is lost
expect "pause" await 3 shows 'paused$'
tm send-keys p
tm resize-window -x 200 -y 50
expect "larger: the reason of each source" await 5 shows 'the best source'
tm send-keys k
expect "and its exchanges" await 5 shows 'Exchanges with 127\.0\.0\.1'
tm resize-window -x 40 -y 8
expect "small, and it goes on" await 5 shows '^Right within'
tm resize-window -x 80 -y 24
stop_daemon "$ours"
expect "a daemon that ends is said" await 5 shows 'does not answer; waiting'
begin
expect "one that comes back is shown" await 10 shows '^Right within'
tm send-keys q
expect "q ends it, with status 0" await 5 shows '^status 0'
expect "the terminal is as it was" eval 'await 3 test -s "$TMP/stty" && grep -qw icanon "$TMP/stty" && ! grep -q -- "-echo " "$TMP/stty"'
NO_COLOR=1 "$TOOL" watch --once --socket "$TMP/run/socket" >"$TMP/once"
expect "one look as text: 24 lines, no colours" [ "$(wc -l <"$TMP/once")" = 24 -a -z "$(tr -dc '\033' <"$TMP/once")" ]
"$TOOL" watch --socket "$TMP/run/socket" >/dev/null 2>"$TMP/said" </dev/null
expect "no terminal: said, status 2" [ $? = 2 -a -s "$TMP/said" ]
tm kill-server 2>/dev/null
[ "$failures" = 0 ]
