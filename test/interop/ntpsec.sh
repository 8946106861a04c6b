#!/bin/sh
# NTPsec's ntpd and ntpdig take our server's answers, and an ntpd and ours that have each other as
# `peer` do no harm. Neither has the right to touch the clock. Takes 10 to 30 s.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/interop/lib.inc"

need_daemon ntpsec
ns_begin ntpsec
ns_add s
ns_add c
ns_join s c 1
ns_add sp
ns_add cp
ns_join sp cp 2
host server s drivestampd "local stratum 1
allow"

host peer sp drivestampd "local stratum 1
allow
peer 10.118.2.2 minpoll 0 maxpoll 0 xleave"
peer_pid=$ns_pid

six=fd00:118:1::1
ns_ipv6 s || {
	six=
	skip "NTPsec over IPv6: the kernel has none"
}

digs() { # ADDRESS
	name="ntpdig asks our server at $1"
	out=$(ns_run c "$peer_python" "$ntpdig" -j -t 2 "$1" 2>&1)
	case $out in
	*'"stratum":1,'*) ok "$name" ;;
	*) not_ok "$name" "$out" ;;
	esac
}

# ntpd NAME NAMESPACE LINE...: their ntpd with these sources
ntpd() {
	name=$1 where=$2
	shift 2
	mkdir "$ns_dir/$name"
	{
		printf '%s\n' "disable ntp" "disable kernel" "restrict 127.0.0.1"
		printf '%s\n' "statsdir $ns_dir/$name/"
		printf '%s\n' "filegen rawstats file rawstats type none enable"
		printf '%s\n' "filegen peerstats file peerstats type none enable" "$@"
	} >"$ns_dir/$name/conf"
	# -N would want the right to choose a scheduler. Its pid file and interface names are its own.
	ns_start "$where" "$ns_dir/$name/log" unshare --mount --propagation private \
		"$ntpsec" -n -c "$ns_dir/$name/conf" -f "$ns_dir/$name/drift" -p "$ns_dir/$name/pid"
}

# The last status word of peerstats: bit 12 says reachable, bits 8 to 10 how it was selected
# (4 and more: a survivor). Sets $said; true if it follows.
follows() { # ADDRESS [NAME]
	said=$(awk -v a="$1" '$3 == a {
			status = $4; n++; big += $5 > 0.001 || $5 < -0.001
		} END { printf "%d samples, %d of them over 1 ms, status %s", n, big, status
		}' "$ns_dir/${2:-ntpd}/peerstats" 2>/dev/null)
	case $said in
	[0-2]" samples"*) return 1 ;;
	*" samples, 0 of them over 1 ms, status "[13579bdf][4567]*) ;;
	*) return 1 ;;
	esac
}
accepts() { # ADDRESS
	name="NTPsec's ntpd follows our server at $1"
	if ns_until 250 follows "$1"; then
		ok "$name: $said"
	else
		not_ok "$name" "after 25 s: ${said:-no sample}"
		tail -n 5 "$ns_dir/ntpd/log" | sed 's/^/#   /'
	fi
}

if peer_find ntpsec; then
	ntpsec=$peer
	ntpd ntpd c "server 10.118.1.1 iburst minpoll 0 maxpoll 0" \
		"server fd00:118:1::1 iburst minpoll 0 maxpoll 0"
	ntpd theirs cp "peer 10.118.2.1 minpoll 0 maxpoll 0"
	started=1
else
	skip "NTPsec's ntpd: $peer_why"
fi
if peer_find ntpdig && ntpdig=$peer && peer_python; then
	ns_until 30 ns_run c "$peer_python" "$ntpdig" -t 1 10.118.1.1
	digs 10.118.1.1
	[ -z "$six" ] || digs "$six"
else
	skip "ntpdig: $peer_why"
fi
if [ "${started:-0}" = 1 ]; then
	accepts 10.118.1.1
	[ -z "$six" ] || accepts "$six"
	if peer_find ntpq && ntpq=$peer && peer_python; then
		ns_run c "$peer_python" "$ntpq" -pn 127.0.0.1 >"$ns_dir/ntpq" 2>&1
		if grep -Eq "^[*+]10\.118\.1\.1 " "$ns_dir/ntpq"; then
			ok "ntpq: our server is selected"
		else
			not_ok "ntpq: our server is selected" "see below"
			sed 's/^/#   /' "$ns_dir/ntpq"
		fi
	else
		skip "ntpq: $peer_why"
	fi
fi

# NTPsec has no symmetric mode: its `peer` asks as a client does, and packets of mode 1 it drops. So
# it follows us, and we hear nothing, and go on.
if [ "${started:-0}" = 1 ]; then
	name="NTPsec's ntpd has us as a peer, and we have it: it follows us"
	if ns_until 250 follows 10.118.2.1 theirs; then
		ok "$name: $said"
	else
		not_ok "$name" "after 25 s: ${said:-no sample}"
	fi
	kill -USR1 "$peer_pid"
	sleep 0.3
	said=$(grep -o 'source 10.118.2.2.*' "$ns_dir/peer/log" | tail -n 1)
	case $said in
	*"answers=0 basic=0 interleaved=0 "*"reach=000"*) ok "and ours measured nothing: $said" ;;
	*) not_ok "and ours measured nothing" "$said" ;;
	esac
fi
tally
