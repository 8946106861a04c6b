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
drawn_small() { [ "$(screen | wc -l)" -le 8 ] && shows '^Right within' && ! shows 'Exchanges with'; }
expect "small, and it goes on" await 5 drawn_small
tm resize-window -x 80 -y 24
stop_daemon "$ours"
expect "a daemon that ends is said" await 5 shows 'does not answer; waiting'
begin
expect "one that comes back is shown" await 10 shows '^Right within'
tm send-keys q
expect "q ends it, with status 0" await 5 shows '^status 0'
# What stty says, the cursor, and the screen that is shown.
as_it_was()
{
	grep -qE '(^| )icanon( |$)' "$TMP/stty" && grep -qE '(^| )echo( |$)' "$TMP/stty" &&
		[ "$(tm display-message -p '#{alternate_on} #{cursor_flag}')" = '0 1' ]
}
expect "the terminal is as it was" await 3 as_it_was
taken() { shows '^Right within' && [ "$(tm display-message -p '#{alternate_on} #{cursor_flag}')" = '1 0' ]; }
watching() { pgrep -x -P "$(tm display-message -p '#{pane_pid}')" drivestamp; }
for end in INT=130 TERM=143 HUP=129 QUIT=131; do
	rm -f "$TMP/stty"
	tm respawn-pane -k "sh -c 'ulimit -c 0; $TOOL watch -i 0.3 --socket $TMP/run/socket; echo status \$?; stty -a >$TMP/stty; sleep 60'"
	await 5 taken || not_ok "SIG${end%=*}: it begins"
	kill -STOP "$(watching)"
	kill -CONT "$(watching)"
	tm send-keys '?'
	expect "SIG${end%=*}: after SIGSTOP and SIGCONT it obeys" await 5 shows 'drivestamp select'
	kill "-${end%=*}" "$(watching)"
	expect "SIG${end%=*} ends it" await 5 shows "^status ${end#*=}"
	expect "SIG${end%=*}: the terminal is as it was" await 3 as_it_was
done
tm respawn-pane -k "env PS1='ready ' bash --norc --noprofile"
await 5 shows '^ready' || not_ok "a shell with jobs"
tm send-keys "$TOOL watch -i 0.3 --socket $TMP/run/socket" Enter
await 5 taken || not_ok "Ctrl-Z: it begins"
for time in once again; do
	rm -f "$TMP/stty"
	tm send-keys C-z
	expect "Ctrl-Z, $time: it stops" await 5 shows 'Stopped'
	tm send-keys "stty -a >$TMP/stty; clear" Enter
	expect "Ctrl-Z, $time: the terminal is as it was" await 3 as_it_was
	tm send-keys fg Enter
	expect "fg, $time: it is drawn again, and goes on" await 5 taken
done
tm send-keys q
expect "and ends" await 5 shows '^ready'
"$TOOL" watch --color=green --once --socket "$TMP/run/socket" >"$TMP/said" 2>&1
expect "a word that --color does not take: said, status 2" [ $? = 2 -a -s "$TMP/said" ]
NO_COLOR=1 "$TOOL" watch --once --socket "$TMP/run/socket" >"$TMP/once"
expect "one look as text: 24 lines, no colours" [ "$(wc -l <"$TMP/once")" = 24 -a -z "$(tr -dc '\033' <"$TMP/once")" ]
"$TOOL" watch --socket "$TMP/run/socket" >/dev/null 2>"$TMP/said" </dev/null
expect "no terminal: said, status 2" [ $? = 2 -a -s "$TMP/said" ]
tm kill-server 2>/dev/null
[ "$failures" = 0 ]
