# as_string FILE NAME: a header with the text of a script in it, without its comments and blanks
# before its lines (so that it must hold no here-document that needs them).
printf 'static const char %s[] =\n' "$2"
sed -e '/^[[:space:]]*#/d' -e 's/^[[:space:]]*//' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/	"/' -e 's/$/\\n"/' "$1"
echo '	;'
