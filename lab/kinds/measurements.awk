# measurements.log, as chronyd and drivestampd write it (chrony.conf(5), `log rawmeasurements`): lines
# for the lab. Variables: only, the modes of packets that count (a regular expression; "": all).
# Its times are whole seconds: what lies in one second is spread over it, in its order.

function days(y, m, d) { # since 1970-01-01 of a day in the Gregorian calendar
	if (m <= 2) { y--; m += 12 }
	return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469
}
function epoch(date, time, p, q) {
	split(date, p, "-")
	split(time, q, ":")
	return days(p[1] + 0, p[2] + 0, p[3] + 0) * 86400 + q[1] * 3600 + q[2] * 60 + q[3]
}
# The first of RFC 5905's tests that it did not pass, as chrony.conf(5) numbers them.
function dropped(simple, other, more) {
	if (simple != "111")
		return "test-" index(simple, "0")
	if (other != "111")
		return "test-" 4 + index(other, "0")
	return "test-" substr("ABCD", index(more, "0"), 1)
}
/^=/ || /^ +Date/ || NF == 0 { next }
NF != 20 || $1 !~ /^[0-9]+-[0-9]+-[0-9]+$/ || $6 $7 $8 !~ /^[01]+$/ || $18 !~ /^[1-5][BI]$/ {
	odd++
	next
}
only != "" && $18 !~ "^" only { next }
{
	answers[$3]++
	if ($6 $7 $8 != "1111111111") {
		drops[$3 " " dropped($6, $7, $8)]++
		next
	}
	i = ++n
	address[i] = $3
	second[i] = epoch($1, $2)
	rank[i] = count[$3 " " second[i]]++
	by = $19 "??" $20
	gsub(/[^DKH]/, "?", by) # "-": nobody
	rest[i] = sprintf("%.3f %.3f %s %s", $12 * 1e9, $13 * 1e9, substr($18, 2), by)
}
END {
	for (i = 1; i <= n; i++)
		printf "sample %s %.0f.%06d %s\n", address[i], second[i],
			1e6 * (rank[i] + 0.5) / count[address[i] " " second[i]], rest[i]
	for (a in answers)
		print "count", a, "answers", answers[a]
	for (d in drops)
		print "count", d, drops[d]
	if (odd)
		print "odd", odd
}
