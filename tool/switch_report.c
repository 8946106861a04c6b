/* switch_report: the facts and the steps in words and as JSON. It must never print a command of
 * another step's order than the plan's. */
#include <string.h>

#include "lab/demo_report.h"
#include "tool/switch.h"

/* "chrony: runs (412), holds UDP 123, enabled, package chrony, /etc/chrony/chrony.conf" */
static void print_daemon(const struct ds_switch_daemon *d, const char *name, FILE *out)
{
	const char *comma = ": ";

	if (d->pid == 0 && !d->enabled && !d->installed && d->config[0] == '\0')
		return;
	fprintf(out, "  %s", name);
	if (d->pid != 0) {
		fprintf(out, "%sruns (%ld)%s", comma, d->pid,
			d->holds_port ? " and holds UDP 123" : "");
		comma = ", ";
	}
	if (d->unit[0] != '\0') {
		fprintf(out, "%s%s is %s", comma, d->unit, d->enabled ? "enabled" : "not enabled");
		comma = ", ";
	}
	if (d->installed) {
		fprintf(out, "%spackage %s", comma, d->package);
		comma = ", ";
	}
	if (d->config[0] != '\0')
		fprintf(out, "%s%s", comma, d->config);
	fputc('\n', out);
}

static void print_lines(const char *text, const char *before, FILE *out)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		fprintf(out, "%s%.*s\n", before, (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void print_facts(const struct ds_switch_facts *facts, FILE *out)
{
	fprintf(out, "What was found%s%s:\n", facts->root[0] != '\0' ? " below " : " here",
		facts->root);
	for (int kind = 0; kind < DS_SWITCH_KINDS; kind++)
		print_daemon(&facts->daemons[kind], ds_switch_names[kind], out);
	if (facts->ours.pid != 0)
		fprintf(out, "  drivestampd: runs (%ld)\n", facts->ours.pid);
	if (facts->ours.program[0] != '\0')
		fprintf(out, "  %s is installed%s\n", facts->ours.program,
			facts->ours.package ? ", by package drivestamp" : "");
	if (facts->port_open)
		fprintf(out, "  UDP 123: %s\n",
			facts->port_owner[0] != '\0' ? facts->port_owner
						     : "held, cannot be seen by whom");
	fprintf(out, "  %s%s%s\n", facts->systemd ? "systemd" : "no systemd",
		facts->dpkg ? ", dpkg" : ", no dpkg", facts->container ? ", a container" : "");
}

void ds_switch_print(const struct ds_switch_facts *facts, const struct ds_switch_plan *plan,
		     FILE *out)
{
	print_facts(facts, out);
	for (int i = 0; i < plan->warning_count; i++)
		fprintf(out, "\nMind: %s\n", plan->warnings[i]);
	if (plan->done) {
		fputs("\ndrivestampd keeps the time here already, and nobody else does: there is nothing "
		      "to do.\n",
		      out);
		return;
	}
	if (plan->from == DS_SWITCH_KINDS)
		fputs("\nNo other time daemon was found. Nothing is done by this command; the steps:\n",
		      out);
	else
		fprintf(out,
			"\nFrom %s to drivestampd. Nothing is done by this command; the steps:\n",
			ds_switch_names[plan->from]);
	for (int i = 0; i < plan->step_count; i++) {
		const struct ds_switch_step *step = &plan->steps[i];

		fprintf(out, "\n%d. %s\n", i + 1, step->title);
		print_lines(step->why, "   ", out);
		print_lines(step->command, "     # ", out);
		if (step->check[0] != '\0')
			fprintf(out, "   check:   %s\n", step->check);
		if (step->undo[0] != '\0')
			fprintf(out, "   go back: %s\n", step->undo);
	}
	fputs("\nAll the way back: the lines \"go back\" from the last to the first.\n", out);
}

/* ---- JSON ---- */

static void text(FILE *out, const char *name, const char *value, const char *end)
{
	fprintf(out, "\"%s\": ", name);
	if (value[0] == '\0')
		fputs("null", out);
	else
		ds_json_string(out, value);
	fputs(end, out);
}

static void truth(FILE *out, const char *name, bool value, const char *end)
{
	fprintf(out, "\"%s\": %s%s", name, value ? "true" : "false", end);
}

static void json_daemon(const struct ds_switch_daemon *d, const char *name, FILE *out)
{
	fputs("{", out);
	text(out, "name", name, ", ");
	truth(out, "installed", d->installed, ", ");
	truth(out, "enabled", d->enabled, ", ");
	fprintf(out, "\"pid\": %ld, ", d->pid);
	truth(out, "holds_port", d->holds_port, ", ");
	text(out, "package", d->package, ", ");
	text(out, "unit", d->unit, ", ");
	text(out, "config", d->config, ", ");
	text(out, "drift", d->drift, "}");
}

static void json_list(const char (*list)[DS_SWITCH_PATH], int count, FILE *out)
{
	for (int i = 0; i < count; i++) {
		fputs(i > 0 ? ", " : "", out);
		ds_json_string(out, list[i]);
	}
}

static void json_facts(const struct ds_switch_facts *facts, FILE *out)
{
	fputs(" \"facts\": {", out);
	text(out, "root", facts->root, ", ");
	truth(out, "systemd", facts->systemd, ", ");
	truth(out, "dpkg", facts->dpkg, ", ");
	truth(out, "container", facts->container, ", ");
	truth(out, "port_open", facts->port_open, ", ");
	text(out, "port_owner", facts->port_owner, ",\n  \"daemons\": [");
	for (int kind = 0; kind < DS_SWITCH_KINDS; kind++) {
		fputs(kind > 0 ? ",\n   " : "\n   ", out);
		json_daemon(&facts->daemons[kind], ds_switch_names[kind], out);
	}
	fprintf(out, "],\n  \"ours\": {\"pid\": %ld, ", facts->ours.pid);
	text(out, "program", facts->ours.program, ", ");
	truth(out, "package", facts->ours.package, ", ");
	truth(out, "config", facts->ours.config, "},\n  \"hooks\": [");
	json_list(facts->hooks, facts->hook_count, out);
	fputs("], \"sockets\": [", out);
	json_list(facts->sockets, facts->socket_count, out);
	fputs("]},\n", out);
}

void ds_switch_print_json(const struct ds_switch_facts *facts, const struct ds_switch_plan *plan,
			  FILE *out)
{
	fprintf(out, "{\"schema\": %d, \"verb\": \"switch\", \"ok\": true, ",
		DS_SWITCH_JSON_SCHEMA);
	text(out, "from", plan->from < DS_SWITCH_KINDS ? ds_switch_names[plan->from] : "", ", ");
	truth(out, "done", plan->done, ",\n");
	json_facts(facts, out);
	fputs(" \"warnings\": [", out);
	for (int i = 0; i < plan->warning_count; i++) {
		fputs(i > 0 ? ", " : "", out);
		ds_json_string(out, plan->warnings[i]);
	}
	fputs("],\n \"steps\": [", out);
	for (int i = 0; i < plan->step_count; i++) {
		const struct ds_switch_step *step = &plan->steps[i];

		fputs(i > 0 ? ",\n  {" : "\n  {", out);
		text(out, "title", step->title, ", ");
		text(out, "why", step->why, ", ");
		text(out, "command", step->command, ", ");
		text(out, "check", step->check, ", ");
		text(out, "undo", step->undo, "}");
	}
	fputs("]}\n", out);
}
