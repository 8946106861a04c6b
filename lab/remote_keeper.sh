# The keeper: what the rig remote leaves running on a host while it is open; sent there over ssh,
# never installed. POSIX sh and coreutils are all that it needs. It reads its orders from standard
# input, and says on standard output which program has ended. It must never outlive the connection,
# and then leaves nothing: no program, no file.
#
#	.			we are still there; a dot every few seconds
#	start NUMBER COUNT OUTPUT	a script of so many lines, which follow
#	stop NUMBER		SIGTERM
#	kill NUMBER		SIGKILL, for all that it started
#	end
umask 077
d=$(mktemp -d "${TMPDIR:-/tmp}/drivestamp-XXXXXX") && cd "$d" && mkdir .lab || exit 1
trap '' HUP INT PIPE
# timeout makes a process group, so that what a program started is ended with it.
alone='timeout 2592000'
if setpriv --bounding-set -sys_time --inh-caps -sys_time true 2>/dev/null; then
	alone="$alone setpriv --bounding-set -sys_time --inh-caps -sys_time"
fi
cat >.lab/clean <<'END'
some=
for f in .lab/*.pid; do
	[ -s "$f" ] && p=$(cat "$f") || continue
	# It may not have made its group yet.
	{ kill -s TERM -- "-$p" || kill -s TERM "$p"; } 2>/dev/null && some=yes
done
[ -z "$some" ] || sleep 1
for f in .lab/*.pid; do
	[ -s "$f" ] && kill -s KILL -- "-$(cat "$f")" 2>/dev/null
done
cd /
rm -rf "$d" || { sleep 1; rm -rf "$d"; }
END
# A connection may die without anybody being told: then the dots do not come.
cat >.lab/watch <<END
d='$d'
last=
while sleep 6; do
	now=\$(cat .lab/beat)
	[ "\$now" != "\$last" ] || { . ./.lab/clean; kill -s KILL $$; exit; }
	last=\$now
done
END
begin() {
	(
		trap - HUP INT PIPE
		# shellcheck disable=SC2086 # its words are meant to be split
		$alone sh ".lab/$1" >>"$2" 2>&1 </dev/null &
		p=$!
		# What could not be found again must not run.
		echo $p >".lab/$1.pid" || kill -s KILL -- "-$p"
		wait $p
		s=$?
		# timeout, asked to end at once, may leave what it has just started.
		kill -s KILL -- "-$p" 2>/dev/null
		trap '' PIPE
		rm -f ".lab/$1.pid" ".lab/$1"
		echo "ended $1 $s"
	) &
}
order() { # SIGNAL NUMBER: as soon as it has a process
	i=0
	while [ -f ".lab/$2" ] && [ ! -s ".lab/$2.pid" ] && [ $i -lt 100000 ]; do
		i=$((i + 1))
	done
	[ -s ".lab/$2.pid" ] || return
	case $1 in
	TERM) kill -s TERM "$(cat ".lab/$2.pid")" ;;
	*) kill -s KILL -- "-$(cat ".lab/$2.pid")" ;;
	esac
} 2>/dev/null
n=0
echo $n >.lab/beat
timeout 2592000 sh .lab/watch </dev/null >/dev/null 2>&1 &
w=$!
echo "directory $d"
while read -r what number count output; do
	case $what in
	.) n=$((n + 1)) && echo $n >.lab/beat ;;
	start)
		: >".lab/$number"
		while [ "$count" -gt 0 ] && IFS= read -r line; do
			printf '%s\n' "$line" >>".lab/$number"
			count=$((count - 1))
		done
		mkdir -p -- "$(dirname -- "$output")"
		begin "$number" "$output"
		;;
	stop) order TERM "$number" ;;
	kill) order KILL "$number" ;;
	end) break ;;
	esac
done
{ kill -s TERM $w; kill -s KILL -- "-$w"; } 2>/dev/null
. ./.lab/clean
echo closed
