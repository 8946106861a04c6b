#!/bin/sh
# conform: what it says of our server, chronyd, NTPsec's ntpd and OpenNTPD, side by side on veth,
# is what it said before (test/tool/conform/NAME.expected: "ID RESULT" a line); and servers that
# break the rules fail. Takes 10 s. CONFORM_KEEP=1 writes the expected files anew.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/interop/lib.inc"
expected=$top/test/tool/conform

need_daemon conform
tool=$ns_build/tool/drivestamp
fake=$ns_build/test/daemon/fake-server
for program in "$tool" "$fake"; do
	[ -x "$program" ] || {
		not_ok conform "no $program: build first"
		tally
	}
done
ns_begin conform
ns_add c

conform() { # NAME ARGUMENTS...: leaves $ns_dir/NAME.{json,status,words}
	name=$1
	shift
	ns_run c timeout -k 5 40 "$tool" conform --json --interval 0.05 --timeout 0.3 "$@" \
		>"$ns_dir/$name.json" 2>"$ns_dir/$name.words"
	echo $? >"$ns_dir/$name.status"
}
results() { # NAME: "ID RESULT" a line
	sed -n 's/.*{"id": "\([^"]*\)".*"result": "\([^"]*\)".*/\1 \2/p' "$ns_dir/$1.json"
}
status() { cat "$ns_dir/$1.status"; }

# A build without interleaved mode: of RFC 9769 there is nothing to see.
without_9769() { # NAME
	ids=$(sed -n 's/.*{"id": "\([^"]*\)", "rfc": 9769,.*/\1/p' "$ns_dir/$1.json")
	for id in $ids; do
		sed -i "s/^$id .*/$id not observed/" "$ns_dir/$1.expected"
	done
}

compare() { # NAME TEXT
	results "$1" >"$ns_dir/$1.results"
	[ "${CONFORM_KEEP:-0}" = 0 ] || cp "$ns_dir/$1.results" "$expected/$1.expected"
	cp "$expected/$1.expected" "$ns_dir/$1.expected"
	[ "$1" != drivestampd ] || [ "$interleaved" = 1 ] || without_9769 "$1"
	if diff -u "$ns_dir/$1.expected" "$ns_dir/$1.results" >"$ns_dir/$1.diff" &&
		[ -s "$ns_dir/$1.results" ]; then
		ok "conform: $2: $(grep -c ' passed$' "$ns_dir/$1.results") passed, as expected"
	else
		not_ok "conform: $2" "differs from test/tool/conform/$1.expected"
		sed 's/^/#   /' "$ns_dir/$1.diff" "$ns_dir/$1.words"
	fi
}

# The servers. None may touch the clock, and none has a source: OpenNTPD and ntpd say so.
start_drivestampd() {
	host ours drivestampd drivestampd "local stratum 1
allow"
}
start_chronyd() {
	host theirs chronyd chronyd "local stratum 1
allow"
}
start_ntpsec() {
	mkdir "$ns_dir/ntpd"
	printf 'disable ntp\ndisable kernel\nunrestrict default limited\n' >"$ns_dir/ntpd/conf"
	ns_start ntpsec "$ns_dir/ntpd/log" unshare --mount --propagation private \
		"$ntpsec" -n -c "$ns_dir/ntpd/conf" -f "$ns_dir/ntpd/drift" -p "$ns_dir/ntpd/pid"
}
start_openntpd() {
	o=$ns_dir/o
	mkdir -p "$o/etc" "$o/lib/openntpd/db" "$o/lib/openntpd/run"
	chmod 755 "$ns_dir" "$o" "$o/lib" "$o/lib/openntpd"
	cp /etc/passwd /etc/group "$o/etc/"
	for user in openntpd _ntpd ntpd; do
		echo "$user:x:64999:64999::/run/openntpd:/usr/sbin/nologin" >>"$o/etc/passwd"
		echo "$user:x:64999:" >>"$o/etc/group"
	done
	echo 'listen on 10.118.4.2' >"$o/etc/ntpd.conf"
	cat >"$o/start" <<-END
		mount --bind $o/etc/passwd /etc/passwd
		mount --bind $o/etc/group /etc/group
		mount --bind $o/lib /var/lib
		mount -t tmpfs tmpfs /run
		mkdir -m 755 /run/openntpd
		exec "$openntpd" -d -v -f $o/etc/ntpd.conf
	END
	ns_start openntpd "$o/log" unshare --mount --propagation private sh "$o/start"
}

interleaved=1
servers=drivestampd
for name in chronyd ntpsec openntpd; do
	if peer_find $name; then
		eval "$name=\$peer"
		servers="$servers $name"
	else
		skip "conform: $peer_why"
	fi
done
n=0
for name in drivestampd chronyd ntpsec openntpd; do
	n=$((n + 1))
	case " $servers " in *" $name "*) ;; *) continue ;; esac
	ns_add "$name"
	ns_join c "$name" $n
	start_$name
	(
		ns_until 80 ns_run c "$tool" query --count 1 --timeout 0.3 "10.118.$n.2"
		conform $name "10.118.$n.2"
	) &
	waiting="${waiting:-} $!"
done

# Servers that break a rule each: what must fail, and the exit status.
broken='good:1:version-3 origin:1:origin mode:1:mode zero-receive:1:stamps zero-transmit:1:stamps
	negative:1:held held:1:held good+good:1:single version:1:version-4 nak:1:length
	short:3: silent:3: rate:3: forged-rate:1:origin'
port=11300 arguments=
for kind in $broken; do
	port=$((port + 1))
	arguments="$arguments 127.0.0.1:$port=${kind%%:*}"
done
# shellcheck disable=SC2086
ns_start c "$ns_dir/fake.log" "$fake" $arguments
ns_until 30 grep -q ready "$ns_dir/fake.log" || not_ok "conform: fake-server" "did not start"
port=11300
for kind in $broken; do
	port=$((port + 1))
	conform "fake-$port" 127.0.0.1:$port &
	waiting="${waiting:-} $!"
done
# shellcheck disable=SC2086
wait $waiting

ns_run c "$tool" query --interleaved --count 2 --interval 0.05 10.118.1.2 |
	grep -q 'no interleaved mode' && interleaved=0
compare drivestampd "our server"
case $servers in *chronyd*) compare chronyd "Debian's chronyd" ;; esac
case $servers in *ntpsec*) compare ntpsec "NTPsec's ntpd" ;; esac
case $servers in *openntpd*) compare openntpd "OpenNTPD" ;; esac
port=11300
for kind in $broken; do
	port=$((port + 1))
	name=fake-$port
	clause=${kind##*:} want=${kind#*:}
	want=${want%%:*}
	if [ "$(status $name)" != "$want" ]; then
		not_ok "conform: a server that is '${kind%%:*}'" "status $(status $name), not $want"
		results $name | grep failed | sed 's/^/#   /'
	elif [ -n "$clause" ] && ! results $name | grep -q "^$clause failed"; then
		not_ok "conform: a server that is '${kind%%:*}'" "$clause did not fail"
		results $name | grep failed | sed 's/^/#   /'
	else
		ok "conform: a server that is '${kind%%:*}': status $want${clause:+, $clause fails}"
	fi
done

# The limits.
sent=$(sed -n 's/.*"sent": \([0-9]*\),.*/\1/p' "$ns_dir/drivestampd.json")
if [ "${sent:-0}" -ge 30 ] && [ "$sent" -le 64 ]; then
	ok "conform: $sent packets, of 64 at most"
else
	not_ok "conform: packets" "${sent:-none} were sent"
fi
ns_run c timeout 5 "$tool" conform --interval 0.5 192.0.2.1 >"$ns_dir/far" 2>&1
if [ $? = 2 ] && grep -q 'at least 1' "$ns_dir/far"; then
	ok "conform: a stranger is not asked more than once a second"
else
	not_ok "conform: a stranger is not asked more than once a second" "$(cat "$ns_dir/far")"
fi
tally
