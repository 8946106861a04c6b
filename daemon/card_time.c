/* card_time: see card_time.h. */
#include "daemon/card_time.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/exchange/exchange.h"
#include "daemon/log.h"
#include "os/clock_phc.h"

#define NS_PER_S	INT64_C(1000000000)
#define FIRST_NS	(NS_PER_S / 64) /* from the first reading to the second; then twice that ... */
#define FIRST_COUNT	8		/* readings: beside each packet, until there are so many */
#define FIRST_DOUBLINGS 27		/* more is longer than any maxpoll */
#define READING_PARTS	64
#define EARLY_PARTS	8 /* a reading may come by so much of its interval too early */
#define REREAD_NS	(NS_PER_S / 10) /* a stamp that cannot be is reason to read, not more often */

static int64_t interval_ns(int8_t poll_log2)
{
	return (int64_t)ldexp((double)NS_PER_S, poll_log2);
}

/* Is it the clock that we keep? Then each correction of ours would look like somebody else's. */
static bool is_ours(const struct ds_card_time *t)
{
	return ds_clock_is_phc(t->clock, t->phc_index);
}

/* A reading of the card's clock is one of ours as well, and comes to the raw scale by an anchor,
 * which is one more. Where each takes long, what they are off by is a small part of that, mostly:
 * 0.16 us of 13 was seen in a guest without vDSO, and a few times that when the machine below it
 * was busy. */
static void init_line(struct ds_card_time *t)
{
	const struct ds_cardclock_config config = {
		.precision_ns = llround(t->conf->precision_s * 1e9) +
				t->clock->precision_ns / READING_PARTS,
		.slack_ns = t->clock->precision_ns,
		.min_samples = t->conf->min_samples,
		.max_samples = t->conf->max_samples,
	};

	ds_cardclock_init(&t->line, &config);
}

bool ds_card_time_open(struct ds_card_time *t, const struct ds_conf_card *conf,
		       const struct ds_card *card, struct ds_clock *clock, char why[DS_WHY])
{
	char path[32];
	const struct ds_phc_config config = {.path = path, .nocrossts = conf->nocrossts};

	memset(t, 0, sizeof *t);
	t->conf = conf;
	t->clock = clock;
	t->phc_index = card->phc_index;
	t->phc.fd = -1;
	memcpy(t->name, card->stamper, sizeof t->name);
	if (card->phc_index < 0) {
		snprintf(why, DS_WHY, "its card has no clock that can be read");
		return false;
	}
	snprintf(path, sizeof path, "/dev/ptp%d", card->phc_index);
	if (ds_phc_open(&t->phc, &config, why) != 0)
		return false;
	init_line(t);
	ds_card_time_read(t, ds_monotonic_ns());
	return true;
}

void ds_card_time_close(struct ds_card_time *t)
{
	ds_phc_close(&t->phc);
}

const char *ds_card_time_way(const struct ds_card_time *t)
{
	static const char *const ways[] = {
		[DS_PHC_PRECISE] = "by the hardware, both at once",
		[DS_PHC_EXTENDED] = "between two readings of ours",
		[DS_PHC_PLAIN] = "by plain readings",
	};

	return is_ours(t) ? "by nobody else: it is the one that is kept" : ways[t->phc.way];
}

const char *ds_card_time_report(const struct ds_card_time *t, char text[DS_CARD_TIME_TEXT])
{
	if (is_ours(t))
		snprintf(text, DS_CARD_TIME_TEXT, "the one that is kept; error=%.0f ns (most %.0f)",
			 t->error_ns, t->error_most_ns);
	else
		snprintf(text, DS_CARD_TIME_TEXT,
			 "readings=%" PRIu64 " steps=%" PRIu64
			 " rate=%+.1f ppb error=%.0f ns (most %.0f)",
			 t->line.taken, t->line.steps, ds_cardclock_rate_ppb(&t->line), t->error_ns,
			 t->error_most_ns);
	return text;
}

/* ---- readings ---- */

static void say_step(struct ds_card_time *t)
{
	if (!t->said_step)
		ds_log(DS_LOG_WARNING,
		       "card %s: its clock was set by somebody else; stamps are used again when it "
		       "is known",
		       t->name);
	t->said_step = true;
}

static void take(struct ds_card_time *t, const struct ds_refsample *sample)
{
	struct ds_cardclock_reading reading;
	struct ds_reading at;

	ds_clock_read(t->clock, &at); /* a fresh anchor before it is carried */
	ds_clock_carry(t->clock, sample->local_ns, &at);
	reading = (struct ds_cardclock_reading){
		.raw_ns = at.raw_ns,
		.device_ns = sample->reference_ns,
		.half_width_ns = sample->dispersion_ns,
	};
	if (ds_cardclock_add(&t->line, &reading) == DS_CARDCLOCK_STEPPED) {
		t->fresh = 0;
		say_step(t);
	}
	if (t->fresh < FIRST_DOUBLINGS)
		t->fresh++;
}

void ds_card_time_read(struct ds_card_time *t, int64_t now_ns)
{
	int64_t most = interval_ns(t->conf->maxpoll), next = most;
	struct ds_refsample sample;

	if (is_ours(t)) {
		t->read_ns = now_ns;
		t->due_ns = INT64_MAX;
		return;
	}
	if (ds_phc_read(&t->phc, &sample) == DS_REF_SAMPLE) {
		t->read_ns = now_ns;
		take(t, &sample);
		next = FIRST_NS << (t->fresh - 1);
	}
	t->due_ns = now_ns + (next < most ? next : most);
}

void ds_card_time_refresh(struct ds_card_time *t)
{
	int64_t least = interval_ns(t->conf->minpoll);
	int64_t now_ns = ds_monotonic_ns();

	least -= least / EARLY_PARTS;
	if (t->fresh < FIRST_COUNT || now_ns - t->read_ns >= least)
		ds_card_time_read(t, now_ns);
}

/* Was the clock read so lately that another reading says nothing? Else it is read. */
static bool reread(struct ds_card_time *t)
{
	int64_t now_ns = ds_monotonic_ns();

	if (now_ns - t->read_ns < REREAD_NS)
		return false;
	ds_card_time_read(t, now_ns);
	return true;
}

/* ---- stamps ---- */

/* Where a card's stamp lies. */
struct place {
	int64_t raw_ns;
	int64_t later_ns;      /* than what was seen */
	double error_ns;       /* one standard deviation */
	bool ours;	       /* of the clock that we keep: then ... */
	struct ds_reading own; /* ... it is known on both scales */
};

/* False: the card's clock is not known well enough. */
static bool locate(const struct ds_card_time *t, int64_t card_ns, const struct ds_card_seen *seen,
		   struct place *p)
{
	p->ours = ds_clock_carry_device(t->clock, t->phc_index, card_ns, &p->own, &p->error_ns);
	if (p->ours)
		p->raw_ns = p->own.raw_ns;
	else if (!ds_cardclock_raw(&t->line, card_ns, &p->raw_ns, &p->error_ns))
		return false;
	return p->error_ns <= DS_CARD_ERROR_MAX_NS &&
	       !__builtin_sub_overflow(p->raw_ns, seen->raw_ns, &p->later_ns);
}

enum ds_reason ds_card_time_carry(struct ds_card_time *t, int64_t card_ns, bool received,
				  const struct ds_card_seen *seen, struct ds_card_carried *out)
{
	const int64_t sign = received ? -1 : 1;
	struct ds_card_usual *usual = &t->usual[received];
	struct place p;
	bool found = locate(t, card_ns, seen, &p);

	if (found && ds_card_usual_differs(usual, sign * p.later_ns, p.error_ns) && reread(t))
		found = locate(t, card_ns, seen, &p);
	if (!found)
		return DS_R_CARD_CLOCK;
	if (!ds_card_stamp_fits(sign * p.later_ns,
				fmax(p.error_ns, ds_clock_phc_error_ns(t->clock)),
				seen->by_kernel)) {
		reread(t);
		return DS_R_CARD_IMPLAUSIBLE;
	}
	ds_card_usual_note(usual, sign * p.later_ns);
	out->raw_ns = p.raw_ns;
	out->clock_ns = p.ours ? p.own.clock_ns
			       : seen->clock_ns + p.later_ns +
					 ds_gained_ns(p.later_ns, ds_clock_rate_ppb(t->clock));
	out->error_ns = (uint32_t)ceil(p.error_ns);
	t->error_ns = p.error_ns;
	t->error_most_ns = fmax(t->error_most_ns, p.error_ns);
	return DS_R_OK;
}
