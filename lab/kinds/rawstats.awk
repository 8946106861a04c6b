# rawstats of an ntpd (ntp classic's miscopt and monopt pages, `statistics rawstats`): lines for the
# lab. Variables: only, the modes of packets that count (a regular expression; "": all); by, who took T1
# to T4.
# A stamp has 19 digits and a number here 15: seconds and nanoseconds are kept apart.

function whole(stamp) { # seconds since 1970; those of NTP begin in 1900, and anew in 2036
	split(stamp, part, ".")
	return part[1] - 2208988800 + (part[1] < 2208988800 ? 4294967296 : 0)
}
function rest(stamp) {
	split(stamp, part, ".")
	return substr(part[2] "000000000", 1, 9) + 0
}
NF == 0 { next }
NF < 12 || $5 $6 $7 $8 !~ /^[0-9.]+$/ || split($5 "." $6 "." $7 "." $8, part, ".") != 8 {
	odd++
	next
}
only != "" && $11 !~ "^" only "$" { next }
{
	answers[$3]++
	if ($5 + 0 == 0 || $6 + 0 == 0 || $7 + 0 == 0 || $8 + 0 == 0) {
		zero[$3]++
		next
	}
	for (i = 1; i <= 4; i++) {
		second[i] = whole($(4 + i))
		ns[i] = rest($(4 + i))
	}
	there = (second[2] - second[1]) * 1e9 + ns[2] - ns[1]
	back = (second[4] - second[3]) * 1e9 + ns[4] - ns[3]
	printf "sample %s %.0f.%09d %.1f %.0f B %s", $3, second[4], ns[4], (there - back) / 2, there + back, by
	for (i = 1; i <= 4; i++)
		printf " %.0f%09d", second[i], ns[i]
	print ""
}
END {
	for (a in answers)
		print "count", a, "answers", answers[a]
	for (a in zero)
		print "count", a, "zero-stamp", zero[a]
	if (odd)
		print "odd", odd
}
