/* report_table: the result for a terminal of 100 columns; see report.h. What does not fit is told
 * in JSON and on the page, never by a wider line. */
#include "lab/report.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "lab/statistics.h"

#define WIDTH	       100
#define LISTED	       12 /* outliers; JSON and page have more */
#define HOSTS_IN_FULL  4  /* a matrix of more hosts has no intervals */
#define COLUMN	       21
#define NARROW	       10
#define FIRST_COLUMN   12
#define CELL	       48
#define INDENT_FINDING 7

struct table {
	const struct ds_lab_result *result;
	FILE *out;
	bool colours, loaded;
};

static const char *const condition_names[] = {"idle", "loaded"};
static const char *const group_names[2][2] = {{"old-old", "old-new"}, {"new-old", "new-new"}};

static void paint(const struct table *table, const char *code)
{
	if (table->colours)
		fprintf(table->out, "\033[%sm", code);
}

static void heading(const struct table *table, const char *words)
{
	putc('\n', table->out);
	paint(table, "1");
	fputs(words, table->out);
	paint(table, "0");
	putc('\n', table->out);
}

/* Control characters of a name or a program's words must not reach the terminal. */
static void clean(char *text)
{
	for (char *c = text; *c != '\0'; c++) {
		if (iscntrl((unsigned char)*c))
			*c = '?';
	}
}

/* Words, broken at spaces so that no line is longer than WIDTH. */
static void paragraph(const struct table *table, int indent, int column, const char *words)
{
	char copy[8 * DS_LAB_PATH];
	char *rest = NULL;

	snprintf(copy, sizeof(copy), "%s", words);
	clean(copy);
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		int length = (int)strlen(word);
		if (column > indent && column + 1 + length > WIDTH) {
			fprintf(table->out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			putc(' ', table->out);
			column++;
		}
		fputs(word, table->out);
		column += length;
	}
	putc('\n', table->out);
}

static void labelled(const struct table *table, const char *label, const char *words)
{
	if (words[0] == '\0')
		return;
	fprintf(table->out, "%-*s", FIRST_COLUMN, label);
	paragraph(table, FIRST_COLUMN, FIRST_COLUMN, words);
}

static void findings(const struct table *table)
{
	static const char *const grades[] = {"good", "note", "BAD"};
	static const char *const colours[] = {"32", "33", "1;31"};
	const struct ds_lab_result *result = table->result;

	if (result->partial) {
		paint(table, "1;33");
		fputs("PARTIAL", table->out);
		paint(table, "0");
		fputs("  ", table->out);
		paragraph(table, 9, 9, result->why_partial);
	}
	for (size_t i = 0; i < result->finding_count; i++) {
		const struct ds_lab_finding *finding = &result->findings[i];
		paint(table, colours[finding->grade]);
		fprintf(table->out, "%-*s", INDENT_FINDING, grades[finding->grade]);
		paint(table, "0");
		paragraph(table, INDENT_FINDING, INDENT_FINDING, finding->text);
	}
}

/* Nine characters at most. */
static const char *short_ns(double ns, bool sign, char buffer[DS_FIGURE_TEXT])
{
	if (fabs(ns) >= 86400e9)
		snprintf(buffer, DS_FIGURE_TEXT, "%s 1 day", ns > 0 ? ">" : "< -");
	else
		ds_figure_ns(ns, sign, buffer);
	return buffer;
}

/* "251 ns [230-280]", bounds in the unit of the figure. */
static void with_interval(const struct ds_figure *figure, char text[CELL])
{
	char value[DS_FIGURE_TEXT];
	double unit = 1;
	int digits = 0;

	short_ns(figure->value, false, value);
	if (!isfinite(figure->low) || !isfinite(figure->high)) {
		snprintf(text, CELL, "%s", value);
		return;
	}
	while (unit < 1e9 && fabs(figure->value) / unit >= 999.5)
		unit *= 1000;
	if (unit > 1)
		digits = fabs(figure->value) / unit >= 99.95   ? 0
			 : fabs(figure->value) / unit >= 9.995 ? 1
							       : 2;
	snprintf(text, CELL, "%s [%.*f-%.*f]", value, digits, figure->low / unit, digits,
		 figure->high / unit);
	if (strlen(text) >= COLUMN)
		snprintf(text, CELL, "%s", value);
}

static void cell_text(const struct table *table, const struct ds_lab_cell *cell, char text[CELL])
{
	struct ds_lab_figures figures;
	char value[DS_FIGURE_TEXT];

	if (!cell || !cell->known) {
		snprintf(text, CELL, "-");
		return;
	}
	ds_cell_figures(cell, DS_LAB_IDLE, &figures);
	if (figures.samples == 0)
		snprintf(text, CELL, "none");
	else if (table->result->plan.hosts > HOSTS_IN_FULL)
		snprintf(text, CELL, "%s", short_ns(figures.median_abs_ns.value, false, value));
	else
		with_interval(&figures.median_abs_ns, text);
}

static void matrix_row(const struct table *table, enum ds_lab_mode mode, int asks)
{
	const struct ds_lab_plan *plan = &table->result->plan;
	int column = plan->hosts > HOSTS_IN_FULL ? NARROW : COLUMN;
	char text[CELL];

	for (int answers = 0; answers < plan->hosts; answers++) {
		if (answers == asks)
			text[0] = '\0';
		else
			cell_text(table, ds_result_cell(table->result, asks, answers, mode), text);
		fprintf(table->out, " %*.*s", column, column, text);
	}
	putc('\n', table->out);
}

static void host_name(const struct table *table, int host, char text[CELL])
{
	snprintf(text, CELL, "%s", table->result->plan.host[host].name);
	clean(text);
}

static void matrix(const struct table *table, enum ds_lab_mode mode)
{
	const struct ds_lab_plan *plan = &table->result->plan;
	int column = plan->hosts > HOSTS_IN_FULL ? NARROW : COLUMN;
	char text[CELL], title[2 * CELL];

	snprintf(title, sizeof(title), "%s: median |offset| [95 %%] of who asks (row) whom%s",
		 ds_lab_mode_name(mode), table->loaded ? ", idle" : "");
	heading(table, title);
	fprintf(table->out, "%-*s", FIRST_COLUMN, "");
	for (int i = 0; i < plan->hosts; i++) {
		host_name(table, i, text);
		fprintf(table->out, " %*.*s", column, column, text);
	}
	putc('\n', table->out);
	for (int i = 0; i < plan->hosts; i++) {
		host_name(table, i, text);
		fprintf(table->out, "%-*.*s", FIRST_COLUMN, FIRST_COLUMN, text);
		matrix_row(table, mode, i);
	}
}

static bool any_known(const struct ds_lab_result *result, enum ds_lab_mode mode)
{
	for (size_t i = 0; i < result->cell_count; i++) {
		if (result->cells[i].mode == mode && result->cells[i].known)
			return true;
	}
	return false;
}

static void matrices(const struct table *table)
{
	for (int mode = 0; mode < DS_LAB_MODES; mode++) {
		if (!any_known(table->result, (enum ds_lab_mode)mode))
			continue;
		/* Those under load are in the JSON and on the page; pooled ones stand below. */
		matrix(table, (enum ds_lab_mode)mode);
	}
}

static void group_row(const struct table *table, enum ds_lab_mode mode, const char *name,
		      const struct ds_lab_cell *const *cells, size_t count,
		      enum ds_lab_condition condition)
{
	struct ds_lab_figures f;
	char median[DS_FIGURE_TEXT], rms[DS_FIGURE_TEXT], p99[DS_FIGURE_TEXT];
	char bias[DS_FIGURE_TEXT], delay[DS_FIGURE_TEXT];

	ds_cells_figures(cells, count, condition, &f);
	fprintf(table->out, "%-16s %-7s %-6s %6zu %9s %9s %9s %9s %9s %5zu ",
		ds_lab_mode_name(mode), name, condition_names[condition], f.samples,
		short_ns(f.median_abs_ns.value, false, median),
		short_ns(f.rms_ns.value, false, rms), short_ns(f.p99_abs_ns.value, false, p99),
		short_ns(f.bias_ns.value, true, bias), short_ns(f.delay_ns.value, false, delay),
		f.outliers);
	if (f.samples > 0)
		fprintf(table->out, "%3.0f%%\n", 100 * f.interleaved_share);
	else
		fputs("   -\n", table->out);
}

static void groups(const struct table *table)
{
	const struct ds_lab_cell *cells[DS_LAB_GROUP];

	heading(table, "Pooled: who asks - who answers");
	fputs("mode             pair    load   sample    median       RMS       p99      bias     "
	      "delay >10us intl\n",
	      table->out);
	for (int i = 0; i < DS_LAB_MODES * 4; i++) {
		enum ds_lab_mode mode = (enum ds_lab_mode)(i / 4);
		bool asks = i % 4 >= 2, answers = i % 2;
		size_t count = ds_result_group(table->result, mode, asks, answers, cells);
		if (count == 0)
			continue;
		group_row(table, mode, group_names[asks][answers], cells, count, DS_LAB_IDLE);
		if (table->loaded)
			group_row(table, mode, group_names[asks][answers], cells, count,
				  DS_LAB_LOADED);
	}
}

/* Who took the stamps of a sample, and when: T1, then what lies between. */
static void outlier(const struct table *table, const struct ds_lab_outlier *outlier)
{
	const struct ds_lab_sample *s = outlier->sample;
	char asks[CELL], answers[CELL], figures[4][DS_FIGURE_TEXT];

	host_name(table, outlier->cell->asks, asks);
	host_name(table, outlier->cell->answers, answers);
	fprintf(table->out, "%-8.8s %-8.8s %-16s %-6s ", asks, answers,
		ds_lab_mode_name(outlier->cell->mode), condition_names[s->condition]);
	if (s->has_stamps)
		fprintf(table->out, "%9s  T1 %.6f +%s +%s +%s\n",
			short_ns(s->offset_ns, true, figures[0]),
			(double)(s->t_ns[0] % 86400000000000) * 1e-9,
			short_ns((double)(s->t_ns[1] - s->t_ns[0]), false, figures[1]),
			short_ns((double)(s->t_ns[2] - s->t_ns[1]), false, figures[2]),
			short_ns((double)(s->t_ns[3] - s->t_ns[2]), false, figures[3]));
	else
		fprintf(table->out, "%9s  there %s, back %s\n",
			short_ns(s->offset_ns, true, figures[0]),
			short_ns(s->delay_ns / 2 + s->offset_ns, false, figures[1]),
			short_ns(s->delay_ns / 2 - s->offset_ns, false, figures[2]));
}

static void outliers(const struct table *table)
{
	struct ds_lab_outlier list[LISTED];
	size_t count = ds_result_outliers(table->result, list, LISTED);
	char title[DS_LAB_WHY];

	if (count == 0)
		return;
	snprintf(title, sizeof(title), "Interleaved, %s, over 10 us: %zu sample%s%s",
		 ds_lab_any_hardware(table->result->plan.modes) ? "kernel or card stamps"
								: "kernel stamps",
		 count, count == 1 ? "" : "s", count > LISTED ? ", the farthest of them" : "");
	heading(table, title);
	fputs("asks     answers  mode             load      offset  T1 (s of the day), T2-T1, "
	      "T3-T2, T4-T3\n",
	      table->out);
	for (size_t i = 0; i < count && i < LISTED; i++)
		outlier(table, &list[i]);
}

static void times(const struct table *table)
{
	const struct ds_lab_result *result = table->result;
	const struct ds_lab_plan *plan = &result->plan;
	char text[128], loaded[48] = "";

	snprintf(text, sizeof(text),
		 "%d of %d repeats of %d s after %d s, poll 2^%d s, %.0f s in all", result->repeats,
		 plan->repeats, plan->seconds, plan->warmup_seconds, plan->poll_log2,
		 result->ended_s - result->begun_s);
	labelled(table, "time", text);
	if (isfinite(result->busy_loaded) && table->loaded)
		snprintf(loaded, sizeof(loaded), ", %.0f %% under load", 100 * result->busy_loaded);
	snprintf(text, sizeof(text), "%.0f %% in use, by all programs together, while idle%s",
		 100 * result->busy_idle, loaded);
	if (isfinite(result->busy_idle))
		labelled(table, "cores", text);
}

static void hosts(const struct table *table)
{
	const struct ds_lab_result *result = table->result;
	char text[4 * DS_LAB_PATH];

	heading(table, "Hosts and conditions");
	for (int i = 0; i < result->plan.hosts; i++) {
		char name[CELL];
		host_name(table, i, name);
		snprintf(text, sizeof(text), "%s (%s)%s%s", result->host[i].version,
			 result->plan.host[i].kind,
			 result->host[i].ending[0] != '\0' ? "; died: " : "",
			 result->host[i].ending);
		labelled(table, name, text);
	}
	labelled(table, "ptp", result->yardstick);
	labelled(table, "rig", result->rig);
	labelled(table, "machine", result->machine);
	times(table);
	labelled(table, "again", result->command);
}

bool ds_report_table(const struct ds_lab_result *result, FILE *out, bool colours)
{
	const struct table table = {result, out, colours, ds_result_loaded(result)};

	findings(&table);
	matrices(&table);
	groups(&table);
	outliers(&table);
	hosts(&table);
	return fflush(out) == 0 && !ferror(out);
}
