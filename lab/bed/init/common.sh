# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# Sourced by the init scripts: mounts, search path, network, and what "bed tell" says.
#
# The kernel hands the words of its command line that it does not know on to
# init as environment variables. That is how these arrive:
#   node   number of this host          bed    folder of the bed
#   netem  delay,5ms,1ms and the like   tools  unpacked packages
#   out    folder of this host on the   work   what was built for the guests
#          machine; it may write there        load   ipv6,8021q and other modules
# and whatever else was given to "bed host".

export PATH="$tools/usr/sbin:$tools/usr/bin:$tools/sbin:$tools/bin:$work/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export LD_LIBRARY_PATH="$tools/usr/lib/x86_64-linux-gnu"

# / is the machine's own, through hostfs, read-only: here a host may write.
# A program costs a guest 20 to 50 ms to start: busybox, which is static, the least.
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t tmpfs run /run
busybox mount -t tmpfs lib /var/lib
busybox mount -t hostfs -o "$out" out "$out"
busybox mkdir -p /var/lib/chrony /run/lock
busybox mkdir -m 750 /run/chrony	# chronyc makes its socket nowhere else

if [ -n "$load" ]; then
	# shellcheck disable=SC2046  # commas stand for the spaces between words
	"$bed/init/modules.sh" $(echo "$load" | tr , ' ')
fi

# hw0, with hardware stamps, stands on vec0 and has the address.
echo vec0 > /sys/module/bedclk/parameters/lower
{
	echo "link set lo up"
	echo "link set vec0 up"
	echo "addr add 10.77.0.$node/24 dev hw0"
	echo "link set hw0 up"
	if [ -d /proc/sys/net/ipv6 ]; then	# load=ipv6
		echo "addr add fd77::$node/64 dev hw0 nodad"
	fi
} | ip -batch -

if [ -n "$netem" ]; then
	"$bed/init/modules.sh" sch_netem
	# shellcheck disable=SC2046  # commas stand for the spaces between words
	tc qdisc add dev vec0 root netem $(echo "$netem" | tr , ' ')
fi

# A module parameter of bedclk, as it is now: fault NAME VALUE
fault()
{
	echo "$2" > "/sys/module/bedclk/parameters/$1"
}

# What comes in at the console: the number of a file that holds a command, or "end".
ending=/run/bed-end
busybox mkfifo "$ending"
tell_status()
{
	bash "$out/tell-$1" > "$out/tell-$1.out" 2>&1 < /dev/null
	status=$?
	echo $status > "$out/tell-$1.new"
	mv "$out/tell-$1.new" "$out/tell-$1.status"
}
# Opened once, and before "up" is said: what comes while nobody has it open is lost.
exec 3< /dev/tty1
busybox stty raw -echo <&3
while read -r number; do
	case $number in
	end) echo end > "$ending" & ;;
	[0-9]*) tell_status "$number" 3<&- & ;;
	esac
done <&3 &
exec 3<&-

read -r uptime _ < /proc/uptime
echo "host $node: up after $uptime s with $(echo /dev/pps[0-9]* /dev/ptp[0-9]*)"

# wait_for_end SECONDS: until so long has passed (0: for ever), or "bed end" was said
wait_for_end()
{
	if [ "$1" -gt 0 ]; then
		timeout "$1" cat "$ending" > /dev/null
	else
		cat "$ending" > /dev/null
	fi
}

finish()
{
	busybox poweroff -f
}
