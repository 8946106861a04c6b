/* cards: see cards.h. */
#include "daemon/cards.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/exchange/ptp.h"
#include "daemon/conf_card.h"
#include "daemon/log.h"
#include "os/stamping.h"

/* ---- which there are ---- */

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

static void say_added(const struct ds_cards_one *one)
{
	const struct ds_card *card = &one->setup.card;

	ds_log(DS_LOG_NOTICE,
	       "card %s (%s, /dev/ptp%d): stamps %s packets sent, received: %s; its clock is read %s",
	       card->stamper, card->driver, card->phc_index, card->tx_hardware ? "all" : "no",
	       ds_card_filter_word(one->setup.filter), ds_card_time_way(&one->time));
}

static void report_one(const struct ds_cards_one *one)
{
	char clock[DS_CARD_TIME_TEXT];

	ds_log(DS_LOG_INFO,
	       "card %s (%s): sent: asked=%" PRIu64 " came=%" PRIu64 " used=%" PRIu64
	       " lost=%" PRIu64 " skipped=%" PRIu64 "%s; received: came=%" PRIu64 " used=%" PRIu64
	       " without=%" PRIu64 "%s; clock: %s",
	       one->setup.card.stamper, one->setup.card.driver, one->tx_asked, one->tx.came,
	       one->tx_used, one->tx_lost, one->tx_skipped, one->tx.given_up ? " (given up)" : "",
	       one->rx.came, one->rx_used, one->rx.missed_ever,
	       one->rx.given_up ? " (given up)" : "", ds_card_time_report(&one->time, clock));
}

static int find_stamper(const struct ds_cards *c, int index)
{
	for (int i = 0; i < c->count; i++)
		if (c->table[i].setup.card.stamper_index == index)
			return i;
	return -1;
}

/* An interface that a line names, or `*`, and whose card is not in use yet. Its clock comes first:
 * where it has none the card is left alone. */
static void add(struct ds_cards *c, const struct ds_conf_card *conf, const struct ds_card *card)
{
	struct ds_cards_one *one = &c->table[c->count];
	char why[DS_WHY];

	if (!card->tx_hardware && !card->rx_hardware) {
		complain(c, conf, card->note[0] != '\0' ? card->note : "its card does not stamp");
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
	if (!ds_card_time_open(&one->time, conf, card, c->clock, why)) {
		complain(c, conf, why);
		return;
	}
	if (!ds_card_setup_begin(&one->setup, conf, card, c->conf->ptp_port != 0, why)) {
		ds_card_time_close(&one->time);
		complain(c, conf, why);
		return;
	}
	c->count++;
	say_added(one);
}

/* Those whose interfaces are no more: pulled out, or of a driver that was begun anew. Their places
 * are free for what comes after them. */
static void drop_gone(struct ds_cards *c)
{
	int kept = 0;

	for (int i = 0; i < c->count; i++) {
		struct ds_cards_one *one = &c->table[i];

		if (ds_card_setup_is_gone(&one->setup)) {
			ds_log(DS_LOG_NOTICE, "card %s is gone", one->setup.card.stamper);
			report_one(one);
			ds_card_time_close(&one->time);
			continue;
		}
		if (kept != i)
			c->table[kept] = *one;
		kept++;
	}
	c->count = kept;
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
			c->table[card].setup.card.speed_mbps = c->seen[i].speed_mbps;
	}
}

/* Look around. Again, where something may come or change: a line for all, one whose interface is
 * not there, a bond's active member, a card that somebody pulls out or sets. */
static void look(struct ds_cards *c, int64_t now_ns)
{
	bool found[DS_CONF_CARDS] = {false};
	bool again = false;
	int count;

	drop_gone(c);
	for (int i = 0; i < c->count; i++)
		ds_card_setup_check(&c->table[i].setup);
	count = ds_card_list(c->seen, DS_CARDS_WAYS);
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

void ds_cards_close(struct ds_cards *c)
{
	for (int i = 0; i < c->count; i++) {
		ds_card_time_close(&c->table[i].time);
		ds_card_setup_end(&c->table[i].setup);
	}
	c->count = c->way_count = 0;
	c->conf = NULL;
}

/* ---- timers ---- */

int64_t ds_cards_next_ns(const struct ds_cards *c)
{
	int64_t next = c->look_ns;

	for (int i = 0; i < c->count; i++)
		if (c->table[i].time.due_ns < next)
			next = c->table[i].time.due_ns;
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
			       "card %s (%s): of %d packets sent none was stamped within %.3g ms "
			       "(hwtstimeout), though the driver says it can; the kernel's "
			       "stamps are used",
			       one->setup.card.stamper, one->setup.card.driver, DS_CARD_TRIAL,
			       c->conf->hwts_timeout_s * 1e3);
	}
}

void ds_cards_run(struct ds_cards *c, int64_t now_ns)
{
	for (int i = 0; i < c->count; i++) {
		struct ds_cards_one *one = &c->table[i];

		if (now_ns < one->time.due_ns)
			continue;
		expire(c, one, now_ns);
		ds_card_time_read(&one->time, now_ns);
	}
	if (now_ns >= c->look_ns)
		look(c, now_ns);
}

/* ---- stamps ---- */

/* Which card stamps packets by this interface; -1: none. Not known, and there is one alone: that.
 */
static int card_of(const struct ds_cards *c, int interface)
{
	for (int i = 0; i < c->way_count; i++)
		if (c->ways[i].interface == interface)
			return c->ways[i].card;
	return interface == 0 && c->count == 1 ? 0 : -1;
}

/* Of a received packet. */
static int card_of_received(const struct ds_cards *c, const struct ds_datagram *d)
{
	return card_of(c, d->card_interface != 0 ? d->card_interface : d->interface);
}

int64_t ds_cards_timeout_ns(const struct ds_cards *c)
{
	return c != NULL && c->conf != NULL ? (int64_t)(c->conf->hwts_timeout_s * 1e9) : 0;
}

bool ds_cards_sends(const struct ds_cards *c, int interface)
{
	int i = c != NULL ? card_of(c, interface) : -1;

	return i >= 0 && c->table[i].setup.card.tx_hardware && !c->table[i].tx.given_up;
}

bool ds_cards_ask(struct ds_cards *c, int interface, enum ds_cards_who who)
{
	struct ds_cards_one *one;
	int64_t now_ns;
	int i;

	if (c == NULL || c->count == 0 || interface == 0)
		return false;
	i = card_of(c, interface);
	if (i < 0 || !c->table[i].setup.card.tx_hardware)
		return false;
	one = &c->table[i];
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

/* Is this card set so that it stamps such packets? */
static bool stamps_it(const struct ds_cards_one *one, const struct ds_datagram *d)
{
	if (one->setup.filter == DS_CARD_FILTER_PTP)
		return d->ptp_form != DS_PTP_NONE;
	return one->setup.filter != DS_CARD_FILTER_NONE;
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
		       one->setup.card.stamper, one->setup.card.driver, DS_CARD_TRIAL,
		       ds_card_filter_word(one->setup.filter));
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
	int i = c != NULL && d->card_ns != 0 ? card_of_received(c, d) : -1;

	return i >= 0 ? ds_card_trailer_ns(frame_length(d), c->table[i].setup.card.speed_mbps) : 0;
}

/* The card's stamp in the place of the kernel's; or it is counted why not. */
static bool take(struct ds_cards *c, struct ds_cards_one *one, enum ds_cards_who who,
		 int64_t card_ns, bool received, const struct ds_card_seen *seen,
		 struct ds_card_carried *out)
{
	enum ds_reason reason;

	if (who == DS_CARDS_OWN)
		ds_card_time_refresh(&one->time);
	reason = ds_card_time_carry(&one->time, card_ns, received, seen, out);
	if (reason == DS_R_OK)
		return true;
	ds_count(c->counters, reason);
	return false;
}

void ds_cards_rx(struct ds_cards *c, const struct ds_datagram *d, enum ds_cards_who who,
		 struct ds_rx_stamp *rx)
{
	const struct ds_card_seen seen = {rx->clock_ns, rx->raw_ns, rx->source >= DS_STAMP_KERNEL};
	int i = c != NULL ? card_of_received(c, d) : -1;
	struct ds_card_carried out;
	struct ds_cards_one *one;
	int64_t card_ns;

	if (i < 0) {
		if (c != NULL && c->count > 0 && d->card_ns != 0)
			ds_count(c->counters, DS_R_CARD_FOREIGN);
		return;
	}
	one = &c->table[i];
	if (d->card_ns == 0) {
		missed_rx(c, one, d);
		return;
	}
	ds_card_trial_came(&one->rx);
	card_ns = d->card_ns - llround(one->setup.conf->rxcomp_s * 1e9) +
		  ds_card_trailer_ns(frame_length(d), one->setup.card.speed_mbps);
	if (!take(c, one, who, card_ns, true, &seen, &out))
		return;
	*rx = (struct ds_rx_stamp){out.clock_ns, out.raw_ns, DS_STAMP_HARDWARE, out.error_ns};
	one->rx_used++;
}

bool ds_cards_tx(struct ds_cards *c, const struct ds_datagram *d, int interface,
		 enum ds_cards_who who, const struct ds_tx_stamp *held, struct ds_tx_stamp *tx)
{
	const struct ds_card_seen seen = {held->clock_ns, held->raw_ns,
					  held->source >= DS_STAMP_KERNEL};
	int i = c != NULL ? card_of(c, interface) : -1;
	struct ds_card_carried out;
	struct ds_cards_one *one;

	if (i < 0) {
		if (c != NULL)
			ds_count(c->counters, DS_R_CARD_FOREIGN);
		return false;
	}
	one = &c->table[i];
	ds_card_budget_came(&one->budget, ds_monotonic_ns());
	ds_card_trial_came(&one->tx);
	if (!take(c, one, who, d->card_ns + llround(one->setup.conf->txcomp_s * 1e9), false, &seen,
		  &out))
		return false;
	*tx = (struct ds_tx_stamp){out.clock_ns, out.raw_ns, DS_STAMP_HARDWARE, out.error_ns};
	one->tx_used++;
	return true;
}

/* ---- report ---- */

void ds_cards_report(const struct ds_cards *c)
{
	for (int i = 0; i < c->count; i++)
		report_one(&c->table[i]);
}
