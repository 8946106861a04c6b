/* page: see the header. Figures go out by datum(), and only by it. */
#include "lab/page.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

const char *ds_page_group_name(enum ds_page_group group)
{
	static const char *const names[] = {"old-old", "old-new", "new-old", "new-new"};

	return names[group];
}

const char *ds_page_group_words(enum ds_page_group group)
{
	static const char *const words[] = {"old asks old", "old asks new", "new asks old",
					    "new asks new"};

	return words[group];
}

const char *ds_page_condition_name(enum ds_lab_condition condition)
{
	return condition == DS_LAB_LOADED ? "loaded" : "idle";
}

const char *ds_page_mode_words(enum ds_lab_mode mode)
{
	static const char *const words[DS_LAB_MODES] = {
		[DS_LAB_BASIC] = "Basic",
		[DS_LAB_XLEAVE] = "Interleaved",
		[DS_LAB_SYMMETRIC] = "Symmetric",
		[DS_LAB_SYMMETRIC_XLEAVE] = "Symmetric, interleaved",
		[DS_LAB_BROADCAST] = "Broadcast",
		[DS_LAB_BROADCAST_XLEAVE] = "Broadcast, interleaved",
		[DS_LAB_PTP] = "PTP",
		[DS_LAB_BASIC_HARDWARE] = "Basic, hardware",
		[DS_LAB_XLEAVE_HARDWARE] = "Interleaved, hardware",
	};

	return mode < DS_LAB_MODES ? words[mode] : "?";
}

const char *ds_page_mode_class(enum ds_lab_mode mode)
{
	if (mode == DS_LAB_PTP)
		return "ptp";
	return ds_lab_mode_tells_departure(mode) ? "xleave" : "basic";
}

void ds_page_mode_begin(struct ds_page *page, enum ds_lab_mode mode, int columns)
{
	fprintf(page->out,
		"<tbody>\n<tr class=\"over\"><th colspan=\"%d\" scope=\"rowgroup\">"
		"<span class=\"dye %s\"></span>",
		columns, ds_page_mode_class(mode));
	ds_page_text(page, ds_page_mode_words(mode));
	ds_page_put(page, "</th></tr>\n");
}

bool ds_page_mode_known(const struct ds_page *page, enum ds_lab_mode mode)
{
	for (int g = 0; g < DS_PAGE_GROUPS; g++) {
		if (page->groups[mode][g].count > 0)
			return true;
	}
	return false;
}

const struct ds_lab_figures *ds_page_cell_figures(const struct ds_page *page,
						  const struct ds_lab_cell *cell,
						  enum ds_lab_condition condition)
{
	size_t index = (size_t)(cell - page->result->cells);

	return &page->figures[index * DS_PAGE_CONDITIONS + (condition == DS_LAB_LOADED)];
}

void ds_page_put(struct ds_page *page, const char *markup)
{
	fputs(markup, page->out);
}

void ds_page_text(struct ds_page *page, const char *text)
{
	ds_svg_escape(page->out, text);
}

void ds_page_prose(struct ds_page *page, const char *text)
{
	char whole[4 * DS_LAB_WHY];
	size_t length = 0;

	for (const char *c = text; *c != '\0' && length + 6 < sizeof(whole); c++) {
		bool unit = c > text && isdigit((unsigned char)c[-1]) &&
			    strncmp(c, " us", 3) == 0 && !isalnum((unsigned char)c[3]);

		if (unit) {
			memcpy(whole + length, "\xc2\xa0\xc2\xb5s", 5);
			length += 5;
			c += 2;
		} else {
			whole[length++] = *c;
		}
	}
	whole[length] = '\0';
	ds_page_text(page, whole);
}

/* What is shown, how the JSON has it, and where. */
static void datum(struct ds_page *page, const char *shown, const char *value, const char *key)
{
	fputs("<span data-value=\"", page->out);
	ds_page_text(page, value);
	fputs("\" data-key=\"", page->out);
	ds_page_text(page, key);
	fputs("\">", page->out);
	ds_page_text(page, shown);
	fputs("</span>", page->out);
}

/* The arguments after `last` as a key. */
#define TAKE_KEY(key, last)                                                                        \
	do {                                                                                       \
		va_list arguments;                                                                 \
		va_start(arguments, last);                                                         \
		vsnprintf(key, sizeof(key), last, arguments);                                      \
		va_end(arguments);                                                                 \
	} while (0)

void ds_page_ns(struct ds_page *page, bool sign, double ns, const char *key, ...)
{
	char path[DS_PAGE_KEY];
	char shown[DS_SVG_FIGURE];
	char value[DS_REPORT_NUMBER];

	TAKE_KEY(path, key);
	datum(page, ds_svg_figure_ns(ns, sign, shown), ds_report_number(ns, value), path);
}

void ds_page_number(struct ds_page *page, double value, const char *key, ...)
{
	char path[DS_PAGE_KEY];
	char digits[DS_REPORT_NUMBER];
	char shown[2 * DS_REPORT_NUMBER] = "\xe2\x80\x93"; /* an en dash */
	size_t length = 0;
	int left;

	TAKE_KEY(path, key);
	if (!isfinite(value) || fabs(value) >= 1e15) {
		datum(page, shown, "null", path);
		return;
	}
	snprintf(digits, sizeof(digits), "%.0f", value);
	left = (int)strlen(digits);
	for (const char *d = digits; *d != '\0'; d++, left--) {
		bool between = d != digits && left % 3 == 0 && d[-1] != '-';

		/* U+202F: a narrow space that does not break. */
		length += (size_t)snprintf(shown + length, sizeof(shown) - length, "%s%c",
					   between ? "\xe2\x80\xaf" : "", *d);
	}
	datum(page, shown, digits, path);
}

void ds_page_share(struct ds_page *page, double share, const char *key, ...)
{
	char path[DS_PAGE_KEY];
	char value[DS_REPORT_NUMBER];
	char shown[DS_SVG_FIGURE] = "\xe2\x80\x93";

	TAKE_KEY(path, key);
	if (isfinite(share))
		snprintf(shown, sizeof(shown), "%.*f\xe2\x80\xaf%%", share > 0 && share < 1 ? 1 : 0,
			 share * 100);
	datum(page, shown, ds_report_share(share, value), path);
}

/* A bound of an interval in the unit of its figure, which stands beside it: no unit of its own, but
 * where its digits would be too many. */
static const char *bound_text(double bound, double of, char buffer[DS_SVG_FIGURE])
{
	double size = fabs(of) < 999.5	   ? 1
		      : fabs(of) < 999.5e3 ? 1e3
		      : fabs(of) < 999.5e6 ? 1e6
					   : 1e9;
	double value = fabs(bound) / size;
	int digits = value >= 99.95 || (size <= 1 && value >= 9.995) ? 0 : value >= 9.995 ? 1 : 2;

	if (value >= 99999.5)
		return ds_svg_figure_ns(bound, false, buffer);
	if (size <= 1 && digits == 2)
		digits = 1;
	snprintf(buffer, DS_SVG_FIGURE, "%s%.*f", bound < 0 ? "\xe2\x88\x92" : "", digits, value);
	return buffer;
}

void ds_page_figure(struct ds_page *page, bool sign, const struct ds_figure *figure,
		    const char *key, ...)
{
	char path[DS_PAGE_KEY];
	char bound[DS_PAGE_KEY + 8];
	char shown[DS_SVG_FIGURE];
	char value[DS_REPORT_NUMBER];

	TAKE_KEY(path, key);
	snprintf(bound, sizeof(bound), "%s/value", path);
	datum(page, ds_svg_figure_ns(figure->value, sign, shown),
	      ds_report_number(figure->value, value), bound);
	if (!isfinite(figure->low) || !isfinite(figure->high))
		return;
	ds_page_put(page, "<span class=\"ci\">");
	snprintf(bound, sizeof(bound), "%s/low", path);
	datum(page, bound_text(figure->low, figure->value, shown),
	      ds_report_number(figure->low, value), bound);
	/* Negative bounds have minus signs: a dash between them would be read as one. */
	ds_page_put(page, figure->low < 0 || figure->high < 0 ? " to " : "\xe2\x80\x93");
	snprintf(bound, sizeof(bound), "%s/high", path);
	datum(page, bound_text(figure->high, figure->value, shown),
	      ds_report_number(figure->high, value), bound);
	ds_page_put(page, "</span>");
}

void ds_page_section(struct ds_page *page, const char *id, const char *heading)
{
	fprintf(page->out, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">", id, id);
	ds_page_text(page, heading);
	ds_page_put(page, "</h2>\n");
}

void ds_page_section_end(struct ds_page *page)
{
	ds_page_put(page, "</section>\n");
}

void ds_page_box(struct ds_page *page, const char *label)
{
	ds_page_put(page, "<div class=\"box\" role=\"region\" tabindex=\"0\" aria-label=\"");
	ds_page_text(page, label);
	ds_page_put(page, "\">\n");
}

void ds_page_box_end(struct ds_page *page)
{
	ds_page_put(page, "</div>\n");
}

void ds_page_caption(struct ds_page *page, const char *text)
{
	fprintf(page->out, "<caption><span><b>Table %d.</b> ", ++page->tables);
	ds_page_text(page, text);
	ds_page_put(page, "</span></caption>\n");
}

void ds_page_picture_caption(struct ds_page *page, const char *text)
{
	fprintf(page->out, "<figcaption><b>Figure %d.</b> ", ++page->pictures);
	ds_page_text(page, text);
	ds_page_put(page, "</figcaption>\n");
}

int ds_page_couple(const struct ds_page *page)
{
	static const enum ds_lab_mode firsts[] = {DS_LAB_BASIC, DS_LAB_SYMMETRIC, DS_LAB_BROADCAST};

	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		for (int g = 0; g < DS_PAGE_GROUPS; g++) {
			for (int k = 0; k < DS_PAGE_CONDITIONS; k++) {
				if (page->group_figures[firsts[i]][g][k].samples +
					    page->group_figures[firsts[i] + 1][g][k].samples >
				    0)
					return (int)firsts[i];
			}
		}
	}
	return -1;
}
