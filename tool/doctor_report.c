/* doctor_report: facts and advice as text. It must never say less than the JSON of what is to be
 * bettered. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lab/statistics.h"
#include "tool/doctor.h"

#define WIDTH 96 /* columns */

/* Words in lines, from column `indent` on; the first begins where we are, at that column. */
static void wrap(FILE *out, const char *words, int indent)
{
	int at = indent;

	while (*words) {
		int length = (int)strcspn(words, " ");

		if (at > indent && at + 1 + length > WIDTH) {
			fprintf(out, "\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			putc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", length, words);
		at += length;
		words += length + (words[length] == ' ');
	}
	putc('\n', out);
}

static void item(FILE *out, const char *words)
{
	fputs("  - ", out);
	wrap(out, words, 4);
}

static void head(FILE *out, const char *title)
{
	fprintf(out, "\n%s\n", title);
}

static const char *yes(bool value)
{
	return value ? "yes" : "no";
}

/* ---- facts ---- */

static void print_title(const struct ds_doctor_facts *facts, FILE *out)
{
	time_t at = (time_t)(facts->when_ns / 1000000000);
	char when[32] = "";
	struct tm t;

	if (gmtime_r(&at, &t))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &t);
	fprintf(out, "drivestamp doctor: %s, Linux %s, %s, %s UTC by its clock\n",
		facts->host[0] ? facts->host : "this machine", facts->kernel.release,
		facts->kernel.machine, when);
	if (!facts->tried)
		fputs("Nothing was changed; packets were sent to ourselves only.\n", out);
	else
		fputs("--try: cards were told to stamp, packets sent by each interface, cards put back.\n",
		      out);
}

static void print_setting(const struct ds_doctor_interface *interface, FILE *out)
{
	char words[160];

	if (interface->card.is_up && interface->card.speed_mbps > 0) {
		snprintf(words, sizeof(words), "link: %u Mb/s%s", interface->card.speed_mbps,
			 interface->has_address ? "" : "; no address");
		fputs("    ", out);
		wrap(out, words, 4);
	}
	if (!interface->has_setting)
		return;
	snprintf(words, sizeof(words), "set now: sent packets %s, received ones: %s",
		 interface->stamps_sent ? "stamped" : "not stamped",
		 ds_card_filter_word(interface->receives));
	fputs("    ", out);
	wrap(out, words, 4);
}

static void print_interfaces(const struct ds_doctor_facts *facts, FILE *out)
{
	char words[DS_DOCTOR_WORDS];

	head(out, "Interfaces");
	for (int i = 0; i < facts->interface_count; i++) {
		ds_doctor_say_interface(facts, &facts->interfaces[i], words);
		item(out, words);
		print_setting(&facts->interfaces[i], out);
	}
	if (facts->interface_count == 0)
		item(out, "none");
}

static void print_devices(const struct ds_doctor_facts *facts, FILE *out)
{
	char words[DS_DOCTOR_WORDS];

	head(out, "Clocks of cards");
	for (int i = 0; i < facts->clock_count; i++) {
		ds_doctor_say_clock(facts, &facts->clocks[i], words);
		item(out, words);
	}
	if (facts->clock_count == 0)
		item(out, "none");
	head(out, "Pulses");
	for (int i = 0; i < facts->pulse_count; i++) {
		ds_doctor_say_pulse(&facts->pulses[i], words);
		item(out, words);
	}
	if (facts->pulse_count == 0)
		item(out, "none");
	head(out, "Real-time clock");
	if (!facts->rtc.there)
		snprintf(words, sizeof(words), "none");
	else if (!facts->rtc.told)
		snprintf(words, sizeof(words), "there, and does not tell the time to us");
	else if (llabs((long long)facts->rtc.minus_system_s) < 2)
		snprintf(words, sizeof(words),
			 "%s: agrees with the system clock to a second, as UTC",
			 facts->rtc.name[0] ? facts->rtc.name : "rtc0");
	else
		snprintf(words, sizeof(words), "%s: %+lld s against the system clock, as UTC",
			 facts->rtc.name[0] ? facts->rtc.name : "rtc0",
			 (long long)facts->rtc.minus_system_s);
	item(out, words);
}

static void print_system(const struct ds_doctor_facts *facts, FILE *out)
{
	static const char *const leaps[] = {"none", "a second is inserted", "a second is deleted"};
	const struct ds_doctor_system *s = &facts->system;
	char words[DS_DOCTOR_WORDS], cost[DS_FIGURE_TEXT], most[DS_FIGURE_TEXT];

	head(out, "System clock");
	snprintf(words, sizeof(words), "source %s (of: %s); read in %s",
		 s->source[0] ? s->source : "not told", s->sources[0] ? s->sources : "not told",
		 ds_figure_ns((double)s->read_ns, false, cost));
	item(out, words);
	if (!s->told) {
		item(out, "the kernel does not tell how it is kept");
		return;
	}
	snprintf(
		words, sizeof(words),
		"the kernel says: %s%s; rate %+.3f ppm; error at most %s; TAI minus UTC: %d s; leap: "
		"%s",
		s->synchronised ? "synchronised" : "not synchronised",
		s->pll ? ", by its own PLL" : "", s->rate_ppb / 1e3,
		ds_figure_ns((double)s->max_error_ns, false, most), s->tai_s,
		leaps[s->leap >= 0 && s->leap <= 2 ? s->leap : 0]);
	item(out, words);
}

static void print_others(const struct ds_doctor_facts *facts, FILE *out)
{
	char words[DS_DOCTOR_WORDS], names[256];

	head(out, "Who else");
	snprintf(words, sizeof(words), "may set the clock: %s",
		 ds_doctor_names(facts, DS_DOCTOR_MAY_KEEP, names, sizeof(names)) ? names
										  : "nobody seen");
	item(out, words);
	snprintf(words, sizeof(words), "may set cards: %s",
		 ds_doctor_names(facts, DS_DOCTOR_SETS_CARDS, names, sizeof(names))
			 ? names
			 : "nobody seen");
	item(out, words);
	if (ds_doctor_names(facts, DS_DOCTOR_GPSD, names, sizeof(names))) {
		snprintf(words, sizeof(words), "a receiver's daemon: %s", names);
		item(out, words);
	}
	for (int i = 0; i < DS_DOCTOR_PORTS; i++) {
		if (!facts->ports[i].open)
			continue;
		snprintf(words, sizeof(words), "UDP port %d: %s", facts->ports[i].port,
			 facts->ports[i].owner[0] ? facts->ports[i].owner : "somebody");
		item(out, words);
	}
}

static void print_host(const struct ds_doctor_facts *facts, FILE *out)
{
	const struct ds_doctor_kernel *k = &facts->kernel;
	const struct ds_doctor_rights *r = &facts->rights;
	char words[DS_DOCTOR_WORDS];

	head(out, "This process and its kernel");
	snprintf(
		words, sizeof(words),
		"user %u; may set the clock: %s; set cards: %s; open port 123: %s; hear what comes "
		"in: %s%s",
		r->uid, yes(r->sys_time && !k->user_namespace), yes(r->net_admin),
		yes(r->bind_service), yes(r->net_raw),
		k->user_namespace ? "; in a user namespace" : "");
	item(out, words);
	snprintf(words, sizeof(words),
		 "card's and kernel's stamp of one packet: %s; stamps by our own ids "
		 "(SCM_TS_OPT_ID): %s; stamps for those alone who asked: %s; cards set by netlink "
		 "(TSCONFIG): %s%s",
		 yes(k->both_stamps), facts->loopback.done ? yes(k->chosen_ids) : "not tried",
		 yes(k->own_filter), yes(k->card_netlink),
		 k->is_virtual ? "; a virtual machine" : "");
	item(out, words);
}

/* ---- advice ---- */

static void print_lines(const char *lines, FILE *out)
{
	while (*lines) {
		int length = (int)strcspn(lines, "\n");

		fprintf(out, "       drivestamp.conf: %.*s\n", length, lines);
		lines += length + (lines[length] == '\n');
	}
}

static void print_advice(const struct ds_doctor_verdict *verdict, enum ds_doctor_grade grade,
			 const char *title, FILE *out)
{
	int number = 0;

	for (int i = 0; i < verdict->count; i++) {
		const struct ds_doctor_advice *a = &verdict->advice[i];

		if (a->grade != grade)
			continue;
		if (number++ == 0)
			head(out, title);
		fprintf(out, "%3d. ", number);
		wrap(out, a->words, 5);
		print_lines(a->lines, out);
		for (int j = 0; j < 2 && a->command[j][0] != '\0'; j++)
			fprintf(out, "       shell: %s\n", a->command[j]);
	}
}

void ds_doctor_print(const struct ds_doctor_facts *facts, const struct ds_doctor_verdict *verdict,
		     FILE *out)
{
	print_title(facts, out);
	print_interfaces(facts, out);
	print_devices(facts, out);
	print_system(facts, out);
	print_others(facts, out);
	print_host(facts, out);
	head(out, "What drivestampd would do");
	item(out, verdict->bare);
	item(out, verdict->better);
	print_advice(verdict, DS_DOCTOR_BETTER, "To be bettered", out);
	print_advice(verdict, DS_DOCTOR_NOTE, "Good to know", out);
	print_advice(verdict, DS_DOCTOR_GOOD, "As it should be", out);
	fprintf(out, "\n%s\n",
		ds_doctor_status(verdict) == 0 ? "Nothing is to be bettered."
					       : "Something is to be bettered: see above.");
}
