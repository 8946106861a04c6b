/* lab_plan: see the header. */
#include "tool/lab_plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/nearest.h"

/* Twelve pairs, six repeats and seven modes in less than three minutes, and more than 500 samples
 * a pair. */
#define HOSTS	       4
#define POLL_LOG2      (-4)
#define SECONDS	       12
#define WARMUP_SECONDS 3
#define REPEATS	       6
#define ALTERNATION    6
#define LOADED_SECONDS 24
/* Kernels that share two processors, and daemons that have to find out how their cards run. */
#define UML_POLL_LOG2	   (-2)
#define UML_SECONDS	   24
#define UML_WARMUP_SECONDS 8
#define ALTERNATION_LEAST  4 /* a second after each change, and one of grain, are lost */
#define DELAY_MOST_US	   1e6
#define LOSS_MOST_PERCENT  90.0

void ds_lab_words_init(struct ds_lab_words *words)
{
	*words = (struct ds_lab_words){.hosts = DS_LAB_UNSET,
				       .poll_log2 = DS_LAB_UNSET,
				       .seconds = DS_LAB_UNSET,
				       .warmup = DS_LAB_UNSET,
				       .repeats = DS_LAB_UNSET,
				       .alternation = DS_LAB_UNSET};
}

static bool __attribute__((format(printf, 2, 3)))
refuse(char why[DS_LAB_WHY], const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(why, DS_LAB_WHY, format, list);
	va_end(list);
	return false;
}

static bool refuse_word(char why[DS_LAB_WHY], const char *option, const char *word,
			const char *what, const char *const *words, int count)
{
	const char *nearest = ds_lab_nearest(word, words, count);

	if (nearest)
		return refuse(why, "--%s: no %s is called '%.60s'; the nearest is '%s'", option,
			      what, word, nearest);
	return refuse(why, "--%s: no %s is called '%.60s'", option, what, word);
}

/* Those without stamps of a card: all that the rigs on this machine have. */
#define PLAIN_MODES ((1U << (DS_LAB_PTP + 1)) - 1)
/* In the rig uml: the experiment of 2016; a guest pays for every packet. */
#define UML_MODES (1U << DS_LAB_BASIC | 1U << DS_LAB_XLEAVE)

static int or_default(int given, int otherwise)
{
	return given == DS_LAB_UNSET ? otherwise : given;
}

static int host_called(const struct ds_lab_plan *plan, const char *name, size_t length)
{
	for (int i = 0; i < plan->hosts; i++) {
		if (strlen(plan->host[i].name) == length &&
		    strncmp(plan->host[i].name, name, length) == 0)
			return i;
	}
	return -1;
}

static bool refuse_host(const struct ds_lab_plan *plan, char why[DS_LAB_WHY], const char *option,
			const char *name, size_t length)
{
	const char *names[DS_LAB_HOSTS];
	char word[DS_LAB_NAME];

	for (int i = 0; i < plan->hosts; i++)
		names[i] = plan->host[i].name;
	snprintf(word, sizeof(word), "%.*s", (int)(length < 31 ? length : 31), name);
	return refuse_word(why, option, word, "host", names, plan->hosts);
}

static bool set_kind(struct ds_lab_host *host, const char *kind, const char *new_kind,
		     const char *option, char why[DS_LAB_WHY])
{
	if (kind[0] == '\0' || strlen(kind) >= sizeof(host->kind))
		return refuse(why, "--%s: a kind of daemon is a word of 1 to %zu letters", option,
			      sizeof(host->kind) - 1);
	snprintf(host->kind, sizeof(host->kind), "%s", kind);
	host->is_new = strcmp(kind, new_kind) == 0;
	return true;
}

/* Half of them old, half new: old1, old2, new1, new2. */
static bool default_hosts(struct ds_lab_plan *plan, int hosts, const char *old_kind,
			  const char *new_kind, char why[DS_LAB_WHY])
{
	int old_hosts = hosts - hosts / 2;

	for (int i = 0; i < hosts; i++) {
		struct ds_lab_host *host = &plan->host[plan->hosts++];
		bool is_new = i >= old_hosts;
		snprintf(host->name, sizeof(host->name), "%s%d", is_new ? "new" : "old",
			 is_new ? i - old_hosts + 1 : i + 1);
		if (!set_kind(host, is_new ? new_kind : old_kind, new_kind, is_new ? "new" : "old",
			      why))
			return false;
		host->is_new = is_new; /* also where both are the same kind */
	}
	return true;
}

static bool is_name(const char *text, size_t length)
{
	return length > 0 && length < DS_LAB_NAME &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") >=
		       length &&
	       text[0] != '-' && text[0] != '.';
}

/* --host NAME=KIND: of a host that is there, or one more. */
static bool named_hosts(struct ds_lab_plan *plan, const struct ds_lab_words *words,
			const char *new_kind, char why[DS_LAB_WHY])
{
	for (int i = 0; i < words->host.count; i++) {
		const char *text = words->host.text[i];
		size_t length = strcspn(text, "=");
		if (text[length] != '=' || !is_name(text, length))
			return refuse(why, "--host: '%.80s' is not NAME=KIND", text);
		int host = host_called(plan, text, length);
		if (host < 0 && plan->rig == DS_LAB_RIG_REMOTE)
			return refuse_host(plan, why, "host", text, length);
		bool was_there = host >= 0;
		bool is_new = was_there && plan->host[host].is_new;
		if (!was_there && plan->hosts == DS_LAB_HOSTS)
			return refuse(why, "--host: more than %d hosts", DS_LAB_HOSTS);
		if (!was_there) {
			host = plan->hosts++;
			snprintf(plan->host[host].name, DS_LAB_NAME, "%.*s", (int)length, text);
		}
		if (!set_kind(&plan->host[host], text + length + 1, new_kind, "host", why))
			return false;
		if (was_there) /* new1 is new, whatever it runs */
			plan->host[host].is_new = is_new;
	}
	return true;
}

static bool take_hosts(struct ds_lab_plan *plan, const struct ds_lab_words *words,
		       char why[DS_LAB_WHY])
{
	const char *old_kind = words->old_kind ? words->old_kind : "chrony";
	const char *new_kind = words->new_kind ? words->new_kind : "drivestamp";

	if (plan->rig == DS_LAB_RIG_REMOTE) {
		if (words->hosts != DS_LAB_UNSET)
			return refuse(why, "--hosts: in the rig remote the hosts are lab.conf's");
		for (int i = 0; i < plan->hosts; i++) {
			struct ds_lab_host *host = &plan->host[i];
			bool is_new = host->is_new;
			if (host->kind[0] == '\0' &&
			    !set_kind(host, is_new ? new_kind : old_kind, new_kind,
				      is_new ? "new" : "old", why))
				return false;
			host->is_new = is_new;
		}
	} else if (!default_hosts(plan, or_default(words->hosts, HOSTS), old_kind, new_kind, why)) {
		return false;
	}
	return named_hosts(plan, words, new_kind, why);
}

static bool take_modes(struct ds_lab_plan *plan, const char *list, char why[DS_LAB_WHY])
{
	const char *names[DS_LAB_MODES];
	const char *at = list;

	if (!list) {
		plan->modes = plan->rig == DS_LAB_RIG_UML ? UML_MODES : PLAIN_MODES;
		return true;
	}
	for (int mode = 0; mode < DS_LAB_MODES; mode++)
		names[mode] = ds_lab_mode_name((enum ds_lab_mode)mode);
	while (*at != '\0') {
		char word[DS_LAB_NAME];
		size_t length = strcspn(at, ", ");
		snprintf(word, sizeof(word), "%.*s", (int)(length < 31 ? length : 31), at);
		enum ds_lab_mode mode = ds_lab_mode_find(word);
		if (length > 0 && mode == DS_LAB_MODES)
			return refuse_word(why, "modes", word, "mode", names, DS_LAB_MODES);
		if (length > 0)
			plan->modes |= 1U << mode;
		at += length + strspn(at + length, ", ");
	}
	return plan->modes != 0 || refuse(why, "--modes: no mode");
}

/* --stamps: whose, for the modes that there are with both. Those named with "-hardware" stay. */
static bool take_stamps(struct ds_lab_plan *plan, const struct ds_lab_words *words,
			char why[DS_LAB_WHY])
{
	static const char *const names[] = {"kernel", "hardware"};
	const char *at = words->stamps;
	unsigned wanted = 0, given = plan->modes;

	if (!at)
		at = plan->rig == DS_LAB_RIG_UML && !words->modes ? "kernel,hardware" : "kernel";
	while (*at != '\0') {
		char word[DS_LAB_NAME];
		size_t length = strcspn(at, ", ");
		snprintf(word, sizeof(word), "%.*s", (int)(length < 31 ? length : 31), at);
		unsigned n = 0;
		while (n < 2 && strcmp(word, names[n]) != 0)
			n++;
		if (length > 0 && n == 2)
			return refuse_word(why, "stamps", word, "stamps", names, 2);
		wanted |= length > 0 ? 1U << n : 0;
		at += length + strspn(at + length, ", ");
	}
	if (wanted == 0)
		return refuse(why, "--stamps: whose? kernel, hardware or both");
	for (int mode = 0; mode < DS_LAB_MODES; mode++) {
		enum ds_lab_mode twin = ds_lab_mode_with_card((enum ds_lab_mode)mode);
		if (!(given & 1U << mode) || twin == DS_LAB_MODES)
			continue;
		if (wanted & 2)
			plan->modes |= 1U << twin;
		if (!(wanted & 1))
			plan->modes &= ~(1U << mode);
	}
	if (words->stamps && wanted & 2 && !(plan->modes & ~PLAIN_MODES))
		return refuse(why, "--stamps: hardware: in the modes basic and xleave only, and "
				   "--modes has none of them");
	if (plan->modes & ~PLAIN_MODES && plan->rig != DS_LAB_RIG_UML &&
	    plan->rig != DS_LAB_RIG_REMOTE)
		return refuse(why, "stamps of a card: only with --rig uml or --rig remote; the "
				   "interfaces of the others have no card");
	return true;
}

/* On one machine all hosts share the processors: load on one is load on all, and more of it would
 * only be more of the same. */
static bool take_load(struct ds_lab_plan *plan, const struct ds_lab_words *words,
		      char why[DS_LAB_WHY])
{
	static const char *const names[] = {"none", "cpu", "net", "both"};
	unsigned load = DS_LAB_LOAD_NONE;

	if (words->load) {
		for (load = 0; load < 4 && strcmp(words->load, names[load]) != 0; load++)
			;
		if (load == 4)
			return refuse_word(why, "load", words->load, "load", names, 4);
	}
	if (words->load_on.count > 0 && load == DS_LAB_LOAD_NONE)
		return refuse(why, "--load-on: no load (--load cpu, net or both)");
	for (int i = 0; i < words->load_on.count; i++) {
		const char *name = words->load_on.text[i];
		int host = host_called(plan, name, strlen(name));
		if (host < 0)
			return refuse_host(plan, why, "load-on", name, strlen(name));
		plan->host[host].load = load;
	}
	for (int i = 0; i < plan->hosts && words->load && words->load_on.count == 0; i++) {
		if (plan->rig == DS_LAB_RIG_REMOTE || i == 0)
			plan->host[i].load = load;
	}
	return true;
}

/* [NAME=]VALUE: for one host, or for all (host -1). */
static bool take_value(const struct ds_lab_plan *plan, const char *option, const char *text,
		       double most, int *host, double *value, char why[DS_LAB_WHY])
{
	const char *equals = strchr(text, '=');
	const char *number = equals ? equals + 1 : text;
	char *end;

	*host = equals ? host_called(plan, text, (size_t)(equals - text)) : -1;
	if (equals && *host < 0)
		return refuse_host(plan, why, option, text, (size_t)(equals - text));
	*value = strtod(number, &end);
	if (end == number || *end != '\0' || !(*value >= 0 && *value <= most))
		return refuse(why, "--%s: '%.60s' is not a number from 0 to %g", option, number,
			      most);
	return true;
}

enum condition { DELAY, ASYMMETRY, JITTER, LOSS };

static void set_condition(struct ds_lab_link *link, enum condition what, double value)
{
	switch (what) {
	case DELAY:
		link->in_delay_us = value;
		break;
	case ASYMMETRY:
		link->out_delay_us = value; /* the delay is added when both are known */
		break;
	case JITTER:
		link->jitter_us = value;
		break;
	case LOSS:
		link->loss_percent = value;
		break;
	}
}

static bool take_conditions(struct ds_lab_plan *plan, const struct ds_lab_words *words,
			    char why[DS_LAB_WHY])
{
	const struct {
		const char *name;
		const struct ds_option_list *list;
		double most;
	} all[] = {{"delay", &words->delay, DELAY_MOST_US},
		   {"asymmetry", &words->asymmetry, DELAY_MOST_US},
		   {"jitter", &words->jitter, DELAY_MOST_US},
		   {"loss", &words->loss, LOSS_MOST_PERCENT}};

	for (int what = DELAY; what <= LOSS; what++) {
		if (plan->rig == DS_LAB_RIG_UML && all[what].list->count > 0)
			return refuse(why,
				      "--%s: only with --rig netns; packets of the rig uml "
				      "go through no relay",
				      all[what].name);
		for (int i = 0; i < all[what].list->count; i++) {
			int host = -1;
			double value = 0;
			if (!take_value(plan, all[what].name, all[what].list->text[i],
					all[what].most, &host, &value, why))
				return false;
			/* Alike on all links it is alike both ways, and no asymmetry at all. */
			if (what == ASYMMETRY && host < 0)
				return refuse(why, "--asymmetry: of which host? (NAME=VALUE)");
			for (int h = 0; h < plan->hosts; h++) {
				if (host < 0 || h == host)
					set_condition(&plan->link[h], (enum condition)what, value);
			}
		}
	}
	for (int h = 0; h < plan->hosts; h++)
		plan->link[h].out_delay_us += plan->link[h].in_delay_us;
	return true;
}

static bool take_times(struct ds_lab_plan *plan, const struct ds_lab_words *words,
		       char why[DS_LAB_WHY])
{
	bool loaded = false;

	for (int i = 0; i < plan->hosts; i++)
		loaded |= plan->host[i].load != DS_LAB_LOAD_NONE;
	bool uml = plan->rig == DS_LAB_RIG_UML;
	plan->poll_log2 = or_default(words->poll_log2, uml ? UML_POLL_LOG2 : POLL_LOG2);
	plan->seconds = or_default(words->seconds, uml	    ? UML_SECONDS
						   : loaded ? LOADED_SECONDS
							    : SECONDS);
	plan->warmup_seconds = or_default(words->warmup, uml ? UML_WARMUP_SECONDS : WARMUP_SECONDS);
	plan->repeats = or_default(words->repeats, REPEATS);
	plan->alternation_seconds = or_default(words->alternation, loaded ? ALTERNATION : 0);
	if (words->alternation != DS_LAB_UNSET && !loaded)
		return refuse(why, "--alternation: no load to alternate with (--load)");
	if (loaded && plan->alternation_seconds < ALTERNATION_LEAST)
		return refuse(why, "--alternation: under %d s nothing is left to measure",
			      ALTERNATION_LEAST);
	if (loaded && plan->seconds < 2 * plan->alternation_seconds)
		return refuse(why, "--duration: with load, at least idle and loaded once (%d s)",
			      2 * plan->alternation_seconds);
	if (ldexp(1, plan->poll_log2) > plan->seconds)
		return refuse(why, "--poll: 2^%d s is longer than --duration", plan->poll_log2);
	return true;
}

static bool take_rig(struct ds_lab_plan *plan, const struct ds_lab_words *words,
		     char why[DS_LAB_WHY])
{
	static const char *const names[] = {
		[DS_LAB_RIG_NETNS] = "netns",
		[DS_LAB_RIG_LOOPBACK] = "loopback",
		[DS_LAB_RIG_REMOTE] = "remote",
		[DS_LAB_RIG_UML] = "uml",
	};
	int rig = 0;

	if (words->loopback && words->rig && strcmp(words->rig, "loopback") != 0)
		return refuse(why, "--loopback: --rig %.40s says otherwise", words->rig);
	if (words->loopback)
		rig = DS_LAB_RIG_LOOPBACK;
	else if (words->rig) {
		while (rig < 4 && strcmp(words->rig, names[rig]) != 0)
			rig++;
		if (rig == 4)
			return refuse_word(why, "rig", words->rig, "rig", names, 4);
	}
	if ((plan->rig == DS_LAB_RIG_REMOTE) != (rig == DS_LAB_RIG_REMOTE))
		return refuse(why, "--rig remote and lab.conf (--conf) go together");
	plan->rig = (enum ds_lab_rig_kind)rig;
	return true;
}

bool ds_lab_plan_make(struct ds_lab_plan *plan, const struct ds_lab_words *words,
		      char why[DS_LAB_WHY])
{
	if (!take_rig(plan, words, why) || !take_hosts(plan, words, why) ||
	    !take_modes(plan, words->modes, why) || !take_stamps(plan, words, why) ||
	    !take_load(plan, words, why) || !take_conditions(plan, words, why) ||
	    !take_times(plan, words, why))
		return false;
	if (plan->hosts < 2)
		return refuse(why, "--hosts: at least two");
	if (words->keep) {
		plan->keep = true;
		if (strlen(words->keep) >= sizeof(plan->directory))
			return refuse(why, "--keep: too long");
		snprintf(plan->directory, sizeof(plan->directory), "%s", words->keep);
	}
	return true;
}
