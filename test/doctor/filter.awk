# filter: what `drivestamp doctor` prints, without what differs from one machine or run to the next,
# so that it can be compared with a kept output (test/doctor/*.expected). What it takes away:
#   - host, kernel and date in the first line; ids of processes; how many packets and pulses came
#   - figures with a unit of time or frequency, and how exactly a clock was read: F
#   - with -v kernel=0 (the kernel is the machine's, not one that the test started): clock source,
#     what the kernel offers and tells, real-time clock, clocks and pulses of the machine, and
#     findings that follow from these
#   - with -v heard=no whether anything was received: nobody was asked to send
# Items that go go with the lines that belong to them; findings lose their numbers, since others may
# be gone; and headings without an item go.

function flush_item(   text) {
	if (item == "")
		return
	text = item
	item = ""
	if (!kernel && (section ~ /^(Clocks of cards|Pulses|Real-time clock|System clock)$/ ||
	    text ~ /^  - card's and kernel's/ ||
	    text ~ /^  - (KVM's clock|A reading of the clock|This kernel|The real-time|The clock source|\/dev\/p)/ ||
	    text ~ /^  - (Nobody keeps this clock|Nobody who keeps this clock|The kernel says that its clock)/))
		return
	# servers to name are of use where the kernel is not told that it is synchronised already
	if (!kernel) {
		sub(/No line would make it use more on this machine/, "More", text)
		sub(/With the lines below it uses servers that you name, for the clock/, "More", text)
	}
	text = mask(text)
	if (section != shown) {
		printf "\n%s\n", section
		shown = section
	}
	printf "%s", text
}

function mask(line) {
	gsub(/\[[0-9]+\]/, "[N]", line)
	gsub(/of [0-9]+ received the kernel [0-9]+/, "of N received the kernel N", line)
	gsub(/received the kernel N, the card [1-9][0-9]*/, "received the kernel N, the card N", line)
	gsub(/[0-9]+ pulses?/, "N pulses", line)
	gsub(/in [0-9.]+ s[,.;]/, "in F,", line)
	gsub(/[-+]?[0-9]+(\.[0-9]+)? (ns|us|ms|ppm)/, "F", line)
	gsub(/[-+][0-9]+\.[0-9]+ s/, "F", line)
	gsub(/sudo (kill [0-9]+|systemctl disable --now [^ \n]+)/, "sudo END", line)
	gsub(/the grain of the clocks/, "F", line)
	if (heard == "no")
		sub(/; (nothing came in|of N received the kernel N)/, "", line)
	return line
}

NR == 1 {
	sub(/: .*/, ": HOST, KERNEL, DATE")
	print
	next
}
NR == 2 { print; next }
/^(Something|Nothing) is to be bettered/ { flush_item(); next }
/^[A-Z]/ { flush_item(); section = $0; next }
/^$/ { next }
/^  - / || /^ *[0-9]+\. / {
	flush_item()
	sub(/^ *[0-9]+\. /, "  - ")
	item = $0 "\n"
	next
}
{ # a line that goes on: unwrapped, or a line of its own
	if ($0 ~ /^ +(drivestamp\.conf|shell|link|set now): ?/)
		item = item $0 "\n"
	else
		item = substr(item, 1, length(item) - 1) " " substr($0, match($0, /[^ ]/)) "\n"
}
END { flush_item() }
