/* doctor_advice: from facts to words. It must never look at the machine, nor offer a line or a
 * command where it would not help. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lab/statistics.h"
#include "tool/doctor.h"

#define NS	    INT64_C(1000000000)
#define SLOW_NS	    1000     /* a reading of the clock that needs a system call, or worse */
#define TAI_NEAR_NS (NS / 2) /* a card's clock so near to TAI is taken to keep it */
#define TAI_S	    37	     /* since 2017; the kernel's own count goes first */
#define RTC_S	    2	     /* read to a second on both sides */
#define ZONE_S	    50400    /* the farthest local time is from UTC */

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool ds_doctor_names(const struct ds_doctor_facts *facts, unsigned roles, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < facts->process_count; i++) {
		const struct ds_doctor_process *p = &facts->processes[i];
		int length;

		if ((p->roles & roles) == 0 || used >= size)
			continue;
		length = snprintf(text + used, size - used, "%s%s[%ld]", used ? " " : "", p->name,
				  p->pid);
		used += length > 0 ? (size_t)length : 0;
	}
	return used > 0;
}

static bool runs(const struct ds_doctor_facts *facts, const char *name)
{
	for (int i = 0; i < facts->process_count; i++) {
		if (is(facts->processes[i].name, name))
			return true;
	}
	return false;
}

/* A container: its root has no right over the machine's clock. */
static bool cannot_keep(const struct ds_doctor_facts *facts)
{
	return facts->kernel.user_namespace || (facts->rights.uid == 0 && !facts->rights.sys_time);
}

/* ---- one finding ---- */

static struct ds_doctor_advice *place_for(struct ds_doctor_verdict *v, enum ds_doctor_grade grade)
{
	if (v->count < DS_DOCTOR_ADVICE)
		return &v->advice[v->count++];
	for (int i = v->count - 1; i >= 0; i--) {
		if (v->advice[i].grade < grade)
			return &v->advice[i];
	}
	return NULL;
}

/* Adds one; where there is no place it goes to `spare`, and is lost. */
__attribute__((format(printf, 5, 6))) static struct ds_doctor_advice *
add(struct ds_doctor_verdict *v, enum ds_doctor_grade grade, const char *id, const char *subject,
    const char *format, ...)
{
	struct ds_doctor_advice *a = place_for(v, grade);
	va_list arguments;

	if (!a)
		a = &v->spare;
	memset(a, 0, sizeof(*a));
	a->grade = grade;
	a->id = id;
	snprintf(a->subject, sizeof(a->subject), "%s", subject);
	va_start(arguments, format);
	vsnprintf(a->words, sizeof(a->words), format, arguments);
	va_end(arguments);
	return a;
}

__attribute__((format(printf, 2, 3))) static void line(struct ds_doctor_advice *a,
						       const char *format, ...)
{
	size_t used = strlen(a->lines);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(a->lines + used, sizeof(a->lines) - used, format, arguments);
	va_end(arguments);
	used = strlen(a->lines);
	if (used + 1 < sizeof(a->lines))
		memcpy(a->lines + used, "\n", 2);
}

__attribute__((format(printf, 2, 3))) static void command(struct ds_doctor_advice *a,
							  const char *format, ...)
{
	char *where = a->command[a->command[0][0] != '\0' ? 1 : 0];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(where, sizeof(a->command[0]), format, arguments);
	va_end(arguments);
}

/* What a daemon that runs may have in its configuration already is no more than a note. */
static enum ds_doctor_grade unless_running(const struct ds_doctor_facts *facts)
{
	return runs(facts, "drivestampd") ? DS_DOCTOR_NOTE : DS_DOCTOR_BETTER;
}

/* ---- interfaces ---- */

static bool stamps_all(const struct ds_card *card)
{
	return card->rx_hardware &&
	       (card->filters[DS_CARD_FILTER_ALL] || card->filters[DS_CARD_FILTER_NTP]);
}

static bool stamps_ptp(const struct ds_card *card)
{
	return card->rx_hardware && !stamps_all(card) && card->filters[DS_CARD_FILTER_PTP];
}

static bool has_hardware(const struct ds_card *card)
{
	return card->tx_hardware || card->rx_hardware;
}

/* A trial of a card counts where the card could be set up. */
static bool card_tried(const struct ds_doctor_interface *interface)
{
	return interface->trial.done && interface->trial.why[0] == '\0';
}

bool ds_doctor_tx_silent(const struct ds_doctor_interface *interface)
{
	return interface->card.tx_hardware && card_tried(interface) &&
	       interface->trial.sent >= DS_DOCTOR_TRIAL && interface->trial.tx_card == 0;
}

/* A filter for NTP alone says nothing of what the neighbours' answers are. */
bool ds_doctor_rx_silent(const struct ds_doctor_interface *interface)
{
	return stamps_all(&interface->card) && card_tried(interface) &&
	       interface->trial.filter == DS_CARD_FILTER_ALL &&
	       interface->trial.heard >= DS_DOCTOR_TRIAL && interface->trial.rx_card == 0;
}

/* Was everything that was promised shown? */
static bool shown(const struct ds_doctor_interface *interface)
{
	const struct ds_doctor_trial *t = &interface->trial;

	return card_tried(interface) && (!interface->card.tx_hardware || t->tx_card > 0) &&
	       (!interface->card.rx_hardware || t->rx_card > 0);
}

struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->at, text->left, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	size_t step = (size_t)length < text->left ? (size_t)length : text->left - 1;
	text->at += step;
	text->left -= step;
}

static void say_silent(struct text *text, const struct ds_doctor_interface *interface)
{
	bool tx = ds_doctor_tx_silent(interface), rx = ds_doctor_rx_silent(interface);
	bool all = (tx || !interface->card.tx_hardware) &&
		   (rx || !interface->card.rx_hardware || interface->trial.rx_card == 0);

	if (all)
		say(text, "promises stamps in hardware and gives none");
	else
		say(text, "promises stamps in hardware both ways and gives none of what it %s",
		    tx ? "sends" : "receives");
}

static void say_hardware(struct text *text, const struct ds_doctor_interface *interface)
{
	const struct ds_card *card = &interface->card;
	const char *verb = shown(interface) ? "stamps" : "can stamp";

	if (card->kind == DS_CARD_LOOPBACK)
		say(text, "has no card");
	else if (!has_hardware(card))
		say(text, "stamps nothing in hardware");
	else if (ds_doctor_tx_silent(interface) || ds_doctor_rx_silent(interface))
		say_silent(text, interface);
	else if (card->tx_hardware && stamps_all(card))
		say(text, "%s every packet both ways in hardware", verb);
	else if (card->tx_hardware && stamps_ptp(card))
		say(text, "%s in hardware what it sends, but of what it receives only PTP",
		    interface->trial.tx_card > 0 && card_tried(interface) ? "stamps" : verb);
	else if (card->tx_hardware)
		say(text, "%s in hardware what it sends, and nothing that it receives", verb);
	else
		say(text, "%s in hardware %s that it receives, and nothing that it sends", verb,
		    stamps_all(card) ? "everything" : "PTP");
	if (has_hardware(card) && !interface->trial.done && card->driver[0] != '\0')
		say(text, ", says its driver %s", card->driver);
	if (strcmp(card->stamper, card->interface) != 0 && card->stamper[0] != '\0')
		say(text, " (by %s, on which it stands)", card->stamper);
}

/* Promised, or shown; a promise that was tried and broken is neither. */
static void say_software(struct text *text, const struct ds_doctor_interface *interface)
{
	const struct ds_card *card = &interface->card;
	const struct ds_doctor_trial *t = &interface->trial;
	bool tx_shown = t->done && t->tx_kernel > 0, rx_shown = t->done && t->rx_kernel > 0;
	const char *verb = (tx_shown || !card->tx_software) && (rx_shown || !card->rx_software)
				   ? "stamps"
				   : "can stamp";

	if (t->done && card->tx_software && !tx_shown)
		say(text, "; the kernel promises to stamp what it sends and does not");
	else if (card->tx_software && card->rx_software)
		say(text, "; the kernel %s both ways", verb);
	else if (card->rx_software)
		say(text, "; the kernel %s only what it receives", verb);
	else if (card->tx_software)
		say(text, "; the kernel %s only what it sends", verb);
	else
		say(text, "; nothing is said of the kernel's stamps");
}

static void say_trial(struct text *text, const struct ds_doctor_interface *interface)
{
	const struct ds_doctor_trial *t = &interface->trial;

	if (!t->done)
		return;
	say(text, ". Tried: of %d sent the kernel stamped %d", t->sent, t->tx_kernel);
	if (has_hardware(&interface->card))
		say(text, ", the card %d", t->tx_card);
	if (t->heard == 0)
		say(text, "; nothing came in");
	else
		say(text, "; of %d received the kernel %d", t->heard, t->rx_kernel);
	if (t->heard > 0 && has_hardware(&interface->card))
		say(text, ", the card %d", t->rx_card);
}

/* How exactly: a reading that took no time which the system clock shows says no more than that. */
static const char *width_words(int64_t ns, char buffer[DS_FIGURE_TEXT])
{
	return ns > 0 ? ds_figure_ns((double)ns, false, buffer) : "the grain of the clocks";
}

static const struct ds_doctor_clock *clock_of(const struct ds_doctor_facts *facts, int number)
{
	for (int i = 0; i < facts->clock_count; i++) {
		if (facts->clocks[i].number == number)
			return &facts->clocks[i];
	}
	return NULL;
}

static void say_its_clock(struct text *text, const struct ds_doctor_facts *facts,
			  const struct ds_card *card)
{
	const struct ds_doctor_clock *clock = clock_of(facts, card->phc_index);
	char width[DS_FIGURE_TEXT];

	if (card->phc_index < 0)
		return;
	say(text, "; its clock /dev/ptp%d", card->phc_index);
	if (clock && clock->readable && clock->way == DS_PHC_PRECISE)
		say(text, " is read together with the system's, in hardware");
	else if (clock && clock->readable)
		say(text, " can be read to %s", width_words(clock->median_ns, width));
	else
		say(text, " cannot be read");
}

void ds_doctor_say_interface(const struct ds_doctor_facts *facts,
			     const struct ds_doctor_interface *interface,
			     char words[DS_DOCTOR_WORDS])
{
	const struct ds_card *card = &interface->card;
	struct text text = {words, DS_DOCTOR_WORDS};

	words[0] = '\0';
	say(&text, "%s ", card->interface);
	say_hardware(&text, interface);
	say_software(&text, interface);
	say_its_clock(&text, facts, card);
	if (!card->is_up)
		say(&text, "; it is down");
	say_trial(&text, interface);
	say(&text, ".");
}

static void judge_card(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v,
		       const struct ds_doctor_interface *interface)
{
	const struct ds_card *card = &interface->card;
	const char *name = card->interface;
	bool ready = interface->has_setting && interface->stamps_sent &&
		     (!stamps_all(card) || interface->receives >= DS_CARD_FILTER_ALL);
	enum ds_doctor_grade grade = ready && (runs(facts, "drivestampd") || runs(facts, "chronyd"))
					     ? DS_DOCTOR_GOOD
					     : DS_DOCTOR_BETTER;
	struct ds_doctor_advice *a;

	if (card->phc_index < 0) {
		add(v, DS_DOCTOR_NOTE, "card-no-clock", name,
		    "%s stamps by a clock that nobody can read: such stamps cannot be used.", name);
		return;
	}
	if (card->tx_hardware && stamps_all(card)) {
		a = add(v, grade, "card-stamps", name,
			grade == DS_DOCTOR_GOOD
				? "The card of %s stamps both ways, and is set to."
				: "Have the card of %s stamp both ways: what the kernel and its queues "
				  "do to a packet is then in no measurement.",
			name);
		line(a, "hwtimestamp %s", name);
	} else if (stamps_ptp(card)) {
		a = add(v, grade, "card-ptp-only", name,
			"The card of %s stamps what it receives only on PTP's ports. With its transmit "
			"stamps alone half of the way is better; for both, send NTP over those ports: "
			"ptpport here, and 'server NAME port 319' on who asks.",
			name);
		line(a, "hwtimestamp %s rxfilter ptp", name);
		line(a, "ptpport 319");
	} else if (card->tx_hardware) {
		a = add(v, grade, "card-tx-only", name,
			"The card of %s stamps what it sends; what it receives the kernel stamps.",
			name);
		line(a, "hwtimestamp %s", name);
	}
}

static void judge_silence(struct ds_doctor_verdict *v, const struct ds_doctor_interface *interface)
{
	const struct ds_card *card = &interface->card;
	bool tx = ds_doctor_tx_silent(interface);
	struct ds_doctor_advice *a = add(
		v, DS_DOCTOR_BETTER, "card-silent", card->interface,
		"The driver %s of %s promises stamps in hardware; of %d packets %s none had one. "
		"drivestampd finds that out as well and takes the kernel's: leave %s out of "
		"hwtimestamp, and look for a newer driver or firmware.",
		card->driver[0] ? card->driver : "(it has no name)", card->interface,
		tx ? interface->trial.sent : interface->trial.heard, tx ? "sent" : "received",
		card->interface);

	command(a, "ethtool -T %s", card->interface);
	command(a, "ethtool -i %s", card->interface);
}

/* Who may have set the card as it is? */
static void judge_setting(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v,
			  const struct ds_doctor_interface *interface)
{
	const char *name = interface->card.interface;
	char names[128];

	if (!interface->has_setting ||
	    (!interface->stamps_sent && interface->receives == DS_CARD_FILTER_NONE))
		return;
	if (!ds_doctor_names(facts, DS_DOCTOR_SETS_CARDS, names, sizeof(names)))
		add(v, DS_DOCTOR_NOTE, "card-set", name,
		    "The card of %s is set to stamp (sent: %s; received: %s) by somebody who is not "
		    "seen here; it stays as it was set when a program ends that does not put it back.",
		    name, interface->stamps_sent ? "yes" : "no",
		    ds_card_filter_word(interface->receives));
	else if (interface->receives == DS_CARD_FILTER_PTP && stamps_all(&interface->card))
		add(v, DS_DOCTOR_NOTE, "card-set", name,
		    "The card of %s is set to stamp only PTP of what it receives, perhaps by %s. With "
		    "hwtimestamp drivestampd would have it stamp everything, which is more.",
		    name, names);
}

static void judge_interface(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v,
			    const struct ds_doctor_interface *interface)
{
	const struct ds_card *card = &interface->card;
	const struct ds_doctor_trial *t = &interface->trial;
	struct ds_doctor_advice *a;

	if (interface->left_changed) {
		a = add(v, DS_DOCTOR_BETTER, "card-left-changed", card->interface,
			"The card of %s could not be put back as it was before the trial.",
			card->interface);
		command(a, "sudo hwstamp_ctl -i %s -t %d -r %d", card->stamper,
			interface->setting.tx_type, interface->setting.rx_filter);
	}
	if (card->kind == DS_CARD_LOOPBACK) {
		if (!t->done)
			add(v, DS_DOCTOR_NOTE, "kernel-not-tried", card->interface,
			    "Whether the kernel stamps was not tried over %s: %s.", card->interface,
			    !card->is_up ? "it is down"
			    : t->why[0]	 ? t->why
					 : "nothing could be sent");
		else if (t->tx_kernel == 0 || t->rx_kernel == 0)
			add(v, DS_DOCTOR_NOTE, "kernel-silent", card->interface,
			    "The kernel gave no stamps of packets over %s (%d of %d sent, %d of %d "
			    "received): drivestampd reads the clock itself, which is worse.",
			    card->interface, t->tx_kernel, t->sent, t->rx_kernel, t->heard);
		return;
	}
	if (facts->tried && t->why[0] != '\0')
		add(v, DS_DOCTOR_NOTE, "not-tried", card->interface, "%s was not fully tried: %s.",
		    card->interface, t->why);
	if (t->done && t->tx_kernel == 0 && card->tx_software)
		add(v, DS_DOCTOR_NOTE, "kernel-silent", card->interface,
		    "The driver %s of %s promises the kernel's transmit stamps and gave none in %d "
		    "packets: drivestampd reads the clock itself before it sends.",
		    card->driver, card->interface, t->sent);
	if (card->note[0] != '\0')
		add(v, DS_DOCTOR_NOTE, "card-note", card->interface, "%s: %s.", card->interface,
		    card->note);
	if (ds_doctor_tx_silent(interface) || ds_doctor_rx_silent(interface))
		judge_silence(v, interface);
	else if (has_hardware(card) && card->is_up)
		judge_card(facts, v, interface);
	judge_setting(facts, v, interface);
}

/* Promises alone are worth less. */
static void judge_promises(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v)
{
	for (int i = 0; i < facts->interface_count && !facts->tried; i++) {
		if (!has_hardware(&facts->interfaces[i].card) || !facts->interfaces[i].card.is_up)
			continue;
		command(add(v, DS_DOCTOR_NOTE, "promises", "interfaces",
			    "What drivers say of their cards was not tried: some promise stamps and "
			    "give none. --try sends %d packets by each interface, and puts the cards "
			    "back.",
			    DS_DOCTOR_TRIAL),
			"sudo drivestamp doctor --try");
		return;
	}
}

/* ---- clocks of cards ---- */

/* TAI as far as is known here. */
static int tai_s(const struct ds_doctor_facts *facts)
{
	return facts->system.tai_s > 0 ? facts->system.tai_s : TAI_S;
}

static bool keeps_tai(const struct ds_doctor_facts *facts, const struct ds_doctor_clock *clock)
{
	return llabs(clock->offset_ns - tai_s(facts) * NS) < TAI_NEAR_NS;
}

/* A clock of the host below this virtual machine. */
static bool is_hosts(const struct ds_doctor_clock *clock)
{
	return is(clock->name, "KVM virtual PTP") || is(clock->name, "hyperv") ||
	       is(clock->name, "ptp_vmw");
}

void ds_doctor_say_clock(const struct ds_doctor_facts *facts, const struct ds_doctor_clock *clock,
			 char words[DS_DOCTOR_WORDS])
{
	static const char *const ways[] = {"both clocks stamped at once, in hardware",
					   "the system clock read just around the register",
					   "the system clock read around the whole call"};
	char least[DS_FIGURE_TEXT], median[DS_FIGURE_TEXT], offset[DS_FIGURE_TEXT];
	struct text text = {words, DS_DOCTOR_WORDS};

	words[0] = '\0';
	say(&text, "/dev/ptp%d", clock->number);
	if (clock->name[0] != '\0')
		say(&text, " (%s)", clock->name);
	if (!clock->readable) {
		say(&text, " cannot be read: %s", clock->why);
	} else {
		if (clock->way == DS_PHC_PRECISE)
			say(&text, " can be read without an error of reading");
		else
			say(&text, " can be read to %s (at best %s)",
			    width_words(clock->median_ns, median),
			    width_words(clock->least_ns, least));
		say(&text, ": %s; %s against the system clock", ways[clock->way],
		    ds_figure_ns((double)clock->offset_ns, true, offset));
		if (keeps_tai(facts, clock))
			say(&text, " (it keeps TAI)");
		if (clock->has_rate)
			say(&text, ", %+.3f ppm", clock->rate_ppb / 1e3);
	}
	if (clock->inputs > 0)
		say(&text, "; %d input%s for pulses", clock->inputs, clock->inputs > 1 ? "s" : "");
	if (clock->pins > 0)
		say(&text, ", %d programmable pin%s", clock->pins, clock->pins > 1 ? "s" : "");
	if (clock->outputs > 0)
		say(&text, "; %d output%s", clock->outputs, clock->outputs > 1 ? "s" : "");
	if (clock->vclocks > 0)
		say(&text, "; %d virtual clock%s on it", clock->vclocks,
		    clock->vclocks > 1 ? "s" : "");
	say(&text, ".");
}

/* A device that is there, and not for us. */
static void judge_device(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v,
			 const char *device, bool has_node, const char *group)
{
	struct ds_doctor_advice *a;

	if (!has_node) {
		a = add(v, DS_DOCTOR_BETTER, "device-missing", device,
			"The kernel has %s, and /dev has not: in a container it must be handed in.",
			device);
		command(a, "docker run --device %s ...", device);
	} else if (group[0] != '\0') {
		a = add(v, DS_DOCTOR_BETTER, "device-rights", device,
			"%s may be opened by the group %s, which this user is not in.", device,
			group);
		command(a, "sudo usermod -aG %s $(id -un)", group);
	} else {
		add(v, facts->rights.uid == 0 ? DS_DOCTOR_BETTER : DS_DOCTOR_NOTE, "device-rights",
		    device,
		    facts->rights.uid == 0
			    ? "%s cannot be opened, though we are root: the container forbids it."
			    : "%s is for root alone: drivestampd opens it before it gives up its "
			      "rights.",
		    device);
	}
}

static void judge_clock(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v,
			const struct ds_doctor_clock *clock)
{
	struct ds_doctor_advice *a;
	char device[24];

	snprintf(device, sizeof(device), "/dev/ptp%d", clock->number);
	if (!clock->readable) {
		if (clock->has_node && clock->allowed) {
			add(v, DS_DOCTOR_NOTE, "clock-unreadable", device,
			    "%s can be opened, but %s: what it stamps is of no use.", device,
			    clock->why[0] != '\0' ? clock->why : "not read");
			return;
		}
		judge_device(facts, v, device, clock->has_node, clock->group);
		return;
	}
	if (is_hosts(clock)) {
		a = add(v, unless_running(facts), "clock-of-host", device,
			"%s is the clock of the host below this virtual machine: as good as that "
			"one is kept, and nearer than any server.",
			device);
		line(a, "refclock PHC %s poll 2", device);
	} else if (keeps_tai(facts, clock) && runs(facts, "ptp4l")) {
		a = add(v, unless_running(facts), "clock-tai", device,
			"%s keeps TAI, by ptp4l: a source as good as its grandmaster.", device);
		line(a, "leapsectz right/UTC");
		line(a, "refclock PHC %s tai", device);
	}
	if (clock->inputs > 0) {
		a = add(v, DS_DOCTOR_NOTE, "clock-input", device,
			"%s stamps pulses at an input: better than a pulse that interrupts a "
			"processor, where a receiver is wired to it.",
			device);
		line(a, "refclock PHC %s:extpps:pin=0:channel=0 prefer", device);
	}
}

static bool has_hosts_clock(const struct ds_doctor_facts *facts)
{
	for (int i = 0; i < facts->clock_count; i++) {
		if (is_hosts(&facts->clocks[i]))
			return true;
	}
	return false;
}

static void judge_virtual(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v)
{
	struct ds_doctor_advice *a;

	if (!facts->kernel.is_virtual || has_hosts_clock(facts) ||
	    strstr(facts->system.sources, "kvm-clock") == NULL || cannot_keep(facts))
		return;
	a = add(v, DS_DOCTOR_NOTE, "clock-of-host-missing", "clock",
		"KVM's clock of the host can be a source of this virtual machine, where both kernels "
		"have it; here no device shows it.");
	command(a, "sudo modprobe ptp_kvm");
}

/* ---- pulses ---- */

void ds_doctor_say_pulse(const struct ds_doctor_pulse *pulse, char words[DS_DOCTOR_WORDS])
{
	char offset[DS_FIGURE_TEXT], jitter[DS_FIGURE_TEXT];
	struct text text = {words, DS_DOCTOR_WORDS};

	words[0] = '\0';
	say(&text, "/dev/pps%d", pulse->number);
	if (pulse->name[0] != '\0')
		say(&text, " (%s)", pulse->name);
	if (pulse->why[0] != '\0')
		say(&text, ": %s", pulse->why);
	else if (pulse->seen == 0)
		say(&text, ": no pulse in %.1f s", pulse->watched_s);
	else
		say(&text, ": %d pulse%s in %.1f s, the last %s from the system clock's second",
		    pulse->seen, pulse->seen > 1 ? "s" : "", pulse->watched_s,
		    ds_figure_ns((double)pulse->offset_ns, true, offset));
	if (pulse->interval_ns != 0)
		say(&text, "; a second %s from the one before",
		    ds_figure_ns((double)(pulse->interval_ns - NS), true, jitter));
	if (!pulse->readable)
		say(&text, "; the device is not for us");
	say(&text, ".");
}

static void judge_pulse(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v,
			const struct ds_doctor_pulse *pulse)
{
	bool gpsd = ds_doctor_names(facts, DS_DOCTOR_GPSD, (char[64]){0}, 64);
	struct ds_doctor_advice *a;
	char device[24];

	snprintf(device, sizeof(device), "/dev/pps%d", pulse->number);
	if (!pulse->readable)
		judge_device(facts, v, device, pulse->has_node, pulse->group);
	if (strncmp(pulse->name, "ptp", 3) == 0) {
		add(v, DS_DOCTOR_NOTE, "pulse-of-card", device,
		    "%s is a card's own clock (%s) telling its seconds, where somebody has it do so: "
		    "no receiver.",
		    device, pulse->name);
		return;
	}
	if (pulse->seen == 0 && pulse->why[0] == '\0') {
		add(v, DS_DOCTOR_BETTER, "pulse-silent", device,
		    "No pulse came at %s in %.1f s: look after the antenna, the cable, and whether "
		    "the receiver has a fix (many give no pulse without one).",
		    device, pulse->watched_s);
		return;
	}
	if (pulse->seen == 0)
		return;
	a = add(v, unless_running(facts), "pulse", device,
		gpsd ? "%s gives pulses, and gpsd tells their seconds: a clock of stratum 1."
		     : "%s gives pulses: a clock of stratum 1, once servers have said which second "
		       "it is.",
		device);
	if (gpsd)
		line(a, "refclock SHM 0 refid NMEA noselect delay 0.2");
	line(a, "refclock PPS %s refid PPS prefer%s", device, gpsd ? " lock NMEA" : "");
}

static void judge_gpsd(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v)
{
	struct ds_doctor_advice *a;
	char names[64];

	if (!ds_doctor_names(facts, DS_DOCTOR_GPSD, names, sizeof(names)) || facts->pulse_count > 0)
		return;
	a = add(v, unless_running(facts), "gpsd", "gpsd",
		"%s runs, and no pulse device is there: its time alone is good to some milliseconds. "
		"Is the receiver's pulse wired? %s",
		names,
		facts->kernel.device_tree ? "To a pin: as pps-gpio (on a Raspberry Pi "
					    "'dtoverlay=pps-gpio,gpiopin=18' in config.txt)."
					  : "To DCD of a serial port: as pps_ldisc.");
	line(a, "refclock SHM 0 refid NMEA delay 0.2");
	command(a, "sudo modprobe %s", facts->kernel.device_tree ? "pps-gpio" : "pps_ldisc");
}

/* ---- the clock and who keeps it ---- */

static void judge_source(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v)
{
	static const char *const poor[] = {"hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"};
	const struct ds_doctor_system *s = &facts->system;
	struct ds_doctor_advice *a;

	for (size_t i = 0; i < sizeof(poor) / sizeof(poor[0]); i++) {
		if (!is(s->source, poor[i]))
			continue;
		if (strstr(s->sources, "tsc")) {
			a = add(v, DS_DOCTOR_BETTER, "clock-source", "clock",
				"The clock source is %s, though tsc is there: it is read faster and "
				"more finely.",
				s->source);
			command(a, "echo tsc | sudo tee /sys/devices/system/clocksource/"
				   "clocksource0/current_clocksource");
		} else {
			a = add(v, DS_DOCTOR_NOTE, "clock-source", "clock",
				"The clock source is %s, which is slow to read and coarse; the kernel "
				"may have said why it took no better one.",
				s->source);
			command(a, "sudo dmesg | grep -iE 'tsc|clocksource'");
		}
		return;
	}
	if (s->read_ns > SLOW_NS)
		add(v, DS_DOCTOR_NOTE, "clock-slow", "clock",
		    "A reading of the clock takes %.1f us (source %s): stamps that a program takes "
		    "itself are no better than that. The kernel's and a card's do not suffer.",
		    (double)s->read_ns / 1e3, s->source[0] ? s->source : "not told");
}

/* ptp4l keeps a card's clock; phc2sys carries it to the system's. */
static int keepers(const struct ds_doctor_facts *facts, const struct ds_doctor_process **first)
{
	int count = 0;

	for (int i = 0; i < facts->process_count; i++) {
		const struct ds_doctor_process *p = &facts->processes[i];

		if ((p->roles & DS_DOCTOR_MAY_KEEP) == 0 || is(p->name, "ptp4l"))
			continue;
		if (count++ == 0)
			*first = p;
	}
	return count;
}

static void judge_keeper(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v)
{
	const struct ds_doctor_process *first = NULL;
	int count = keepers(facts, &first);
	struct ds_doctor_advice *a;
	char names[160];

	if (count > 1) {
		ds_doctor_names(facts, DS_DOCTOR_MAY_KEEP, names, sizeof(names));
		add(v, DS_DOCTOR_BETTER, "keepers", "clock",
		    "More than one may set this clock: %s. Where two do, neither is right: end all "
		    "but one.",
		    names);
	} else if (count == 1 && is(first->name, "drivestampd")) {
		add(v, facts->system.synchronised ? DS_DOCTOR_GOOD : DS_DOCTOR_NOTE, "keeper",
		    "clock", "%s[%ld] keeps this clock%s.", first->name, first->pid,
		    facts->system.synchronised
			    ? ""
			    : "; the kernel is not told that it is synchronised (rtcsync does that)");
	} else if (count == 1) {
		a = add(v, DS_DOCTOR_NOTE, "keeper", "clock",
			"%s[%ld] may set this clock. End it before drivestampd keeps the clock; "
			"beside it drivestampd --shadow shows which of them is better.",
			first->name, first->pid);
		if (first->unit[0] != '\0')
			command(a, "sudo systemctl disable --now %s", first->unit);
		else
			command(a, "sudo kill %ld", first->pid);
	} else if (facts->system.synchronised) {
		add(v, DS_DOCTOR_NOTE, "keeper", "clock",
		    "The kernel says that its clock is kept, by nobody who can be seen from here.");
	} else if (cannot_keep(facts)) {
		add(v, DS_DOCTOR_NOTE, "keeper-missing", "clock",
		    "Nobody who keeps this clock can be seen from here, and from here nobody can keep "
		    "it; the kernel says that it is not synchronised.");
	} else {
		a = add(v, DS_DOCTOR_BETTER, "keeper-missing", "clock",
			"Nobody keeps this clock. Name servers in /etc/drivestamp/drivestamp.conf, and "
			"start drivestampd.");
		line(a, "pool 2.debian.pool.ntp.org iburst");
		line(a, "makestep 1 3");
		command(a, "sudo drivestampd");
	}
}

static void judge_rights(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v)
{
	const struct ds_doctor_rights *r = &facts->rights;
	struct ds_doctor_advice *a;

	if (r->uid != 0) {
		a = add(v, DS_DOCTOR_NOTE, "rights", "rights",
			"This was looked at as an ordinary user. drivestampd is started as root, and "
			"keeps the rights that it needs; or it can be given them%s.",
			facts->kernel.user_namespace
				? ", but not in this user namespace: none reaches the machine's clock "
				  "from here"
				: "");
		if (!facts->kernel.user_namespace)
			command(a, "sudo setcap cap_sys_time,cap_net_admin,cap_net_bind_service+ep "
				   "$(command -v drivestampd)");
		return;
	}
	if (cannot_keep(facts)) {
		a = add(v, DS_DOCTOR_BETTER, "rights-clock", "rights",
			"Here nobody may set the clock (CAP_SYS_TIME%s). Keep it outside, and serve or "
			"watch from here with -x%s.",
			facts->kernel.user_namespace ? " does not reach out of a user namespace"
						     : " is missing",
			facts->kernel.user_namespace ? "" : "; or give the container the right");
		command(a, "drivestampd -x");
		if (!facts->kernel.user_namespace)
			command(a, "docker run --cap-add SYS_TIME ...");
	}
	if (!r->net_raw && facts->tried)
		add(v, DS_DOCTOR_NOTE, "rights-hear", "rights",
		    "What comes in could not be heard (CAP_NET_RAW is missing): of --try only what was "
		    "sent counts.");
	if (!r->bind_service)
		add(v, DS_DOCTOR_NOTE, "rights-port", "rights",
		    "Port 123 cannot be opened here (CAP_NET_BIND_SERVICE is missing): 'port 0' to "
		    "serve nobody, or a port above 1023.");
	for (int i = 0; i < facts->interface_count && !r->net_admin; i++) {
		if (!has_hardware(&facts->interfaces[i].card))
			continue;
		a = add(v, DS_DOCTOR_BETTER, "rights-card", "rights",
			"No card can be told to stamp from here (CAP_NET_ADMIN is missing).");
		command(a, "docker run --cap-add NET_ADMIN --network host ...");
		break;
	}
}

static void judge_ports(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v)
{
	for (int i = 0; i < DS_DOCTOR_PORTS; i++) {
		const struct ds_doctor_port *p = &facts->ports[i];

		if (!p->open || strncmp(p->owner, "drivestampd[", 12) == 0)
			continue;
		add(v, DS_DOCTOR_NOTE, "port", "ports",
		    "UDP port %d is taken by %s: drivestampd cannot %s there while that runs.",
		    p->port, p->owner[0] ? p->owner : "somebody who cannot be seen from here",
		    p->port == 123 ? "serve" : "speak NTP over PTP (ptpport)");
	}
}

static void judge_rtc(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v)
{
	const struct ds_doctor_rtc *rtc = &facts->rtc;
	long long off_s = rtc->minus_system_s;
	struct ds_doctor_advice *a;

	if (!rtc->told || llabs(off_s) < RTC_S)
		return;
	/* zones are whole quarters of an hour off; the difference, of two clocks read to a second
	 */
	if (llabs(off_s) <= ZONE_S && (llabs(off_s) + 1) % 900 <= RTC_S) {
		a = add(v, DS_DOCTOR_NOTE, "rtc-local", "rtc",
			"The real-time clock is %+lld s from the system clock in UTC: it keeps local "
			"time. That is what drivestampd assumes without rtconutc; UTC is better.",
			off_s);
		command(a, "sudo timedatectl set-local-rtc 0");
	} else {
		a = add(v, unless_running(facts), "rtc-wrong", "rtc",
			"The real-time clock is %+lld s from the system clock: the machine starts with "
			"a wrong time. rtcsync has the kernel set it while the clock is right.",
			off_s);
		line(a, "rtcsync");
	}
}

static void judge_kernel(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v)
{
	const struct ds_doctor_kernel *k = &facts->kernel;

	if (!k->both_stamps)
		add(v, DS_DOCTOR_NOTE, "kernel-old", "kernel",
		    "This kernel gives either the card's stamp of a sent packet or its own, not both "
		    "(Linux 4.13 does): a card that fails cannot be made up for.");
	if (!k->chosen_ids && facts->loopback.done)
		add(v, DS_DOCTOR_NOTE, "kernel-counts", "kernel",
		    "This kernel counts the stamps of sent packets itself (Linux 6.13 takes our ids): "
		    "after a packet that could not be sent some stamps are left out.");
}

/* ---- what the daemon would do ---- */

/* Whether the kernel stamps, as the trial over lo has it. */
static const char *kernel_words(const struct ds_doctor_facts *facts)
{
	const struct ds_doctor_trial *t = &facts->loopback;

	if (t->done && t->tx_kernel > 0 && t->rx_kernel > 0)
		return "the kernel's stamps both ways";
	if (t->done)
		return t->rx_kernel > 0 ? "the kernel's stamps of what is received, and of what is "
					  "sent readings of the clock"
					: "readings of the clock";
	return "the kernel's stamps where it gives them";
}

/* What a finding's lines make the daemon use; NULL: nothing that was not used before. */
static const char *gain(const struct ds_doctor_advice *a)
{
	static const struct {
		const char *id, *words;
	} gains[] = {
		{"card-stamps", "the card's stamps both ways on"},
		{"card-ptp-only", "the card's stamps (of what comes, by PTP's ports alone) on"},
		{"card-tx-only", "the card's transmit stamps on"},
		{"clock-of-host", "the host's clock"},
		{"clock-tai", "the grandmaster's time by"},
		{"pulse", "the pulses of"},
		{"gpsd", "the time of"},
		{"keeper-missing", "servers that you name, for the"},
	};

	for (size_t i = 0; i < sizeof(gains) / sizeof(gains[0]) && a->lines[0] != '\0'; i++) {
		if (is(a->id, gains[i].id))
			return gains[i].words;
	}
	return NULL;
}

static void foretell(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v)
{
	struct text better = {v->better, sizeof(v->better)};
	bool any = false;

	snprintf(
		v->bare, sizeof(v->bare),
		"With an empty configuration drivestampd follows nobody and answers nobody; a server "
		"or an 'allow' alone would go by %s.",
		kernel_words(facts));
	for (int i = 0; i < v->count; i++) {
		const char *words = gain(&v->advice[i]);

		if (!words)
			continue;
		say(&better, "%s%s %s", any ? "; " : "With the lines below it uses ", words,
		    v->advice[i].subject);
		any = true;
	}
	say(&better, any ? "." : "No line would make it use more on this machine.");
}

void ds_doctor_judge(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *v)
{
	memset(v, 0, sizeof(*v));
	for (int i = 0; i < facts->interface_count; i++)
		judge_interface(facts, v, &facts->interfaces[i]);
	if (facts->more_interfaces)
		add(v, DS_DOCTOR_NOTE, "interfaces-more", "interfaces",
		    "There are more than %d interfaces: those behind these were not looked at, unless "
		    "they are named.",
		    DS_DOCTOR_INTERFACES);
	judge_promises(facts, v);
	for (int i = 0; i < facts->clock_count; i++)
		judge_clock(facts, v, &facts->clocks[i]);
	judge_virtual(facts, v);
	for (int i = 0; i < facts->pulse_count; i++)
		judge_pulse(facts, v, &facts->pulses[i]);
	judge_gpsd(facts, v);
	judge_source(facts, v);
	judge_keeper(facts, v);
	judge_rights(facts, v);
	judge_ports(facts, v);
	judge_rtc(facts, v);
	judge_kernel(facts, v);
	foretell(facts, v);
}

int ds_doctor_status(const struct ds_doctor_verdict *v)
{
	for (int i = 0; i < v->count; i++) {
		if (v->advice[i].grade == DS_DOCTOR_BETTER)
			return 1;
	}
	return 0;
}
