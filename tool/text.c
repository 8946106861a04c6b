/* text: see text.h. */
#include "tool/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum { AUTO, ALWAYS, NEVER } colours;

const char *ds_text_duration(int64_t ns, bool plus, char buffer[DS_TEXT])
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	double value = (double)ns;
	int unit = 0;

	while (unit < 3 && fabs(value) >= 9999.5) {
		value /= 1000.0;
		unit++;
	}
	snprintf(buffer, DS_TEXT, plus ? "%+.0f%s" : "%.0f%s", value, units[unit]);
	return buffer;
}

const char *ds_text_in_words(int64_t ns, char buffer[DS_TEXT])
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	double value = (double)ns;
	int unit = 0;

	while (unit < 3 && fabs(value) >= 999.5) {
		value /= 1000.0;
		unit++;
	}
	snprintf(buffer, DS_TEXT, "%.*f %s",
		 unit == 0 || fabs(value) >= 99.95 ? 0
		 : fabs(value) >= 9.995		   ? 1
						   : 2,
		 value, units[unit]);
	return buffer;
}

const char *ds_text_ago(int64_t s, char buffer[DS_TEXT])
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = {{1, ""}, {60, "m"}, {3600, "h"}, {86400, "d"}, {31557600, "y"}};
	int unit = 0;

	if (s < 0) {
		snprintf(buffer, DS_TEXT, "-");
		return buffer;
	}
	while (unit < 4 && s / units[unit].seconds > (unit == 0 ? 999 : 99))
		unit++;
	snprintf(buffer, DS_TEXT, "%" PRId64 "%s", s / units[unit].seconds, units[unit].unit);
	return buffer;
}

const char *ds_text_moment(int64_t ns, char buffer[DS_TEXT])
{
	int64_t part = (ns % 1000000000 + 1000000000) % 1000000000;
	time_t second = (time_t)((ns - part) / 1000000000);
	char text[32] = "?";
	struct tm utc;

	if (ns == 0) {
		snprintf(buffer, DS_TEXT, "never");
		return buffer;
	}
	if (gmtime_r(&second, &utc) != NULL)
		strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
	snprintf(buffer, DS_TEXT, "%s.%09" PRId64 " UTC", text, part);
	return buffer;
}

bool ds_text_colour_mode(const char *word)
{
	if (strcmp(word, "auto") == 0)
		colours = AUTO;
	else if (strcmp(word, "always") == 0)
		colours = ALWAYS;
	else if (strcmp(word, "never") == 0)
		colours = NEVER;
	else
		return false;
	return true;
}

bool ds_text_is_coloured(FILE *out)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (colours != AUTO)
		return colours == ALWAYS;
	return (no_color == NULL || no_color[0] == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0 && isatty(fileno(out));
}

/* The terminal's own colours by number: readable on light and dark, as its owner chose them. */
const char *ds_text_colour(FILE *out, enum ds_colour colour)
{
	static const char *const codes[] = {"\033[0m",	"\033[32m", "\033[33m",
					    "\033[31m", "\033[1m",  "\033[2m"};

	return ds_text_is_coloured(out) ? codes[colour] : "";
}
