# figures: what stands in the JSON report of `drivestamp lab`, a line a figure: its key (as lab/report.h
# has it) and its value. It must never take a key for another: a report is read by its indentation, as
# ds_report_json() writes it.
function key(line) {
	sub(/^ *"/, "", line)
	sub(/".*/, "", line)
	return line
}
# FIGURE: {"value": V, "low": L, "high": H}, or a plain number, of all in a line
function all(prefix, line,    name, rest, value) {
	while (match(line, /"[a-zA-Z0-9_-]+": (\{"value": [^}]*\}|-?[0-9.]+|null|true|false)/)) {
		rest = substr(line, RSTART + RLENGTH)
		line = substr(line, RSTART, RLENGTH)
		name = key(line)
		sub(/^"[^"]*": /, "", line)
		if (line ~ /^\{/) {
			gsub(/[{},:]/, " ", line)
			split(line, value, " ")
			print prefix "/" name "/value", value[2]
			print prefix "/" name "/low", value[4]
			print prefix "/" name "/high", value[6]
		} else {
			print prefix "/" name, line
		}
		line = rest
	}
}
# Who took T1 to T4: the shares.
function sources(prefix, line,    n, part, i, stamp) {
	n = split(line, part, /"T/)
	for (i = 2; i <= n; i++) {
		stamp = "T" substr(part[i], 1, 1)
		all(prefix "/sources/" stamp, substr(part[i], index(part[i], "{"), index(part[i], "}") - index(part[i], "{")))
	}
}
/^  "/ {
	section = key($0)
	if ($0 ~ /: (-?[0-9.]+|null|true|false),?$/ || $0 ~ /: "/) {
		value = $0
		sub(/^[^:]*: /, "", value)
		sub(/,$/, "", value)
		gsub(/^"|"$/, "", value)
		print section, value
	}
	next
}
section != "cells" && section != "groups" { next }
/^    "/ { a = key($0); next }
/^      "/ { b = key($0); next }
section == "groups" && /^        "/ {
	sub(/"sources": .*/, "")
	all("groups/" a "/" b "/" key($0), substr($0, index($0, "{")))
	next
}
/^        "/ { mode = key($0); known = $0 ~ /"known": true/; print "cells/" a "/" b "/" mode "/known", known; next }
/^          "counts"/ {
	all("cells/" a "/" b "/" mode "/counts", substr($0, index($0, "{")))
	next
}
/^          "/ {
	condition = key($0)
	sources("cells/" a "/" b "/" mode "/" condition, substr($0, index($0, "\"sources\": ")))
	sub(/"sources": .*/, "")
	all("cells/" a "/" b "/" mode "/" condition, substr($0, index($0, "{")))
}
