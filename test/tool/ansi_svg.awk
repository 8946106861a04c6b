# ansi_svg: what `tmux capture-pane -p -e` gives, as a picture (SVG) that is readable on light and dark.
# tmux capture-pane -p -e | awk -f test/tool/ansi_svg.awk >doc/watch.svg
function escape(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s); return s }
# characters of UTF-8, whether this awk counts bytes or characters
function chars(s) { gsub(/[\200-\277]/, "", s); return length(s) }
function flush_text() {
	if (text != "") line = line "<tspan class=\"" class "\" x=\"" (8 + col * 7.8) "\">" escape(text) "</tspan>"
	col += chars(text); text = ""
}
BEGIN { names["32"] = "good"; names["33"] = "doubt"; names["31"] = "bad"; names["1"] = "strong"; names["2"] = "faint" }
{
	line = ""; text = ""; col = 0; class = "plain"; rest = $0
	while (match(rest, /\033\[[0-9;]*m/)) {
		text = text substr(rest, 1, RSTART - 1)
		flush_text()
		n = split(substr(rest, RSTART + 2, RLENGTH - 3), code, ";")
		for (i = 1; i <= n; i++)
			class = code[i] in names ? names[code[i]] : code[i] + 0 == 0 || code[i] == 39 ? "plain" : class
		rest = substr(rest, RSTART + RLENGTH)
	}
	text = text rest
	flush_text()
	lines[NR] = line
	if (col > wide) wide = col
}
END {
	w = int(16 + wide * 7.8); h = 16 + NR * 16
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", w, h, w, h
	print "<style>text{font:13px/16px \"DejaVu Sans Mono\",Menlo,Consolas,monospace;white-space:pre}rect{fill:#fff}.plain{fill:#1f2328}.good{fill:#116329}.doubt{fill:#7d4e00}.bad{fill:#a40e26}.strong{fill:#1f2328;font-weight:bold}.faint{fill:#6e7781}"
	print "@media(prefers-color-scheme:dark){rect{fill:#0d1117}.plain,.strong{fill:#e6edf3}.good{fill:#56d364}.doubt{fill:#e3b341}.bad{fill:#ff7b72}.faint{fill:#8b949e}}</style>"
	print "<rect width=\"100%\" height=\"100%\"/>"
	for (i = 1; i <= NR; i++) printf "<text y=\"%d\" xml:space=\"preserve\">%s</text>\n", 4 + i * 16, lines[i]
	print "</svg>"
}
