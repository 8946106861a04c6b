/* cards: see cards.h. */
#include "daemon/cards.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/exchange/exchange.h"
#include "core/exchange/ptp.h"
#include "daemon/conf_card.h"
#include "daemon/log.h"
#include "os/clock_phc.h"
#include "os/stamping.h"

#define NS_PER_S      INT64_C(1000000000)
#define FIRST_NS      (NS_PER_S / 64) /* from the first reading to the second; then twice that ... */
#define FIRST_COUNT   8		      /* readings: beside each packet, until there are so many */
#define READING_PARTS 64
#define EARLY_PARTS   8		      /* a reading may come by so much of its interval too early */
#define REREAD_NS     (NS_PER_S / 10) /* a stamp that cannot be is reason to read, not more often */
#define TX_ON	      1		      /* HWTSTAMP_TX_ON */

/* ---- setting up ---- */

static int64_t interval_ns(int8_t poll_log2)
{
	return (int64_t)ldexp((double)NS_PER_S, poll_log2);
}

/* DS_CARD_FILTER_PTP stamps nothing of ours but on PTP's ports; it is taken where it is asked for.
 */
static enum ds_card_filter wanted_filter(const struct ds_conf_card *conf,
					 const struct ds_card *card, bool ptp)
{
	switch (conf->filter) {
	case DS_CONF_FILTER_NONE:
		return DS_CARD_FILTER_NONE;
	case DS_CONF_FILTER_PTP:
		return DS_CARD_FILTER_PTP;
	case DS_CONF_FILTER_ALL:
		return DS_CARD_FILTER_ALL;
	case DS_CONF_FILTER_NTP:
		return DS_CARD_FILTER_NTP;
	default:
		return ds_card_best_filter(card, ptp);
	}
}

static bool is_any(const struct ds_conf_card *conf)
{
	return strcmp(conf->interface, "*") == 0;
}

/* What is wrong with a line is said once; of `*` nothing is: it takes what there is. */
static void complain(struct ds_cards *c, const struct ds_conf_card *conf, const char *what)
{
	bool *said = &c->said[conf - c->conf->cards];

	if (!*said && !is_any(conf))
		ds_log(DS_LOG_WARNING, "%s:%d: hwtimestamp %s: %s; the kernel's stamps are used",
		       conf->file, conf->line, conf->interface, what);
	*said = true;
}

/* Is it the clock that we keep? Then what it shows is known, and each correction of ours would look
 * like somebody else's. */
static bool is_ours(const struct ds_cards *c, const struct ds_cards_one *one)
{
	return ds_clock_is_phc(c->clock, one->card.phc_index);
}

static void say_set(const struct ds_cards *c, const struct ds_cards_one *one)
{
	static const char *const ways[] = {
		[DS_PHC_PRECISE] = "by the hardware, both at once",
		[DS_PHC_EXTENDED] = "between two readings of ours",
		[DS_PHC_PLAIN] = "by plain readings",
	};

	ds_log(DS_LOG_NOTICE,
	       "card %s (%s, /dev/ptp%d): stamps %s packets sent, received: %s; its clock is read %s",
	       one->card.stamper, one->card.driver, one->card.phc_index, one->sends ? "all" : "no",
	       ds_card_filter_word(one->filter),
	       is_ours(c, one) ? "by nobody else: it is the one that is kept" : ways[one->phc.way]);
}

static bool open_phc(struct ds_cards_one *one, char why[DS_WHY])
{
	char path[32];
	const struct ds_phc_config config = {.path = path, .nocrossts = one->conf->nocrossts};

	snprintf(path, sizeof path, "/dev/ptp%d", one->card.phc_index);
	return ds_phc_open(&one->phc, &config, why) == 0;
}

/* A reading of the card's clock is one of ours as well, and comes to the raw scale by an anchor,
 * which is one more. Where each takes long, what they are off by is a small part of that, mostly:
 * 0.16 us of 13 was seen in a guest without vDSO, and a few times that when the machine below it
 * was busy. */
static void init_clock(const struct ds_cards *c, struct ds_cards_one *one)
{
	const struct ds_cardclock_config config = {
		.precision_ns = llround(one->conf->precision_s * 1e9) +
				c->clock->precision_ns / READING_PARTS,
		.slack_ns = c->clock->precision_ns,
		.min_samples = one->conf->min_samples,
		.max_samples = one->conf->max_samples,
	};

	ds_cardclock_init(&one->clock, &config);
}

/* Set the card and open its clock. False with a sentence: it is as it was. */
static bool set_card(const struct ds_cards *c, struct ds_cards_one *one, bool ptp, char why[DS_WHY])
{
	enum ds_card_filter filter = wanted_filter(one->conf, &one->card, ptp);

	one->has_before = ds_card_setting(&one->card, &one->before) == 0;
	if (!open_phc(one, why))
		return false;
	if (ds_card_configure(&one->card, filter, &one->filter, why) != 0) {
		ds_phc_close(&one->phc);
		return false;
	}
	if (ds_card_setting(&one->card, &one->ours) != 0)
		one->ours = (struct ds_card_setting){.tx_type = -1};
	one->sends = one->card.tx_hardware;
	init_clock(c, one);
	return true;
}

static int find_stamper(const struct ds_cards *c, int index)
{
	for (int i = 0; i < c->count; i++)
		if (c->table[i].card.stamper_index == index)
			return i;
	return -1;
}

static void read_clock(struct ds_cards *c, struct ds_cards_one *one, int64_t now_ns);

/* An interface that a line names, or `*`, and whose card is not in use yet. */
static void add(struct ds_cards *c, const struct ds_conf_card *conf, const struct ds_card *card)
{
	struct ds_cards_one *one = &c->table[c->count];
	char why[DS_WHY];

	if (!card->tx_hardware && !card->rx_hardware) {
		complain(c, conf, card->note[0] != '\0' ? card->note : "its card does not stamp");
		return;
	}
	if (card->phc_index < 0) {
		complain(c, conf, "its card has no clock that can be read");
		return;
	}
	if (c->count == DS_CARDS_MAX) {
		if (!c->said_full)
			ds_log(DS_LOG_WARNING, "hwtimestamp: more than %d cards; %s is left out",
			       DS_CARDS_MAX, card->interface);
		c->said_full = true;
		return;
	}
	memset(one, 0, sizeof *one);
	one->conf = conf;
	one->card = *card;
	one->phc.fd = -1;
	if (!set_card(c, one, c->conf->ptp_port != 0, why)) {
		complain(c, conf, why);
		return;
	}
	c->count++;
	say_set(c, one);
	read_clock(c, one, ds_monotonic_ns());
}

static void note_ways(struct ds_cards *c, int count)
{
	c->way_count = 0;
	for (int i = 0; i < count; i++) {
		int card = find_stamper(c, c->seen[i].stamper_index);

		if (card < 0)
			continue;
		c->ways[c->way_count++] = (struct ds_cards_way){
			.interface = c->seen[i].index,
			.card = (uint8_t)card,
		};
		/* The speed of a link may change, and is known late. */
		if (c->seen[i].speed_mbps != 0)
			c->table[card].card.speed_mbps = c->seen[i].speed_mbps;
	}
}

/* Look around. Again, where something may come or change: a line for all, one whose interface is
 * not there, a bond's active member. */
static void look(struct ds_cards *c, int64_t now_ns)
{
	bool found[DS_CONF_CARDS] = {false};
	bool again = false;
	int count = ds_card_list(c->seen, DS_CARDS_WAYS);

	for (int i = 0; i < count; i++) {
		const struct ds_card *card = &c->seen[i];
		const struct ds_conf_card *conf = ds_conf_card_of(c->conf, card->interface);

		again |= card->kind == DS_CARD_BOND;
		if (conf == NULL || card->kind == DS_CARD_LOOPBACK)
			continue;
		found[conf - c->conf->cards] = true;
		if (find_stamper(c, card->stamper_index) < 0)
			add(c, conf, card);
	}
	for (int i = 0; i < c->conf->card_count; i++) {
		again |= !found[i] || is_any(&c->conf->cards[i]);
		if (!found[i])
			complain(c, &c->conf->cards[i], "there is no such interface (yet)");
	}
	note_ways(c, count > 0 ? count : 0);
	c->look_ns = again || c->count > 0 ? now_ns + DS_CARDS_LOOK_NS : INT64_MAX;
}

void ds_cards_open(struct ds_cards *c, const struct ds_conf *conf, struct ds_clock *clock,
		   struct ds_counters *counters)
{
	memset(c, 0, sizeof *c);
	c->look_ns = c->own_due_ns = INT64_MAX;
	if (conf->card_count == 0)
		return;
	if (conf->shadow) {
		ds_log(DS_LOG_NOTICE, "hwtimestamp: in shadow no card is set; the stamps are the "
				      "kernel's");
		return;
	}
	c->conf = conf;
	c->clock = clock;
	c->counters = counters;
	ds_stamping_ask_cards(true);
	look(c, ds_monotonic_ns());
}

static void put_back(struct ds_cards_one *one)
{
	ds_phc_close(&one->phc);
	if (!one->has_before || memcmp(&one->before, &one->ours, sizeof one->ours) == 0)
		return;
	if (ds_card_restore(&one->card, &one->before) != 0)
		ds_log(DS_LOG_NOTICE, "card %s stays as it is set: no right to put it back",
		       one->card.stamper);
}

void ds_cards_close(struct ds_cards *c)
{
	for (int i = 0; i < c->count; i++)
		put_back(&c->table[i]);
	c->count = c->way_count = 0;
	c->conf = NULL;
}

/* ---- the clocks of cards ---- */

static void say_step(struct ds_cards_one *one)
{
	if (!one->said_step)
		ds_log(DS_LOG_WARNING,
		       "card %s: its clock was set by somebody else; stamps are used again when it "
		       "is known",
		       one->card.stamper);
	one->said_step = true;
}

static void read_clock(struct ds_cards *c, struct ds_cards_one *one, int64_t now_ns)
{
	int64_t most = interval_ns(one->conf->maxpoll), next;
	struct ds_cardclock_reading reading;
	struct ds_refsample sample;
	struct ds_reading at;

	if (is_ours(c, one)) {
		one->read_ns = now_ns;
		one->due_ns = INT64_MAX;
		return;
	}
	next = one->clock.taken < 32 ? FIRST_NS << one->clock.taken : most;
	one->due_ns = now_ns + (next < most ? next : most);
	if (ds_phc_read(&one->phc, &sample) != DS_REF_SAMPLE)
		return;
	one->read_ns = now_ns;
	ds_clock_read(c->clock, &at); /* a fresh anchor before it is carried */
	ds_clock_carry(c->clock, sample.local_ns, &at);
	reading = (struct ds_cardclock_reading){
		.raw_ns = at.raw_ns,
		.device_ns = sample.reference_ns,
		.half_width_ns = sample.dispersion_ns,
	};
	if (ds_cardclock_add(&one->clock, &reading) == DS_CARDCLOCK_STEPPED)
		say_step(one);
}

/* Behind a stamp of ours, before it is converted. */
static void refresh(struct ds_cards *c, struct ds_cards_one *one)
{
	int64_t least = interval_ns(one->conf->minpoll);
	int64_t now_ns = ds_monotonic_ns();

	least -= least / EARLY_PARTS;
	if (one->clock.taken < FIRST_COUNT || now_ns - one->read_ns >= least)
		read_clock(c, one, now_ns);
}

/* ---- timers ---- */

int64_t ds_cards_next_ns(const struct ds_cards *c)
{
	int64_t next = c->look_ns;

	for (int i = 0; i < c->count; i++)
		if (c->table[i].due_ns < next)
			next = c->table[i].due_ns;
	return next;
}

static void expire(struct ds_cards *c, struct ds_cards_one *one, int64_t now_ns)
{
	unsigned lost = ds_card_budget_expire(&one->budget, now_ns, ds_cards_timeout_ns(c));

	one->tx_lost += lost;
	for (; lost > 0; lost--) {
		ds_count(c->counters, DS_R_CARD_TX_LOST);
		if (ds_card_trial_missed(&one->tx, now_ns))
			ds_log(DS_LOG_WARNING,
			       "card %s (%s): of %d packets sent none was stamped, though the "
			       "driver says it can; the kernel's stamps are used",
			       one->card.stamper, one->card.driver, DS_CARD_TRIAL);
	}
}

static bool same_setting(const struct ds_card_setting *a, const struct ds_card_setting *b)
{
	return a->tx_type == b->tx_type && a->rx_filter == b->rx_filter;
}

/* Somebody else has set it. We do not quarrel: what it gives is used. One that was switched off (a
 * driver begun anew, a daemon that ended) is set again. */
static void check_setting(struct ds_cards_one *one, bool ptp)
{
	struct ds_card_setting now;
	char why[DS_WHY];

	if (one->ours.tx_type < 0 || ds_card_setting(&one->card, &now) != 0 ||
	    same_setting(&now, &one->ours))
		return;
	if (!one->said_foreign)
		ds_log(DS_LOG_WARNING,
		       "card %s: another program has changed what it stamps (sent packets: %s, "
		       "received: filter %d)",
		       one->card.stamper, now.tx_type == TX_ON ? "yes" : "no", now.rx_filter);
	one->said_foreign = true;
	if (now.tx_type == 0 && now.rx_filter == 0)
		ds_card_configure(&one->card, wanted_filter(one->conf, &one->card, ptp),
				  &one->filter, why);
}

void ds_cards_run(struct ds_cards *c, int64_t now_ns)
{
	bool looks = now_ns >= c->look_ns;

	for (int i = 0; i < c->count; i++) {
		struct ds_cards_one *one = &c->table[i];

		if (looks)
			check_setting(one, c->conf->ptp_port != 0);
		if (now_ns < one->due_ns)
			continue;
		expire(c, one, now_ns);
		read_clock(c, one, now_ns);
	}
	if (looks)
		look(c, now_ns);
}

/* ---- stamps ---- */

/* What stamps packets by this interface. Not known, and there is one card alone: that. */
static struct ds_cards_one *card_of(const struct ds_cards *c, int interface)
{
	struct ds_cards_one *table = (struct ds_cards_one *)(uintptr_t)c->table;

	for (int i = 0; i < c->way_count; i++)
		if (c->ways[i].interface == interface)
			return &table[c->ways[i].card];
	return interface == 0 && c->count == 1 ? &table[0] : NULL;
}

int64_t ds_cards_timeout_ns(const struct ds_cards *c)
{
	return c != NULL && c->conf != NULL ? (int64_t)(c->conf->hwts_timeout_s * 1e9) : 0;
}

bool ds_cards_sends(const struct ds_cards *c, int interface)
{
	const struct ds_cards_one *one = c != NULL ? card_of(c, interface) : NULL;

	return one != NULL && one->sends && !one->tx.given_up;
}

bool ds_cards_ask(struct ds_cards *c, int interface, enum ds_cards_who who)
{
	struct ds_cards_one *one;
	int64_t now_ns;

	if (c == NULL || c->count == 0 || interface == 0)
		return false;
	one = card_of(c, interface);
	if (one == NULL || !one->sends)
		return false;
	now_ns = ds_monotonic_ns();
	expire(c, one, now_ns);
	if (!ds_card_trial_expects(&one->tx, now_ns))
		return false;
	if (who == DS_CARDS_SERVED && !ds_card_budget_allows(&one->budget, now_ns, c->own_due_ns)) {
		one->tx_skipped++;
		ds_count(c->counters, DS_R_CARD_TX_SKIPPED);
		return false;
	}
	one->tx_asked++;
	ds_card_budget_asked(&one->budget, now_ns);
	return true;
}

/* What is known of the packet from others: on both scales, and by whom. */
struct seen {
	int64_t clock_ns, raw_ns;
	bool by_kernel;
};

/* Where a card's stamp lies. */
struct place {
	int64_t raw_ns;
	int64_t later_ns;      /* than what was seen */
	double error_ns;       /* one standard deviation */
	bool ours;	       /* of the clock that we keep: then ... */
	struct ds_reading own; /* ... it is known on both scales */
};

/* False: the card's clock is not known well enough. */
static bool locate(const struct ds_cards *c, const struct ds_cards_one *one, int64_t card_ns,
		   const struct seen *seen, struct place *p)
{
	p->ours = ds_clock_carry_device(c->clock, one->card.phc_index, card_ns, &p->own,
					&p->error_ns);
	if (p->ours)
		p->raw_ns = p->own.raw_ns;
	else if (!ds_cardclock_raw(&one->clock, card_ns, &p->raw_ns, &p->error_ns))
		return false;
	return p->error_ns <= DS_CARD_ERROR_MAX_NS &&
	       !__builtin_sub_overflow(p->raw_ns, seen->raw_ns, &p->later_ns);
}

/* Was the clock read so lately that another reading says nothing? Else it is read. */
static bool reread(struct ds_cards *c, struct ds_cards_one *one)
{
	int64_t now_ns = ds_monotonic_ns();

	if (now_ns - one->read_ns < REREAD_NS)
		return false;
	read_clock(c, one, now_ns);
	return true;
}

/* A card's stamp on both scales. received: it came before what was seen, else after. One that is
 * unusual may be of a clock that was set: that is found by a reading. */
static bool convert(struct ds_cards *c, struct ds_cards_one *one, int64_t card_ns, bool received,
		    const struct seen *seen, struct seen *out, uint32_t *error_ns)
{
	const int64_t sign = received ? -1 : 1;
	struct ds_card_usual *usual = &one->usual[received];
	struct place p;
	bool found = locate(c, one, card_ns, seen, &p);

	if (found && ds_card_usual_differs(usual, sign * p.later_ns, p.error_ns) && reread(c, one))
		found = locate(c, one, card_ns, seen, &p);
	if (!found) {
		ds_count(c->counters, DS_R_CARD_CLOCK);
		return false;
	}
	if (!ds_card_stamp_fits(sign * p.later_ns,
				fmax(p.error_ns, ds_clock_phc_error_ns(c->clock)),
				seen->by_kernel)) {
		ds_count(c->counters, DS_R_CARD_IMPLAUSIBLE);
		reread(c, one);
		return false;
	}
	ds_card_usual_note(usual, sign * p.later_ns);
	out->raw_ns = p.raw_ns;
	out->clock_ns = p.ours ? p.own.clock_ns
			       : seen->clock_ns + p.later_ns +
					 ds_gained_ns(p.later_ns, ds_clock_rate_ppb(c->clock));
	*error_ns = (uint32_t)ceil(p.error_ns);
	one->error_ns = p.error_ns;
	one->error_most_ns = fmax(one->error_most_ns, p.error_ns);
	return true;
}

/* Is this card set so that it stamps such packets? */
static bool stamps_it(const struct ds_cards_one *one, const struct ds_datagram *d)
{
	if (one->filter == DS_CARD_FILTER_PTP)
		return d->ptp_form != DS_PTP_NONE;
	return one->filter != DS_CARD_FILTER_NONE;
}

static void missed_rx(struct ds_cards *c, struct ds_cards_one *one, const struct ds_datagram *d)
{
	int64_t now_ns = ds_monotonic_ns();

	if (!stamps_it(one, d) || !ds_card_trial_expects(&one->rx, now_ns))
		return;
	ds_count(c->counters, DS_R_CARD_RX_NONE);
	if (ds_card_trial_missed(&one->rx, now_ns))
		ds_log(DS_LOG_WARNING,
		       "card %s (%s): of %d packets received none was stamped, though it is set to "
		       "(filter %s); the kernel's stamps are used",
		       one->card.stamper, one->card.driver, DS_CARD_TRIAL,
		       ds_card_filter_word(one->filter));
}

/* As the card told, or else the usual one: UDP over IP without options, over Ethernet without tags.
 */
static uint32_t frame_length(const struct ds_datagram *d)
{
	if (d->frame_length != 0)
		return d->frame_length;
	return (uint32_t)(d->length + ds_ptp_prefix((enum ds_ptp_form)d->ptp_form)) + 8 +
	       (d->remote.family == AF_INET6 ? 40 : 20) + 14;
}

int64_t ds_cards_rx_duration_ns(const struct ds_cards *c, const struct ds_datagram *d)
{
	const struct ds_cards_one *one;

	if (c == NULL || c->count == 0 || d->card_ns == 0)
		return 0;
	one = card_of(c, d->card_interface != 0 ? d->card_interface : d->interface);
	return one != NULL ? ds_card_trailer_ns(frame_length(d), one->card.speed_mbps) : 0;
}

void ds_cards_rx(struct ds_cards *c, const struct ds_datagram *d, enum ds_cards_who who,
		 struct ds_rx_stamp *rx)
{
	struct ds_cards_one *one;
	struct seen seen = {rx->clock_ns, rx->raw_ns, rx->source >= DS_STAMP_KERNEL}, out;
	int64_t card_ns;
	uint32_t error_ns;

	if (c == NULL || c->count == 0)
		return;
	one = card_of(c, d->card_interface != 0 ? d->card_interface : d->interface);
	if (one == NULL && d->card_ns != 0)
		ds_count(c->counters, DS_R_CARD_FOREIGN);
	if (one == NULL)
		return;
	if (d->card_ns == 0) {
		missed_rx(c, one, d);
		return;
	}
	ds_card_trial_came(&one->rx);
	if (who == DS_CARDS_OWN)
		refresh(c, one);
	card_ns = d->card_ns - llround(one->conf->rxcomp_s * 1e9) +
		  ds_card_trailer_ns(frame_length(d), one->card.speed_mbps);
	if (!convert(c, one, card_ns, true, &seen, &out, &error_ns))
		return;
	*rx = (struct ds_rx_stamp){out.clock_ns, out.raw_ns, DS_STAMP_HARDWARE, error_ns};
	one->rx_used++;
}

bool ds_cards_tx(struct ds_cards *c, const struct ds_datagram *d, int interface,
		 enum ds_cards_who who, const struct ds_tx_stamp *held, struct ds_tx_stamp *tx)
{
	struct ds_cards_one *one = c != NULL ? card_of(c, interface) : NULL;
	struct seen seen = {held->clock_ns, held->raw_ns, held->source >= DS_STAMP_KERNEL}, out;
	uint32_t error_ns;

	if (c == NULL)
		return false;
	if (one == NULL) {
		ds_count(c->counters, DS_R_CARD_FOREIGN);
		return false;
	}
	ds_card_budget_came(&one->budget, ds_monotonic_ns());
	ds_card_trial_came(&one->tx);
	if (who == DS_CARDS_OWN)
		refresh(c, one);
	if (!convert(c, one, d->card_ns + llround(one->conf->txcomp_s * 1e9), false, &seen, &out,
		     &error_ns))
		return false;
	*tx = (struct ds_tx_stamp){out.clock_ns, out.raw_ns, DS_STAMP_HARDWARE, error_ns};
	one->tx_used++;
	return true;
}

/* ---- report ---- */

static void report_one(const struct ds_cards_one *one)
{
	ds_log(DS_LOG_INFO,
	       "card %s (%s): sent: asked=%" PRIu64 " came=%" PRIu64 " used=%" PRIu64
	       " lost=%" PRIu64 " skipped=%" PRIu64 "%s; received: came=%" PRIu64 " used=%" PRIu64
	       " without=%" PRIu64 "%s; clock: readings=%" PRIu64 " steps=%" PRIu64
	       " rate=%+.1f ppb error=%.0f ns (most %.0f)",
	       one->card.stamper, one->card.driver, one->tx_asked, one->tx.came, one->tx_used,
	       one->tx_lost, one->tx_skipped, one->tx.given_up ? " (given up)" : "", one->rx.came,
	       one->rx_used, one->rx.missed_ever, one->rx.given_up ? " (given up)" : "",
	       one->clock.taken, one->clock.steps, ds_cardclock_rate_ppb(&one->clock),
	       one->error_ns, one->error_most_ns);
}

void ds_cards_report(const struct ds_cards *c)
{
	for (int i = 0; i < c->count; i++)
		report_one(&c->table[i]);
}
