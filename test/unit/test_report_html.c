/* report_html: the page of results that never were: whole and well formed whatever the names are,
 * nothing to load, small enough, and each figure with the JSON's text beside it. test/lab/page.sh
 * looks at it in a browser. */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/page.h"
#include "lab/report.h"
#include "test/lab/fake_result.h"

struct world {
	struct ds_lab_result result;
	char *html;
	size_t html_size;
};

static void make(struct world *w, enum fake_kind kind)
{
	FILE *out;

	*w = (struct world){0};
	assert_true(fake_result(kind, 3, &w->result));
	out = open_memstream(&w->html, &w->html_size);
	assert_non_null(out);
	assert_true(ds_report_html(&w->result, out));
	assert_int_equal(fclose(out), 0);
}

static void unmake(struct world *w)
{
	free(w->html);
	ds_result_free(&w->result);
}

/* The text between `before` and `after` from *at on; false where there is none. Cut to `size`. */
static bool between(const char **at, const char *before, const char *after, char *text, size_t size)
{
	const char *begin = strstr(*at, before);
	const char *end;

	if (!begin)
		return false;
	begin += strlen(before);
	end = strstr(begin, after);
	assert_non_null(end);
	snprintf(text, size, "%.*s", (int)(end - begin), begin);
	*at = end;
	return true;
}

/* Elements that have no end. */
static bool is_void(const char *name)
{
	return strcmp(name, "meta") == 0 || strcmp(name, "!DOCTYPE") == 0;
}

/* Every element that is opened is closed in order, attributes are in double quotes, ids are unique;
 * `<` and `&` stand for themselves nowhere. */
static void assert_well_formed(const char *html)
{
	static char stack[64][16];
	int depth = 0;
	bool style = false;

	for (const char *c = html; *c != '\0'; c++) {
		char name[16];
		int length = 0;
		bool closes;
		bool quoted = false;

		if (*c == '&' && !style) {
			assert_true(strncmp(c, "&amp;", 5) == 0 || strncmp(c, "&lt;", 4) == 0 ||
				    strncmp(c, "&gt;", 4) == 0 || strncmp(c, "&quot;", 6) == 0 ||
				    strncmp(c, "&#39;", 5) == 0);
		}
		if (*c != '<')
			continue;
		closes = c[1] == '/';
		assert_int_equal(sscanf(c + 1 + closes, "%15[!a-zA-Z0-9]%n", name, &length), 1);
		c += 1 + closes + length;
		for (; *c != '\0' && (quoted || *c != '>'); c++) {
			if (*c == '"')
				quoted = !quoted;
			assert_true(*c != '<');
		}
		assert_int_equal(*c, '>');
		style = !closes && strcmp(name, "style") == 0;
		if (closes) {
			assert_true(depth > 0);
			assert_string_equal(name, stack[--depth]);
		} else if (c[-1] != '/' && !is_void(name)) {
			assert_in_range(depth, 0, 63);
			snprintf(stack[depth++], sizeof(stack[0]), "%s", name);
		}
	}
	assert_int_equal(depth, 0);
}

static void assert_ids_unique(const char *html)
{
	const char *at = html;
	char id[80];
	char all[8192] = "|";

	while (between(&at, " id=\"", "\"", id, sizeof(id) - 2)) {
		char bars[96];

		for (const char *c = id; *c != '\0'; c++)
			assert_true(isalnum((unsigned char)*c) || *c == '-');
		snprintf(bars, sizeof(bars), "|%s|", id);
		assert_null(strstr(all, bars));
		assert_true(strlen(all) + strlen(bars) < sizeof(all));
		strcat(all, bars + 1);
	}
	/* What is referred to is there. */
	at = html;
	while (between(&at, "href=\"#", "\"", id, sizeof(id) - 2)) {
		char bars[96];

		snprintf(bars, sizeof(bars), "|%s|", id);
		assert_non_null(strstr(all, bars));
	}
}

/* Nothing that a browser would fetch, and no script: in no element, and not in the style. */
static void assert_nothing_to_load(const char *html)
{
	static const char *const loads[] = {" src=",   "<link",	 "<script", "<iframe", "<object",
					    "<img",    "<image", "<use",    " on",     "http-equiv",
					    "srcset=", "xlink",	 "<base",   "<embed",  " style="};
	char tag[1024];

	/* By characters: under a sanitizer each strstr() would look at all that is left. */
	for (const char *at = html; (at = strchr(at, '<')) != NULL; at++) {
		const char *end = strchr(at, '>');

		assert_non_null(end);
		snprintf(tag, sizeof(tag), "%.*s", (int)(end - at), at);
		for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
			assert_null(strstr(tag, loads[i]));
		assert_true(!strstr(tag, "href=") || strstr(tag, "href=\"#"));
	}
	assert_null(strstr(html, "url("));
	assert_null(strstr(html, "@import"));
}

static void pages_are_whole_whatever_the_result(void **state)
{
	(void)state;

	for (int kind = 0; kind < FAKE_KINDS; kind++) {
		struct world w;

		make(&w, (enum fake_kind)kind);
		assert_int_equal(strncmp(w.html, "<!DOCTYPE html>", 15), 0);
		assert_string_equal(w.html + w.html_size - 8, "</html>\n");
		assert_int_equal(strlen(w.html), w.html_size);
		assert_true(w.html_size < 1000000);
		assert_well_formed(w.html);
		assert_ids_unique(w.html);
		assert_nothing_to_load(w.html);
		unmake(&w);
	}
}

/* The JSON's text of each figure of each known cell and group stands in the page, and nowhere
 * another: by the keys, without reading the JSON. */
static void assert_figure(const struct world *w, const char *key, const struct ds_figure *figure)
{
	const double values[] = {figure->value, figure->low, figure->high};
	static const char *const parts[] = {"value", "low", "high"};

	for (int i = 0; i < 3; i++) {
		char number[DS_REPORT_NUMBER];
		char wanted[256];

		snprintf(wanted, sizeof(wanted), "data-value=\"%s\" data-key=\"%s/%s\"",
			 ds_report_number(values[i], number), key, parts[i]);
		if (i == 0 || isfinite(values[i]))
			assert_non_null(memmem(w->html, w->html_size, wanted, strlen(wanted)));
		else
			assert_null(memmem(w->html, w->html_size, wanted, strlen(wanted)));
	}
}

static void figures_have_the_json_text(void **state)
{
	struct world w;
	int checked = 0;
	(void)state;

	make(&w, FAKE_LOADED);
	for (size_t i = 0; i < w.result.cell_count; i++) {
		const struct ds_lab_cell *cell = &w.result.cells[i];

		for (int k = 0; cell->known && k < 2; k++, checked++) {
			struct ds_lab_figures f;
			char key[160];

			ds_cell_figures(cell, (enum ds_lab_condition)k, &f);
			snprintf(key, sizeof(key), "cells/%s/%s/%s/%s/median_abs_ns",
				 w.result.plan.host[cell->asks].name,
				 w.result.plan.host[cell->answers].name,
				 ds_lab_mode_name(cell->mode), k ? "loaded" : "idle");
			assert_figure(&w, key, &f.median_abs_ns);
			strcpy(strrchr(key, '/'), "/rms_ns");
			assert_figure(&w, key, &f.rms_ns);
			strcpy(strrchr(key, '/'), "/bias_ns");
			assert_figure(&w, key, &f.bias_ns);
		}
	}
	assert_int_equal(checked, 2 * (6 * 12 + 2));
	unmake(&w);
}

static bool says(const struct world *w, const char *text)
{
	return strstr(w->html, text) != NULL;
}

static void what_is_missing_is_said(void **state)
{
	struct world w;
	(void)state;

	make(&w, FAKE_PARTIAL);
	assert_true(says(&w, "<strong>Partial.</strong>"));
	assert_true(says(&w, "ended by SIGINT after 31 s"));
	assert_true(says(&w, "was ended by signal 11"));
	assert_true(says(&w, "<td class=\"failed\">none</td>"));
	assert_true(says(&w, "<td class=\"unknown\">"));
	assert_true(says(&w, "not known"));
	unmake(&w);
	make(&w, FAKE_EMPTY);
	assert_true(says(&w, "No verdict"));
	assert_true(says(&w, "No samples."));
	assert_false(says(&w, "<strong>Partial.</strong>"));
	unmake(&w);
	make(&w, FAKE_HEALTHY);
	assert_true(says(&w, "Nothing was measured under load"));
	assert_false(says(&w, "class=\"failed\""));
	unmake(&w);
	make(&w, FAKE_LOADED);
	assert_true(says(&w, "class=\"load\""));
	unmake(&w);
}

/* What comes from outside stands there as text. */
static void hostile_texts_are_texts(void **state)
{
	struct world w;
	(void)state;

	make(&w, FAKE_HOSTILE);
	assert_false(says(&w, "<b>&"));
	assert_true(says(&w, "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;"));
	assert_true(says(&w, "&lt;script&gt;document.title=&#39;broken&#39;"));
	assert_true(says(&w, "&amp;lt;machine&amp;gt; \xef\xbf\xbd"));
	assert_true(says(&w, "\xef\xbf\xbd\xef\xbf\xbd bytes/slash"));
	assert_false(says(&w, "\xff"));
	assert_false(says(&w, "=\"nan"));
	assert_false(says(&w, "=\"inf"));
	unmake(&w);
}

static void a_full_disk_is_told(void **state)
{
	struct ds_lab_result result;
	FILE *full = fopen("/dev/full", "w");
	(void)state;

	if (!full)
		skip();
	assert_true(fake_result(FAKE_SMALL, 3, &result));
	assert_false(ds_report_html(&result, full));
	fclose(full);
	ds_result_free(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_whole_whatever_the_result),
		cmocka_unit_test(figures_have_the_json_text),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(hostile_texts_are_texts),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
