/* report_json: the result for programs; the schema stands in doc/lab.md. Lines are short enough
 * to be read, and an object of figures is one line. */
#include "lab/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA	      1
#define OUTLIERS_MOST 10000

static const double quantiles[] = {0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99};
#define QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

static const char *const condition_names[] = {"idle", "loaded"};
static const char *const group_names[2][2] = {{"old-old", "old-new"}, {"new-old", "new-new"}};

/* How many bytes of a well-formed UTF-8 sequence begin here; 0: none (RFC 3629 section 4). */
static size_t utf8(const unsigned char *c)
{
	size_t length = c[0] < 0x80		       ? 1
			: c[0] >= 0xc2 && c[0] <= 0xdf ? 2
			: (c[0] & 0xf0) == 0xe0	       ? 3
			: c[0] >= 0xf0 && c[0] <= 0xf4 ? 4
						       : 0;

	for (size_t i = 1; i < length; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
	    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return length;
}

/* With its quotes. What is no UTF-8 becomes U+FFFD: a JSON text holds nothing else. */
static void text(FILE *out, const char *string)
{
	const unsigned char *c = (const unsigned char *)string;

	putc('"', out);
	while (*c != '\0') {
		size_t length = utf8(c);
		if (length == 0)
			fputs("\\ufffd", out);
		else if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			fprintf(out, "\\u%04x", *c);
		else
			fwrite(c, 1, length, out);
		c += length > 0 ? length : 1;
	}
	putc('"', out);
}

static void name(FILE *out, const char *string)
{
	text(out, string);
	fputs(": ", out);
}

static void number(FILE *out, const char *key, double value)
{
	char buffer[DS_REPORT_NUMBER];

	fprintf(out, "\"%s\": %s", key, ds_report_number(value, buffer));
}

static void share(FILE *out, const char *key, double value)
{
	char buffer[DS_REPORT_NUMBER];

	fprintf(out, "\"%s\": %s", key, ds_report_share(value, buffer));
}

static void member(FILE *out, const char *key, const char *string)
{
	fputs("  ", out);
	name(out, key);
	text(out, string);
	fputs(",\n", out);
}

static void counts(FILE *out, const struct ds_lab_cell *cell)
{
	char buffer[DS_REPORT_NUMBER];

	fputs("\"counts\": {", out);
	for (int i = 0; i < cell->count_count; i++) {
		double value = cell->counts[i].value;
		fputs(i > 0 ? ", " : "", out);
		name(out, cell->counts[i].what);
		if (fabs(value) < 1e15 && value >= floor(value) && value <= floor(value))
			fprintf(out, "%.0f", value);
		else
			fputs(ds_report_number(value, buffer), out);
	}
	putc('}', out);
}

static void loads(FILE *out, unsigned load)
{
	static const char *const names[] = {"none", "cpu", "net", "both"};

	fprintf(out, "\"load\": \"%s\"", names[load & 3]);
}

static void host(FILE *out, const struct ds_lab_result *result, int i)
{
	const struct ds_lab_host *asked = &result->plan.host[i];
	const struct ds_lab_host_result *found = &result->host[i];
	const struct ds_lab_link *link = &result->plan.link[i];
	const char *between = "";

	fputs("    ", out);
	name(out, asked->name);
	fprintf(out, "{\"side\": \"%s\", \"kind\": ", asked->is_new ? "new" : "old");
	text(out, asked->kind);
	fputs(", \"version\": ", out);
	text(out, found->version);
	fprintf(out, ",\n      \"guesses_calibrated\": %s, \"clock_known\": %s, ",
		found->guesses_calibrated ? "true" : "false",
		found->clock_known ? "true" : "false");
	number(out, "clock_within_ns", found->clock_within_ns);
	fputs(", ", out);
	loads(out, asked->load);
	fputs(",\n      \"link\": {", out);
	number(out, "out_delay_us", link->out_delay_us);
	fputs(", ", out);
	number(out, "in_delay_us", link->in_delay_us);
	fputs(", ", out);
	number(out, "jitter_us", link->jitter_us);
	fputs(", ", out);
	number(out, "loss_percent", link->loss_percent);
	fputs("},\n      \"ending\": ", out);
	text(out, found->ending);
	fputs(", \"all\": {", out);
	for (int mode = 0; mode < DS_LAB_MODES; mode++) {
		if (found->all[mode].count_count == 0)
			continue;
		fprintf(out, "%s\"%s\": {", between, ds_lab_mode_name((enum ds_lab_mode)mode));
		counts(out, &found->all[mode]);
		putc('}', out);
		between = ", ";
	}
	fputs("}}", out);
}

static void figure(FILE *out, const char *key, const struct ds_figure *figure)
{
	fprintf(out, "\"%s\": {", key);
	number(out, "value", figure->value);
	fputs(", ", out);
	number(out, "low", figure->low);
	fputs(", ", out);
	number(out, "high", figure->high);
	fputs("}, ", out);
}

static void percentiles(FILE *out, const char *key, const double values[QUANTILES])
{
	char buffer[DS_REPORT_NUMBER];

	fprintf(out, "\"%s\": {", key);
	for (size_t i = 0; i < QUANTILES; i++)
		fprintf(out, "%s\"%.0f\": %s", i > 0 ? ", " : "", quantiles[i] * 100,
			ds_report_number(values[i], buffer));
	putc('}', out);
}

static void sources(FILE *out, const struct ds_lab_figures *figures)
{
	static const char *const letters[] = {"D", "K", "H", "?"};

	fputs("\"sources\": {", out);
	for (size_t t = 0; t < 4; t++) {
		fprintf(out, "%s\"T%zu\": {", t > 0 ? ", " : "", t + 1);
		for (size_t s = 0; s < 4; s++) {
			fputs(s > 0 ? ", " : "", out);
			share(out, letters[s], figures->sources[t][s]);
		}
		putc('}', out);
	}
	fputs("}", out);
}

/* An object of all figures of these cells in one condition. */
static void figures_of(FILE *out, const struct ds_lab_cell *const *cells, size_t count,
		       enum ds_lab_condition condition)
{
	struct ds_lab_figures figures;
	double offset[QUANTILES], delay[QUANTILES];

	ds_cells_figures(cells, count, condition, &figures);
	ds_cells_quantiles(cells, count, condition, quantiles, QUANTILES, offset, delay);
	fprintf(out, "{\"samples\": %zu, \"outliers\": %zu, ", figures.samples, figures.outliers);
	figure(out, "median_abs_ns", &figures.median_abs_ns);
	figure(out, "rms_ns", &figures.rms_ns);
	figure(out, "p99_abs_ns", &figures.p99_abs_ns);
	figure(out, "bias_ns", &figures.bias_ns);
	figure(out, "delay_ns", &figures.delay_ns);
	number(out, "delay_sd_ns", figures.delay_sd_ns);
	fputs(", ", out);
	number(out, "max_abs_ns", figures.max_abs_ns);
	fputs(", ", out);
	share(out, "interleaved_share", figures.interleaved_share);
	fputs(", ", out);
	sources(out, &figures);
	fputs(", ", out);
	percentiles(out, "offset_percentiles_ns", offset);
	fputs(", ", out);
	percentiles(out, "delay_percentiles_ns", delay);
	putc('}', out);
}

/* Idle, and loaded where the run had any load, each in a line of its own. */
static void conditions(FILE *out, const char *indent, const struct ds_lab_cell *const *cells,
		       size_t count, bool loaded)
{
	for (int condition = DS_LAB_IDLE; condition <= (loaded ? DS_LAB_LOADED : DS_LAB_IDLE);
	     condition++) {
		fprintf(out, "%s%s\"%s\": ", condition > DS_LAB_IDLE ? ",\n" : "", indent,
			condition_names[condition]);
		figures_of(out, cells, count, (enum ds_lab_condition)condition);
	}
}

/* All modes of one ordered pair. */
static void pair(FILE *out, const struct ds_lab_result *result, int asks, int answers, bool loaded)
{
	const char *between = "";

	for (size_t i = 0; i < result->cell_count; i++) {
		const struct ds_lab_cell *cell = &result->cells[i];
		if (cell->asks != asks || cell->answers != answers)
			continue;
		fprintf(out, "%s        \"%s\": {\"known\": %s", between,
			ds_lab_mode_name(cell->mode), cell->known ? "true" : "false");
		if (cell->known) {
			fputs(",\n", out);
			conditions(out, "          ", &cell, 1, loaded);
			fputs(",\n          ", out);
			counts(out, cell);
		}
		putc('}', out);
		between = ",\n";
	}
}

static void cells(FILE *out, const struct ds_lab_result *result, bool loaded)
{
	const struct ds_lab_plan *plan = &result->plan;

	fputs("  \"cells\": {", out);
	for (int asks = 0; asks < plan->hosts; asks++) {
		const char *between = "\n";
		fputs(asks > 0 ? ",\n    " : "\n    ", out);
		name(out, plan->host[asks].name);
		putc('{', out);
		for (int answers = 0; answers < plan->hosts; answers++) {
			if (answers == asks)
				continue;
			fprintf(out, "%s      ", between);
			name(out, plan->host[answers].name);
			fputs("{\n", out);
			pair(out, result, asks, answers, loaded);
			putc('}', out);
			between = ",\n";
		}
		putc('}', out);
	}
	fputs("},\n", out);
}

static void groups_of_mode(FILE *out, const struct ds_lab_result *result, enum ds_lab_mode mode,
			   bool loaded)
{
	const struct ds_lab_cell *group[DS_LAB_GROUP];
	const char *between = "";

	for (int i = 0; i < 4; i++) {
		bool new_asks = i >= 2, new_answers = i % 2;
		size_t count = ds_result_group(result, mode, new_asks, new_answers, group);
		if (count == 0)
			continue;
		fprintf(out, "%s      \"%s\": {\n", between, group_names[new_asks][new_answers]);
		conditions(out, "        ", group, count, loaded);
		putc('}', out);
		between = ",\n";
	}
}

static void groups(FILE *out, const struct ds_lab_result *result, bool loaded)
{
	const char *between = "";

	fputs("  \"groups\": {", out);
	for (int mode = 0; mode < DS_LAB_MODES; mode++) {
		if (!(result->plan.modes & 1U << mode))
			continue;
		fprintf(out, "%s\n    \"%s\": {\n", between,
			ds_lab_mode_name((enum ds_lab_mode)mode));
		groups_of_mode(out, result, (enum ds_lab_mode)mode, loaded);
		putc('}', out);
		between = ",";
	}
	fputs("},\n", out);
}

static void outlier(FILE *out, const struct ds_lab_result *result,
		    const struct ds_lab_outlier *outlier)
{
	const struct ds_lab_sample *sample = outlier->sample;
	char letters[2] = "?";

	fputs("    {\"asks\": ", out);
	text(out, result->plan.host[outlier->cell->asks].name);
	fputs(", \"answers\": ", out);
	text(out, result->plan.host[outlier->cell->answers].name);
	fprintf(out, ", \"mode\": \"%s\", \"condition\": \"%s\", \"repeat\": %u, \"at_s\": %.6f, ",
		ds_lab_mode_name(outlier->cell->mode), condition_names[sample->condition],
		sample->repeat, isfinite(sample->at_s) ? sample->at_s : 0);
	number(out, "offset_ns", sample->offset_ns);
	fputs(", ", out);
	number(out, "delay_ns", sample->delay_ns);
	fputs(", \"sources\": [", out);
	for (size_t t = 0; t < 4; t++) {
		letters[0] = sample->source[t] ? sample->source[t] : '?';
		fputs(t > 0 ? ", " : "", out);
		text(out, letters);
	}
	fputs("], \"stamps_ns\": ", out);
	if (sample->has_stamps)
		fprintf(out, "[%lld, %lld, %lld, %lld]}", (long long)sample->t_ns[0],
			(long long)sample->t_ns[1], (long long)sample->t_ns[2],
			(long long)sample->t_ns[3]);
	else
		fputs("null}", out);
}

static void outliers(FILE *out, const struct ds_lab_result *result)
{
	struct ds_lab_outlier few[DS_LAB_OUTLIERS];
	size_t count = ds_result_outliers(result, few, DS_LAB_OUTLIERS);
	size_t room = count < OUTLIERS_MOST ? count : OUTLIERS_MOST;
	struct ds_lab_outlier *list = few, *all = NULL;

	/* Tables and pages show the farthest, this all that there are. */
	if (count > DS_LAB_OUTLIERS)
		all = calloc(room, sizeof(*all));
	if (all) {
		list = all;
		(void)ds_result_outliers(result, list, room);
	} else if (room > DS_LAB_OUTLIERS) {
		room = DS_LAB_OUTLIERS;
	}
	fprintf(out, "  \"outlier_count\": %zu,\n  \"outliers\": [", count);
	for (size_t i = 0; i < room; i++) {
		fputs(i > 0 ? ",\n" : "\n", out);
		outlier(out, result, &list[i]);
	}
	fputs("],\n", out);
	free(all);
}

static void findings(FILE *out, const struct ds_lab_result *result)
{
	static const char *const grades[] = {"good", "note", "bad"};

	fputs("  \"findings\": [", out);
	for (size_t i = 0; i < result->finding_count; i++) {
		const struct ds_lab_finding *finding = &result->findings[i];
		fprintf(out, "%s\n    {\"grade\": \"%s\", \"host\": ", i > 0 ? "," : "",
			grades[finding->grade]);
		if (finding->host >= 0 && finding->host < result->plan.hosts)
			text(out, result->plan.host[finding->host].name);
		else
			fputs("null", out);
		fputs(", \"code\": ", out);
		text(out, finding->code);
		fputs(", \"text\": ", out);
		text(out, finding->text);
		putc('}', out);
	}
	fputs("],\n", out);
}

static void plan(FILE *out, const struct ds_lab_plan *plan)
{
	static const char *const rigs[] = {"netns", "loopback", "remote", "uml"};
	const char *between = "";

	fprintf(out, "  \"plan\": {\"rig\": \"%s\", \"modes\": [", rigs[plan->rig]);
	for (int mode = 0; mode < DS_LAB_MODES; mode++) {
		if (!(plan->modes & 1U << mode))
			continue;
		fprintf(out, "%s\"%s\"", between, ds_lab_mode_name((enum ds_lab_mode)mode));
		between = ", ";
	}
	fprintf(out,
		"], \"poll_log2\": %d, \"seconds\": %d, \"warmup_seconds\": %d, \"repeats\": %d, "
		"\"alternation_seconds\": %d},\n",
		plan->poll_log2, plan->seconds, plan->warmup_seconds, plan->repeats,
		plan->alternation_seconds);
}

static void conditions_of_run(FILE *out, const struct ds_lab_result *result)
{
	fprintf(out, "  \"partial\": %s,\n", result->partial ? "true" : "false");
	member(out, "why_partial", result->why_partial);
	member(out, "command", result->command);
	member(out, "machine", result->machine);
	member(out, "rig", result->rig);
	member(out, "yardstick", result->yardstick);
	fprintf(out, "  \"begun_s\": %.0f,\n  \"ended_s\": %.0f,\n  \"repeats\": %d,\n  ",
		isfinite(result->begun_s) ? result->begun_s : 0,
		isfinite(result->ended_s) ? result->ended_s : 0, result->repeats);
	number(out, "before_send_ns", result->before_send_ns);
	fputs(",\n  ", out);
	share(out, "busy_idle", result->busy_idle);
	fputs(",\n  ", out);
	share(out, "busy_loaded", result->busy_loaded);
	fputs(",\n", out);
}

bool ds_report_json(const struct ds_lab_result *result, FILE *out)
{
	bool loaded = ds_result_loaded(result);

	fprintf(out,
		"{\n  \"schema\": %d,\n  \"program\": \"drivestamp lab\",\n  \"version\": \"%s\",\n",
		SCHEMA, DS_VERSION);
	conditions_of_run(out, result);
	findings(out, result);
	plan(out, &result->plan);
	fputs("  \"hosts\": {\n", out);
	for (int i = 0; i < result->plan.hosts; i++) {
		fputs(i > 0 ? ",\n" : "", out);
		host(out, result, i);
	}
	fputs("},\n", out);
	groups(out, result, loaded);
	cells(out, result, loaded);
	outliers(out, result);
	fprintf(out, "  \"loaded\": %s\n}\n", loaded ? "true" : "false");
	return fflush(out) == 0 && !ferror(out);
}
