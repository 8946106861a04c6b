#!/usr/bin/env bash
# Who is believed: two falsetickers of five outvoted, three of five refused with one line in the
# log, trust and require, minsources, a source 1 s off by its delay alone, and options by key.
# Takes 10 s.
. test/lib.sh
. test/daemon/lib.inc
isolate "$@"

# server HOST OFFSET: serves CLOCK_REALTIME plus OFFSET s at 127.0.9.HOST, port 11170
server()
{
	start_daemon "server-$1" -4 -d -x --clock "virtual,offset=$2" 'local stratum 2' allow \
		"bindaddress 127.0.9.$1" 'port 11170' 'pidfile none'
}
# client NAME LINE... : in LINES, `@N` is the server at 127.0.9.N
client()
{
	local name=$1
	shift
	start_daemon "$name" -4 -d -x 'port 0' 'pidfile none' \
		"${@/#@/server 127.0.9.}"
	pids[$name]=$pid
}
declare -A pids=()
fast="port 11170 minpoll -2 maxpoll -2"

server 1 0
server 2 0
server 3 0
server 4 0.5
server 5 0.5
server 6 -2
sleep 0.3

mkdir "$TMP/two.d"
client two "logdir $TMP/two.d" 'log selection' 'logbanner 0' "@1 $fast" "@2 $fast" "@3 $fast" "@4 $fast" "@5 $fast"
client three "@1 $fast" "@2 $fast" "@4 $fast" "@5 $fast" "@6 $fast"
client trusting "@1 $fast trust" "@4 $fast" "@5 $fast" "@6 $fast"
client requiring "@1 $fast" "@2 $fast" "@6 $fast require"
client minimal 'minsources 3' "@1 $fast" "@2 $fast"
client preferring "@1 $fast" "@2 $fast prefer" "@3 $fast" 'maxjitter 1' 'combinelimit 0' \
	'reselectdist 1e-4' 'stratumweight 1e-3'
client last "@1 $fast minstratum 15" "@2 $fast"
sleep 5

said() { grep -aqE -- "$2" "$TMP/$1.log"; }
times() { lines "$TMP/$1.log" "$2"; }
expect "two of five: the two are told apart, once each" [ "$(times two 'Detected falseticker')" = 2 ]
expect "two of five: they are those" [ "$(times two 'Detected falseticker 127.0.9.[45]$')" = 2 ]
expect "two of five: a true one is followed" said two 'Selected source 127\.0\.9\.[123]$'
expect "two of five: no other in between" [ "$(times two 'Selected source')" = 1 ]
expect "two of five: the true ones say how wrong the clock is" \
	said two 'System clock wrong by -?0\.000'
# state HOST LETTER: the last line of selection.log of that source, with its ten columns; the truth,
# 0, lies in what a true one claims, and not in what a false one does
state()
{
	awk -v address="127.0.9.$1" -v letter="$2" '$3 == address { line = $0 }
	END {
		n = split(line, f)
		exit !(n == 10 && f[4] == letter && f[5] == "-----" && f[6] ~ /^[0-7]+$/ &&
			f[7] > 0 && (f[9] <= 0 && f[10] >= 0) == (letter != "x"))
	}' "$TMP/two.d/selection.log"
}
best=$(sed -n 's/.*Selected source 127.0.9.//p' "$TMP/two.log")
expect "selection.log: the best one ($best)" state "$best" '*'
expect "selection.log: a falseticker" state 4 x
kill -USR1 "${pids[two]}"
expect "SIGUSR1: says of each what it is for" \
	await 3 said two "source 127.0.9.5:11170: .* state=x \\(contradicts the majority"
expect "three of five: none is followed" [ "$(times three 'Selected source')" = 0 ]
expect "three of five: one line says so" \
	[ "$(times three "Can't synchronise|falseticker")" = 1 ]
expect "three of five: and why" said three "Can't synchronise: no majority"
expect "trust: one is believed against three" said trusting 'Selected source 127.0.9.1$'
expect "trust: the three are false" [ "$(times trusting 'Detected falseticker')" = 3 ]
expect "require: without the one that is required there is no time" \
	[ "$(times requiring 'Selected source')" = 0 ]
expect "require: one line says so" \
	[ "$(times requiring "Can't synchronise: no required source")" = 1 ]
expect "minsources: two are too few" said minimal "Can't synchronise: only 2 good sources"
expect "minsources: said once" [ "$(times minimal "Can't synchronise")" = 1 ]
expect "prefer: it is the one" said preferring 'Selected source 127.0.9.2$'
expect "prefer: from the start" [ "$(times preferring 'Selected source')" = 1 ]
expect "minstratum: the other one is followed" said last 'Selected source 127.0.9.2$'

# The majority comes and goes: a line each time, and no more.
stop_daemon "${daemons[4]}"
stop_daemon "${daemons[5]}"
expect "three of five, two gone: those left follow a true one" \
	await 12 said three 'Selected source 127.0.9.[12]$'
finish
