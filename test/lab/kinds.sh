#!/usr/bin/env bash
# The adapters of lab/kinds, each against its real daemon, as the lab uses them: found, configured,
# started, and their logs read. A host of each kind has a drivestampd beside it whose virtual clock is
# 1 ms ahead; both ask and answer, in every mode that both know, all at the same time. So the kind
# must find +1 ms, and drivestampd -1 ms. Needs root; takes 15 s, since some ask every 2 s and more.
. test/lib.sh
top=$PWD
. test/netns.sh

ns_skip_status=0
SECONDS_MIN=${SECONDS_MIN:-6} # of exchanging
SLOW_MIN=${SLOW_MIN:-12}      # of those that ask every 2 s, or begin late
PEERS_FETCH=${PEERS_FETCH:-1}
export PEERS_FETCH
kinds=$top/lab/kinds
export LAB_SELF=$PWD/$BUILD/tool LAB_SHARE=$kinds
case $BUILD in /*) LAB_SELF=$BUILD/tool ;; esac

ns_begin kinds
trap 'ns_end; cleanup' EXIT
chmod 755 "$ns_dir"

word() { # TEXT WORD: what follows it in `about`
	printf '%s\n' "$1" | sed -n "s/^$2 //p"
}
knows() { # TEXT WORD MODE
	case " $(word "$1" "$2") " in *" $3 "*) ;; *) return 1 ;; esac
}

# instance FOLDER NAMESPACE KIND PROGRAM MODE SELF OTHER INTERFACE POLL ASKS ANSWERS [SED]: a process
# as the lab would start it; its environment stays in FOLDER/env. SED changes its command.
instance()
{
	local dir=$ns_dir/$1 line
	mkdir -p "$dir"
	cat >"$dir/env" <<-END
		export LAB_MODE='$5' LAB_NUMBER=${number:-0} LAB_POLL='$9' LAB_PROGRAM='$4' LAB_DIR='$dir'
		export LAB_ASKS='${10}' LAB_ANSWERS='${11}' LAB_ADDRESS='$6' LAB_PORT=123
		export LAB_BROADCAST='${6%.*}.255' LAB_INTERFACE='$8'
		export LAB_OTHERS='other $7 123 ${6%.*}.255'
		adapter=$kinds/$3
	END
	. "$dir/env"
	sh "$kinds/$3" configure >"$dir/conf" && line=$(sh "$kinds/$3" command) || {
		not_ok "$1: is configured"
		return 1
	}
	printf '%s\n' "$line" | sed "${12:-}" >"$dir/start"
	ns_start "$2" "$dir/out" sh "$dir/start"
	started+=("${pairing:-$3} $ns_pid")
}
started=()

# taken FOLDER: what its adapter reads of its logs, into FOLDER/taken
taken()
{
	local name files=()
	. "$ns_dir/$1/env"
	for name in $(word "$(sh "$adapter" about "$LAB_PROGRAM")" files); do
		[ -e "$ns_dir/$1/$name" ] || : >"$ns_dir/$1/$name"
		files+=("$ns_dir/$1/$name")
	done
	sh "$adapter" read "${files[@]}" >"$ns_dir/$1/taken"
}

# judge FOLDER ADDRESS LEAST MODE SHARE OFFSET SOURCES: at least so many samples of that host; so many
# per cent of them of that mode; their median within a third of a millisecond of OFFSET (ms); sources
# of most as the pattern has them
judge()
{
	local said
	if said=$(awk -v a="$2" -v least="$3" -v mode="$4" -v share="$5" -v offset="$6" -v sources="$7" '
		$1 == "sample" && $2 == a {
			v[++n] = $4; right += $6 == mode; by += $7 ~ "^" sources "$"
			strange += $5 < -1e5 || $5 > 1e9 || $3 < 1.7e9 || $3 > 4.2e9
			if (last && $3 < last - 1) strange++
			last = $3
			for (i = 8; i <= 11; i++) strange += NF == 11 && $i !~ /^1[0-9]+$/
		}
		$1 == "sample" && $2 != a { strange++ }
		$1 !~ /^(sample|count|odd)$/ { strange++ }
		$1 == "odd" { odd += $2 }
		END {
			for (i = 1; i <= n; i++) for (j = i; j > 1 && v[j] < v[j - 1]; j--) {
				t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
			}
			m = n ? v[int((n + 1) / 2)] / 1e6 : 0
			printf "%d samples, %d %s, median %.4f ms, %d by %s, %d strange, %d odd lines", n,
				right, mode, m, by, sources, strange, odd
			exit !(n >= least && right >= share / 100 * n && by > n / 2 && !strange && !odd &&
				m - offset < 0.33 && offset - m < 0.33)
		}' "$ns_dir/$1/taken"); then
		ok "$1: $said"
	else
		not_ok "$1: $said; wanted at least $3 samples, $5 % $4, $6 ms, by $7"
		tail -n 3 "$ns_dir/$1/out" | sed 's/^/    | /'
	fi
}

ours=$(sh "$kinds/drivestamp" find) || { not_ok "drivestampd is found"; exit 1; }
expect "drivestamp: the one that was built is found" [ "$ours" -ef "$DAEMON" ]
ours_about=$(sh "$kinds/drivestamp" about "$ours")

# refuses TEXT WORDS COMMAND...: it ends with status 1, prints nothing, and says this in one line
refuses()
{
	local text=$1 words=$2 said status=0
	shift 2
	said=$("$@" 2>&1 >"$TMP/printed") || status=$?
	if [ "$status" = 1 ] && [ ! -s "$TMP/printed" ] && [ "$(echo "$said" | wc -l)" = 1 ] &&
		[[ $said == *"$words"* ]]; then
		ok "$text: $said"
	else
		not_ok "$text: status $status, printed '$(cat "$TMP/printed")', said '$said'"
	fi
}
for kind in chrony drivestamp ntpd ntpsec openntpd ptp4l; do
	refuses "$kind: another program is not taken" "/bin/true is no" sh "$kinds/$kind" find /bin/true
	refuses "$kind: an unknown verb" "no verb 'sing'" sh "$kinds/$kind" sing
done
for kind in chrony ntpd ntpsec openntpd ptp4l; do
	refuses "$kind: no revisions" "no revisions" sh "$kinds/$kind" find @v1
done

# As installed: a folder for itself, not in the source.
cp -r "$kinds" "$TMP/share"
refuses "drivestamp@HEAD needs the source" "from a git tree of the source only" \
	env LAB_SHARE="$TMP/share" sh "$TMP/share/drivestamp" find @HEAD
expect "adapters work from a folder of their own" \
	[ "$(env -u LAB_SHARE sh "$TMP/share/drivestamp" find)" -ef "$DAEMON" ]
lines=$(printf '%s\n' "2026-11-26 07:07:26 192.0.2.1       N  5 111 111 1111  -3 -3 0.00" \
	"2026-11-26 07:07:26 192.0.2.1       N  5 111 111 1111  -3 -3 0.00" \
	"2026-11-26 07:07:27 192.0.2.1       N  5 111 011 1111  -3 -3 0.00" |
	sed '2s/$/  1.250e-06  2.000e-05  1.000e-07  0.000e+00  0.000e+00 7F7F0101 4B - K/;2!s/$/  1.250e-06  2.000e-05  1.000e-07  0.000e+00  0.000e+00 7F7F0101 4I K H/')
printf '%s\n' "$lines" "half a li" >"$TMP/measurements.log"
expect "measurements.log: two in a second are spread over it, a drop and half a line are counted" \
	[ "$(LAB_MODE=xleave env -u LAB_SHARE sh "$TMP/share/chrony" read "$TMP/measurements.log" |
		sort | paste -sd ';')" = \
	"count 192.0.2.1 answers 3;count 192.0.2.1 test-5 1;odd 1;sample 192.0.2.1\
 1795676846.250000 1250.000 20000.000 I K??H;sample 192.0.2.1\
 1795676846.750000 1250.000 20000.000 B ???K" ]
echo "61370 26317.074 192.0.2.1 192.0.2.2 4004666317.074223122 4004666317.075239400" \
	"4004666317.075352444 4004666317.074366312 0 4 4 5 0 -25 0.0 0.0 127.127.1.1 0 0 0
65000 1.5 192.0.2.1 192.0.2.2 100.999999999 101.0 101.000000001 101.0 0 4 4 5 0 -25 0 0 X 0 0 0
61370 26317.074 192.0.2.1 192.0.2.2 4004666317.07 0.0 4004666317.07 4004666317.07 0 4 4 5" >"$TMP/rawstats"
expect "rawstats: stamps to the nanosecond, also after 2036; one of zero is counted" \
	[ "$(LAB_MODE=basic env -u LAB_SHARE sh "$TMP/share/ntpsec" read "$TMP/rawstats" |
		sort | paste -sd ';')" = \
	"count 192.0.2.1 answers 3;count 192.0.2.1 zero-stamp 1;sample 192.0.2.1\
 1795677517.074366312 1001205.0 30146 B D??K 1795677517074223122 1795677517075239400\
 1795677517075352444 1795677517074366312;sample 192.0.2.1\
 2085978597.000000000 1.0 0 B D??K 2085978596999999999 2085978597000000000\
 2085978597000000001 2085978597000000000" ]

# A revision is built once, whatever stands in the tree now: here of a toy that takes no time.
revision()
{
	local tree=$TMP/tree one two
	mkdir -p "$tree/lab" "$tree/daemon"
	cp -r "$kinds" "$tree/lab/kinds"
	printf '%s\n' "project('toy', 'c')" "subdir('daemon')" >"$tree/meson.build"
	echo "executable('drivestampd', 'main.c')" >"$tree/daemon/meson.build"
	printf '#include <stdio.h>\nint main(void) { return puts("drivestampd 7 (+interleaved)") < 0; }\n' \
		>"$tree/daemon/main.c"
	git -C "$tree" init -q && git -C "$tree" add -A &&
		git -C "$tree" -c user.name=toy -c user.email=toy@example.org commit -qm toy || return 1
	echo '#error' >"$tree/daemon/main.c"
	one=$(sh "$tree/lab/kinds/drivestamp" find @HEAD 2>"$TMP/why") && touch -d @1 "$one" &&
		two=$(sh "$tree/lab/kinds/drivestamp" find @HEAD) && [ "$one" = "$two" ] &&
		[ "$(stat -c %Y "$one")" = 1 ] && grep -q '^# building .*(toy)' "$TMP/why" &&
		sh "$tree/lab/kinds/drivestamp" about "$one" |
		grep -q "^version drivestampd 7 ($(git -C "$tree" rev-parse HEAD | cut -c 1-7))" &&
		[ "$(find "$XDG_CACHE_HOME/drivestamp/builds" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
}
if command -v git >/dev/null && command -v meson >/dev/null; then
	cache=${XDG_CACHE_HOME-none}
	export XDG_CACHE_HOME=$TMP/cache
	expect "drivestamp@HEAD is built, once" revision
	git -C "$TMP/tree" -c user.name=toy -c user.email=toy@example.org commit -qam broken
	refuses "drivestamp@HEAD that does not build" "does not build" \
		env sh -c 'sh "$1" find @HEAD 2>"$2" || { s=$?; tail -n 1 "$2" >&2; exit $s; }' lab \
		"$TMP/tree/lab/kinds/drivestamp" "$TMP/why"
	expect "and nothing half built is left" \
		[ "$(find "$TMP/cache/drivestamp/builds" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
	refuses "an unknown revision" "no such revision" sh "$TMP/tree/lab/kinds/drivestamp" find @nonesuch
	[ "$cache" = none ] && unset XDG_CACHE_HOME || XDG_CACHE_HOME=$cache
else
	echo "skip - drivestamp@HEAD: no git or no meson"
fi

# pair KIND: its namespaces, and an instance on either side for each mode
net=0
checks=()
pair()
{
	local kind=$1 pairing=$1 program about mode a b poll
	program=$(sh "$kinds/$kind" find 2>"$TMP/why") || {
		echo "skip - $kind: $(tail -n 1 "$TMP/why")"
		return
	}
	about=$(sh "$kinds/$kind" about "$program") || { not_ok "$kind: about"; return; }
	echo "# $kind: $program, $(word "$about" version)"
	poll=$(word "$about" poll-least)
	[ "${poll:-6}" -ge -3 ] || poll=-3
	ns_add "$kind-o" && ns_add "$kind-k" || exit 1
	for mode in basic xleave symmetric symmetric-xleave broadcast broadcast-xleave; do
		a=0 b=0
		! knows "$about" asks $mode || ! knows "$ours_about" answers $mode || a=1
		! knows "$about" answers $mode || ! knows "$ours_about" asks $mode || b=1
		[ $a$b != 00 ] || continue
		net=$((net + 1))
		ns_join "$kind-o" "$kind-k" $net || exit 1
		instance "$mode-by-$kind" "$kind-k" "$kind" "$program" $mode 10.118.$net.2 10.118.$net.1 \
			v${net}b "$poll" $a $b
		instance "$mode-of-$kind" "$kind-o" drivestamp "$ours" $mode 10.118.$net.1 10.118.$net.2 \
			v${net}a -3 $b $a 's/--clock system/--clock virtual,offset=0.001/'
		checks+=("$kind $mode $net $a $b $poll")
	done
}
# Of ptp4l one answers, and another asks; the clocks are one, so its sign is made by delayAsymmetry: what
# is said to come 1 ms later than it leaves is taken to be 1 ms early (linuxptp's man page).
yardstick()
{
	local program number=5 pairing=ptp4l
	program=$(sh "$kinds/ptp4l" find 2>"$TMP/why") || {
		echo "skip - ptp4l: $(tail -n 1 "$TMP/why")"
		return
	}
	echo "# ptp4l: $program, $(word "$(sh "$kinds/ptp4l" about "$program")" version)"
	net=$((net + 1))
	ns_add ptp-o && ns_add ptp-k && ns_join ptp-o ptp-k $net || exit 1
	instance ptp-answers ptp-o ptp4l "$program" ptp 10.118.$net.1 10.118.$net.2 v${net}a -4 0 1
	instance ptp-by-ptp4l ptp-k ptp4l "$program" ptp 10.118.$net.2 10.118.$net.1 v${net}b 0 1 0 \
		'1s/^exec /echo delayAsymmetry 1000000 >>"$LAB_DIR\/conf"; exec /'
	checks+=("ptp4l ptp $net 1 0 0")
}

# ended KIND...: the processes beside and of these are stopped, and what they logged is judged
ended()
{
	local each kind mode net a b poll letter share theirs least
	for each in "${started[@]}"; do
		case " $* " in *" ${each%% *} "*) ns_stop "${each##* }" ;; esac
	done
	for each in "${checks[@]}"; do
		read -r kind mode net a b poll <<<"$each"
		case " $* " in *" $kind "*) ;; *) continue ;; esac
		letter=B share=100 theirs='K[?][?]K' least=$((SECONDS_MIN * 8 / 2))
		case $mode in *xleave) letter=I share=70 ;; ptp) letter=I ;; esac
		case $mode in broadcast*) theirs='[?][?][?]K' ;; esac
		case $kind in ntpsec) theirs='D[?][?]K' ;; openntpd) theirs='D[?][?]D' ;; esac
		[ "$poll" -le -3 ] || least=$((poll > 2 ? 1 : 3))
		if [ "$a" = 1 ]; then
			taken "$mode-by-$kind"
			judge "$mode-by-$kind" 10.118.$net.1 "$least" $letter $share 1 "$theirs"
		fi
		case $kind-$mode in chrony-broadcast) least=2 ;; *) least=$((SECONDS_MIN * 8 / 2)) ;; esac
		case $mode in broadcast*) theirs='[?][?][?]K' ;; *) theirs='K[?][?]K' ;; esac
		if [ "$b" = 1 ]; then
			taken "$mode-of-$kind"
			judge "$mode-of-$kind" 10.118.$net.2 "$least" $letter $share -1 "$theirs"
		fi
	done
}

# Slow ones first, and last.
begun=$SECONDS
for kind in openntpd ntpsec; do
	pair $kind
done
yardstick
for kind in chrony drivestamp; do
	pair $kind
done
sleep "$SECONDS_MIN"
ended chrony drivestamp
[ $((SECONDS - begun)) -ge "$SLOW_MIN" ] || sleep $((SLOW_MIN - SECONDS + begun))
ended ptp4l ntpsec openntpd
[ "$failures" -eq 0 ]
