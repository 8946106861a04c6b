# The functions that C files define and others may call, as a header that gives each another name,
# so that two builds of the same files fit into one program.
# A definition begins a line, and its name is the last word before the first parenthesis.
BEGIN { print "/* Made by fuzz/rename.awk. */" }
/^[a-z].*[ *]ds_[a-z0-9_]+\(/ && !/^static/ {
	name = $0
	sub(/\(.*/, "", name)
	sub(/.*[ *]/, "", name)
	if (!(name in seen))
		print "#define " name " basic_" name
	seen[name] = 1
}
