/* doctor_json: facts and advice for machines; schema: doc/doctor.schema.json. It must never leave
 * a key out: what is not known is null. */
#include <string.h>

#include "lab/demo_report.h"
#include "tool/doctor.h"

static const char *const ways[] = {"precise", "extended", "plain"};
static const char *const kinds[] = {"plain", "vlan", "bond", "bridge", "loopback"};
static const char *const grades[] = {"good", "note", "better"};
static const char *const leaps[] = {"none", "insert", "delete"};

static void key(FILE *out, const char *name)
{
	fprintf(out, "\"%s\": ", name);
}

/* "" is null: it was not told. */
static void text(FILE *out, const char *name, const char *value, const char *end)
{
	key(out, name);
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

static void number(FILE *out, const char *name, long long value, const char *end)
{
	fprintf(out, "\"%s\": %lld%s", name, value, end);
}

/* A number, or null where it is not known. */
static void known(FILE *out, const char *name, bool is_known, long long value, const char *end)
{
	if (is_known)
		number(out, name, value, end);
	else
		fprintf(out, "\"%s\": null%s", name, end);
}

static void print_kernel(const struct ds_doctor_facts *facts, FILE *out)
{
	const struct ds_doctor_kernel *k = &facts->kernel;
	const struct ds_doctor_rights *r = &facts->rights;

	fputs("  \"kernel\": {", out);
	text(out, "release", k->release, ", ");
	text(out, "machine", k->machine, ", ");
	truth(out, "both_stamps", k->both_stamps, ", ");
	if (facts->loopback.done)
		truth(out, "chosen_ids", k->chosen_ids, ", ");
	else
		fputs("\"chosen_ids\": null, ", out);
	truth(out, "own_filter", k->own_filter, ", ");
	truth(out, "card_netlink", k->card_netlink, ", ");
	truth(out, "virtual", k->is_virtual, "},\n  \"rights\": {");
	number(out, "user", r->uid, ", ");
	truth(out, "user_namespace", k->user_namespace, ", ");
	truth(out, "sys_time", r->sys_time, ", ");
	truth(out, "net_admin", r->net_admin, ", ");
	truth(out, "net_raw", r->net_raw, ", ");
	truth(out, "net_bind_service", r->bind_service, "},\n");
}

static void print_system(const struct ds_doctor_facts *facts, FILE *out)
{
	const struct ds_doctor_system *s = &facts->system;

	fputs("  \"system_clock\": {", out);
	text(out, "source", s->source, ", ");
	text(out, "sources", s->sources, ", ");
	number(out, "read_ns", s->read_ns, ", ");
	truth(out, "told", s->told, ", ");
	truth(out, "synchronised", s->synchronised, ", ");
	truth(out, "pll", s->pll, ", ");
	key(out, "rate_ppb");
	ds_json_number(out, s->rate_ppb, 3);
	fputs(", ", out);
	known(out, "max_error_ns", s->told, s->max_error_ns, ", ");
	known(out, "estimated_error_ns", s->told, s->est_error_ns, ", ");
	known(out, "tai_minus_utc_s", s->told, s->tai_s, ", ");
	text(out, "leap", s->leap >= 0 && s->leap <= 2 ? leaps[s->leap] : "", "},\n");
}

static void print_trial(const struct ds_doctor_trial *t, FILE *out)
{
	key(out, "trial");
	if (!t->done && t->why[0] == '\0') {
		fputs("null", out);
		return;
	}
	putc('{', out);
	truth(out, "done", t->done, ", ");
	number(out, "sent", t->sent, ", ");
	number(out, "sent_kernel", t->tx_kernel, ", ");
	number(out, "sent_card", t->tx_card, ", ");
	number(out, "received", t->heard, ", ");
	number(out, "received_kernel", t->rx_kernel, ", ");
	number(out, "received_card", t->rx_card, ", ");
	text(out, "filter", ds_card_filter_word(t->filter), ", ");
	text(out, "why", t->why, "}");
}

static void print_interface(const struct ds_doctor_facts *facts,
			    const struct ds_doctor_interface *i, FILE *out)
{
	const struct ds_card *c = &i->card;
	char words[DS_DOCTOR_WORDS];

	fputs("    {", out);
	text(out, "name", c->interface, ", ");
	text(out, "kind", kinds[c->kind], ", ");
	text(out, "stamper", c->stamper, ", ");
	text(out, "driver", c->driver, ", ");
	truth(out, "up", c->is_up, ", ");
	truth(out, "address", i->has_address, ",\n     ");
	known(out, "speed_mbps", c->speed_mbps > 0, c->speed_mbps, ", ");
	truth(out, "sent_kernel", c->tx_software, ", ");
	truth(out, "received_kernel", c->rx_software, ", ");
	truth(out, "sent_card", c->tx_hardware, ", ");
	truth(out, "received_card", c->rx_hardware, ",\n     \"filters\": [");
	const char *comma = "";
	for (int f = DS_CARD_FILTER_NONE; f <= DS_CARD_FILTER_NTP; f++) {
		if (!c->filters[f])
			continue;
		fprintf(out, "%s\"%s\"", comma, ds_card_filter_word((enum ds_card_filter)f));
		comma = ", ";
	}
	fputs("], ", out);
	known(out, "clock", c->phc_index >= 0, c->phc_index, ", ");
	known(out, "virtual_clocks", c->phc_index >= 0, c->vclocks, ", ");
	key(out, "setting");
	if (i->has_setting) {
		putc('{', out);
		truth(out, "sent", i->stamps_sent, ", ");
		text(out, "received", ds_card_filter_word(i->receives), "}");
	} else {
		fputs("null", out);
	}
	fputs(",\n     ", out);
	print_trial(&i->trial, out);
	fputs(",\n     ", out);
	truth(out, "left_changed", i->left_changed, ", ");
	truth(out, "sent_card_silent", ds_doctor_tx_silent(i), ", ");
	truth(out, "received_card_silent", ds_doctor_rx_silent(i), ", ");
	text(out, "note", c->note, ",\n     ");
	ds_doctor_say_interface(facts, i, words);
	text(out, "words", words, "}");
}

static void print_clock(const struct ds_doctor_facts *facts, const struct ds_doctor_clock *c,
			FILE *out)
{
	char words[DS_DOCTOR_WORDS];

	fputs("    {", out);
	number(out, "number", c->number, ", ");
	text(out, "name", c->name, ", ");
	truth(out, "readable", c->readable, ", ");
	text(out, "group", c->group, ", ");
	text(out, "way", c->readable ? ways[c->way] : "", ", ");
	known(out, "error_ns", c->readable, c->median_ns, ", ");
	known(out, "least_error_ns", c->readable, c->least_ns, ", ");
	known(out, "minus_system_ns", c->readable, c->offset_ns, ",\n     ");
	key(out, "rate_ppb");
	if (c->has_rate)
		ds_json_number(out, c->rate_ppb, 3);
	else
		fputs("null", out);
	fputs(", ", out);
	number(out, "virtual_clocks", c->vclocks, ", ");
	number(out, "pins", c->pins, ", ");
	number(out, "inputs", c->inputs, ", ");
	number(out, "outputs", c->outputs, ", ");
	number(out, "max_adjustment_ppb", c->max_adjustment_ppb, ", ");
	truth(out, "pps", c->has_pps, ", ");
	text(out, "why", c->why, ",\n     ");
	ds_doctor_say_clock(facts, c, words);
	text(out, "words", words, "}");
}

static void print_pulse(const struct ds_doctor_pulse *p, FILE *out)
{
	char words[DS_DOCTOR_WORDS];

	fputs("    {", out);
	number(out, "number", p->number, ", ");
	text(out, "name", p->name, ", ");
	truth(out, "readable", p->readable, ", ");
	text(out, "group", p->group, ", ");
	number(out, "pulses", p->seen, ", ");
	key(out, "watched_s");
	ds_json_number(out, p->watched_s, 3);
	fputs(", ", out);
	known(out, "minus_second_ns", p->seen > 0, p->offset_ns, ", ");
	known(out, "interval_ns", p->interval_ns != 0, p->interval_ns, ", ");
	text(out, "why", p->why, ",\n     ");
	ds_doctor_say_pulse(p, words);
	text(out, "words", words, "}");
}

static void print_others(const struct ds_doctor_facts *facts, FILE *out)
{
	fputs("  \"rtc\": {", out);
	truth(out, "there", facts->rtc.there, ", ");
	text(out, "name", facts->rtc.name, ", ");
	known(out, "minus_system_s", facts->rtc.told, facts->rtc.minus_system_s, "},\n");
	fputs("  \"processes\": [", out);
	for (int i = 0; i < facts->process_count; i++) {
		const struct ds_doctor_process *p = &facts->processes[i];

		fputs(i ? ", {" : "{", out);
		text(out, "name", p->name, ", ");
		number(out, "pid", p->pid, ", ");
		truth(out, "may_set_clock", (p->roles & DS_DOCTOR_MAY_KEEP) != 0, ", ");
		truth(out, "may_set_cards", (p->roles & DS_DOCTOR_SETS_CARDS) != 0, "}");
	}
	fputs("],\n  \"ports\": [", out);
	for (int i = 0; i < DS_DOCTOR_PORTS; i++) {
		fputs(i ? ", {" : "{", out);
		number(out, "port", facts->ports[i].port, ", ");
		truth(out, "open", facts->ports[i].open, ", ");
		text(out, "owner", facts->ports[i].owner, "}");
	}
	fputs("],\n", out);
}

/* Lines that each end with a newline, as an array. */
static void print_lines(const char *lines, FILE *out)
{
	char one[sizeof(((struct ds_doctor_advice *)0)->lines)];
	const char *comma = "";

	fputs("\"lines\": [", out);
	while (*lines) {
		size_t length = strcspn(lines, "\n");

		snprintf(one, sizeof(one), "%.*s", (int)length, lines);
		fputs(comma, out);
		ds_json_string(out, one);
		comma = ", ";
		lines += length + (lines[length] == '\n');
	}
	fputs("], \"commands\": [", out);
}

static void print_advice(const struct ds_doctor_advice *a, FILE *out)
{
	fputs("    {", out);
	text(out, "grade", grades[a->grade], ", ");
	text(out, "id", a->id, ", ");
	text(out, "subject", a->subject, ",\n     ");
	text(out, "words", a->words, ",\n     ");
	print_lines(a->lines, out);
	for (int i = 0; i < 2 && a->command[i][0] != '\0'; i++) {
		fputs(i ? ", " : "", out);
		ds_json_string(out, a->command[i]);
	}
	fputs("]}", out);
}

void ds_doctor_print_json(const struct ds_doctor_facts *facts,
			  const struct ds_doctor_verdict *verdict, FILE *out)
{
	fprintf(out, "{\n  \"schema\": %d,\n  \"program\": \"drivestamp doctor\",\n  \"version\": ",
		DS_DOCTOR_JSON_SCHEMA);
	ds_json_string(out, DS_VERSION);
	fputs(",\n  ", out);
	text(out, "host", facts->host, ", ");
	fprintf(out, "\"when_ns\": \"%lld\", ", (long long)facts->when_ns);
	truth(out, "tried", facts->tried, ",\n");
	print_kernel(facts, out);
	print_system(facts, out);
	fputs("  \"interfaces\": [\n", out);
	for (int i = 0; i < facts->interface_count; i++) {
		print_interface(facts, &facts->interfaces[i], out);
		fputs(i + 1 < facts->interface_count ? ",\n" : "\n", out);
	}
	fputs("  ],\n  \"clocks\": [\n", out);
	for (int i = 0; i < facts->clock_count; i++) {
		print_clock(facts, &facts->clocks[i], out);
		fputs(i + 1 < facts->clock_count ? ",\n" : "\n", out);
	}
	fputs("  ],\n  \"pulses\": [\n", out);
	for (int i = 0; i < facts->pulse_count; i++) {
		print_pulse(&facts->pulses[i], out);
		fputs(i + 1 < facts->pulse_count ? ",\n" : "\n", out);
	}
	fputs("  ],\n", out);
	print_others(facts, out);
	fputs("  \"daemon\": {", out);
	text(out, "empty_configuration", verdict->bare, ",\n    ");
	text(out, "advised_configuration", verdict->better, "},\n  \"advice\": [\n");
	for (int i = 0; i < verdict->count; i++) {
		print_advice(&verdict->advice[i], out);
		fputs(i + 1 < verdict->count ? ",\n" : "\n", out);
	}
	fputs("  ],\n  ", out);
	number(out, "status", ds_doctor_status(verdict), "\n}\n");
}
