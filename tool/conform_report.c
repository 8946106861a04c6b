/* conform_report: a line a clause and the sum, or JSON. It must never leave out a clause that was
 * not observed, nor why. */
#include "lab/demo_report.h"
#include "tool/conform.h"

static void kiss_text(uint32_t code, char text[5])
{
	for (int i = 0; i < 4; i++)
		text[i] = (char)(code >> (24 - 8 * i) & 0x7f);
	text[4] = '\0';
}

static int number_of(const struct ds_finding *findings, int count, enum ds_result result,
		     bool must_only)
{
	int number = 0;

	for (int i = 0; i < count; i++)
		number += findings[i].result == result &&
			  (!must_only || findings[i].clause->level == DS_LEVEL_MUST);
	return number;
}

static int number_answered(const struct ds_conform *c)
{
	int number = 0;

	for (int i = 0; i < c->count; i++)
		number += c->shots[i].answers > 0;
	return number;
}

static void verdict(const struct ds_conform *c, const struct ds_finding *findings, int count,
		    char text[DS_CONFORM_WHY])
{
	int musts = number_of(findings, count, DS_RESULT_FAILED, true);
	char kiss[5];

	kiss_text(c->kiss_code, kiss);
	if (c->kiss_code != 0)
		snprintf(text, DS_CONFORM_WHY, "The server said %s: it was not asked any more.",
			 kiss);
	else if (ds_conform_status(c, findings, count) == 3)
		snprintf(text, DS_CONFORM_WHY, "No answer.");
	else if (musts > 0)
		snprintf(text, DS_CONFORM_WHY, "Does not conform: %d MUST failed.", musts);
	else
		snprintf(text, DS_CONFORM_WHY, "Conforms, as far as it was seen: no MUST failed.");
}

static void print_finding(const struct ds_finding *f, FILE *out)
{
	const struct ds_clause *clause = f->clause;
	char rule[16], source[24];

	snprintf(rule, sizeof(rule), "%s%s", ds_level_word(clause->level),
		 clause->keyword || clause->level == DS_LEVEL_NOTE ? "" : "*");
	snprintf(source, sizeof(source), "RFC %d, %s", clause->rfc, clause->section);
	fprintf(out, "%-12s  %-20s  %-7s  %-13s  %s", ds_result_word(f->result), clause->id, rule,
		source, clause->sentence);
	fprintf(out, f->why[0] != '\0' ? " [%s]\n" : "%s\n", f->why);
}

void ds_conform_print(const struct ds_conform *c, const struct ds_conform_target *target,
		      const struct ds_finding *findings, int count, FILE *out)
{
	char address[DS_ADDRESS_TEXT], text[DS_CONFORM_WHY];

	fprintf(out, "%s is %s. %d packets were sent, %d answered.\n", target->host,
		ds_address_text(&target->address, true, address), c->count, number_answered(c));
	for (int i = 0; i < count; i++)
		print_finding(&findings[i], out);
	fputs("* The RFC defines it so, without the word.\n", out);
	verdict(c, findings, count, text);
	fprintf(out, "%d passed, %d failed (%d MUST), %d not observed. %s\n",
		number_of(findings, count, DS_RESULT_PASSED, false),
		number_of(findings, count, DS_RESULT_FAILED, false),
		number_of(findings, count, DS_RESULT_FAILED, true),
		number_of(findings, count, DS_RESULT_NOT_OBSERVED, false), text);
}

static void json_clause(const struct ds_finding *f, FILE *out)
{
	const struct ds_clause *clause = f->clause;

	fprintf(out, "    {\"id\": \"%s\", \"rfc\": %d, \"section\": \"%s\", \"level\": \"%s\", ",
		clause->id, clause->rfc, clause->section, ds_level_word(clause->level));
	fprintf(out, "\"keyword\": %s, \"result\": \"%s\", \"packets\": %d, \"sentence\": ",
		clause->keyword ? "true" : "false", ds_result_word(f->result), f->seen);
	ds_json_string(out, clause->sentence);
	fputs(", \"reason\": ", out);
	if (f->why[0] != '\0')
		ds_json_string(out, f->why);
	else
		fputs("null", out);
	fputc('}', out);
}

void ds_conform_print_json(const struct ds_conform *c, const struct ds_conform_target *target,
			   const struct ds_finding *findings, int count, FILE *out)
{
	char address[DS_ADDRESS_TEXT], text[DS_CONFORM_WHY];

	fprintf(out, "{\"schema\": %d, \"program\": \"drivestamp conform\", \"version\": \"%s\",\n",
		DS_CONFORM_JSON_SCHEMA, DS_VERSION);
	fputs("  \"host\": ", out);
	ds_json_string(out, target->host);
	fputs(", \"address\": ", out);
	ds_json_string(out, ds_address_text(&target->address, false, address));
	fprintf(out, ", \"port\": %d,\n  \"clauses\": [\n", ds_address_port(&target->address));
	for (int i = 0; i < count; i++) {
		json_clause(&findings[i], out);
		fputs(i + 1 < count ? ",\n" : "],\n", out);
	}
	fprintf(out, "  \"summary\": {\"sent\": %d, \"answered\": %d, \"passed\": %d, ", c->count,
		number_answered(c), number_of(findings, count, DS_RESULT_PASSED, false));
	fprintf(out, "\"failed\": %d, \"must_failed\": %d, \"not_observed\": %d},\n",
		number_of(findings, count, DS_RESULT_FAILED, false),
		number_of(findings, count, DS_RESULT_FAILED, true),
		number_of(findings, count, DS_RESULT_NOT_OBSERVED, false));
	verdict(c, findings, count, text);
	fputs("  \"verdict\": ", out);
	ds_json_string(out, text);
	fputs("}\n", out);
}
