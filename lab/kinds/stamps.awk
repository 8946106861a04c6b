# stamps.log of drivestampd (drivestampd.conf(5)): lines for the lab. Variables: only, the modes of
# packets that count (a regular expression; "": all).

function days(y, m, d) { # since 1970-01-01 of a day in the Gregorian calendar
	if (m <= 2) { y--; m += 12 }
	return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469
}
/^=/ || /^ +Date/ || NF == 0 { next }
NF != 11 || $1 !~ /^[0-9]+-[0-9]+-[0-9]+$/ || $4 !~ /^[1-5][BI]$/ || $11 !~ /^[-DKH?]+$/ {
	odd++
	next
}
only != "" && $4 !~ "^" only { next }
{
	split($1, p, "-")
	split($2, q, ":")
	split(q[3], s, ".")
	# Stamps have more digits than a number here: the point is taken out of the text.
	for (i = 7; i <= 10; i++)
		sub(/\./, "", $i)
	gsub(/-/, "?", $11)
	printf "sample %s %.0f.%s %.0f %.0f %s %s %s %s %s %s\n", $3,
		days(p[1] + 0, p[2] + 0, p[3] + 0) * 86400 + q[1] * 3600 + q[2] * 60 + s[1], s[2],
		$5 * 1e9, $6 * 1e9, substr($4, 2), $11, $7, $8, $9, $10
}
END {
	if (odd)
		print "odd", odd
}
