/*
 * carder: what os/card, os/phc and core/clock/cardclock make of a card, for test/bed/card.sh.
 *
 *   carder look INTERFACE            what is known of it, a line of NAME=VALUE
 *   carder setting INTERFACE         tx=N rx=N flags=N
 *   carder set INTERFACE FILTER      none, ptp, all or ntp: the filter in force
 *   carder restore INTERFACE TX RX FLAGS
 *   carder clock DEVICE SECONDS [nocrossts] [read=NS]
 *       reads the clock twice a second; between the readings more of them, which
 *       the line is not told of, say how far it is off: rms of the error, of what was stated,
 *       and the most of their quotient
 *       read: what the line is told takes so long to read over the bus of the bed's card; the
 * others take nothing, and so know it better
 *
 * A failure is a sentence and status 1.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock/cardclock.h"
#include "os/card.h"
#include "os/clock.h"
#include "os/phc.h"

#define PARTS 8 /* of half a second: seven readings of eight are held back */

static int fail(const char *why)
{
	printf("%s\n", why);
	return 1;
}

static int look(const struct ds_card *c)
{
	static const char *const kinds[] = {"plain", "vlan", "bond", "bridge", "loopback"};

	printf("kind=%s stamper=%s driver=%s tx=%d rx=%d", kinds[c->kind], c->stamper, c->driver,
	       c->tx_hardware, c->rx_hardware);
	for (int f = DS_CARD_FILTER_PTP; f <= DS_CARD_FILTER_NTP; f++)
		printf(" %s=%d", ds_card_filter_word((enum ds_card_filter)f), c->filters[f]);
	printf(" phc=%d vclocks=%d vclock=%d speed=%u up=%d best=%s note='%s'\n", c->phc_index,
	       c->vclocks, c->vclocks > 0 ? c->vclock_index[0] : -1, c->speed_mbps, c->is_up,
	       ds_card_filter_word(ds_card_best_filter(c, false)), c->note);
	return 0;
}

static int show_setting(const struct ds_card *c)
{
	struct ds_card_setting s;
	int error = ds_card_setting(c, &s);

	if (error != 0)
		return fail(strerror(-error));
	printf("tx=%d rx=%d flags=%d\n", s.tx_type, s.rx_filter, s.flags);
	return 0;
}

static int set(const struct ds_card *c, const char *word)
{
	enum ds_card_filter got = DS_CARD_FILTER_NONE;
	char why[DS_WHY];

	for (int f = DS_CARD_FILTER_NONE; f <= DS_CARD_FILTER_NTP; f++) {
		if (strcmp(word, ds_card_filter_word((enum ds_card_filter)f)) != 0)
			continue;
		if (ds_card_configure(c, (enum ds_card_filter)f, &got, why) != 0)
			return fail(why);
		printf("%s\n", ds_card_filter_word(got));
		return 0;
	}
	return fail("no such filter");
}

static int restore(const struct ds_card *c, char **words)
{
	const struct ds_card_setting s = {atoi(words[0]), atoi(words[1]), atoi(words[2])};
	int error = ds_card_restore(c, &s);

	return error == 0 ? 0 : fail(strerror(-error));
}

static bool read_both(struct ds_phc *phc, struct ds_clock *clock, struct ds_cardclock_reading *r)
{
	struct ds_refsample sample;
	struct ds_reading at;

	ds_clock_read(clock, &at);
	if (ds_phc_read(phc, &sample) != DS_REF_SAMPLE)
		return false;
	ds_clock_carry(clock, sample.local_ns, &at);
	*r = (struct ds_cardclock_reading){at.raw_ns, sample.reference_ns, sample.dispersion_ns};
	return true;
}

/* A parameter of the bed's clock module. */
static void tell_module(const char *name, long value)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof path, "/sys/module/bedclk/parameters/%s", name);
	file = fopen(path, "we");
	if (file == NULL)
		return;
	fprintf(file, "%ld", value);
	fclose(file);
}

struct sums {
	double squares, stated, most, width;
	int count, failed;
};

static void compare(struct sums *s, const struct ds_cardclock *line,
		    const struct ds_cardclock_reading *r)
{
	double error, off;
	int64_t raw_ns;

	if (!ds_cardclock_raw(line, r->device_ns, &raw_ns, &error))
		return;
	off = (double)(raw_ns - r->raw_ns);
	s->squares += off * off;
	s->stated += error * error;
	s->most = fmax(s->most, fabs(off) / error);
	s->width += (double)r->half_width_ns;
	s->count++;
}

static int follow(const char *device, int seconds, bool nocrossts, long read_ns)
{
	const struct ds_phc_config config = {.path = device, .nocrossts = nocrossts};
	const struct timespec pause = {.tv_nsec = 500000000 / PARTS};
	struct ds_cardclock_reading r;
	struct ds_cardclock line;
	struct ds_clock clock;
	struct sums s = {0};
	struct ds_phc phc;
	char why[DS_WHY];

	if (read_ns > 0)
		tell_module("phc_read", read_ns);

	if (ds_phc_open(&phc, &config, why) != 0)
		return fail(why);
	ds_clock_open_system(&clock, false);
	ds_cardclock_init(&line, &(struct ds_cardclock_config){0});
	for (int i = 0; i < 2 * seconds * PARTS; i++) {
		if (read_ns > 0)
			tell_module("phc_read", i % PARTS == 0 ? read_ns : 0);
		if (!read_both(&phc, &clock, &r))
			s.failed++;
		else if (i % PARTS == 0)
			ds_cardclock_add(&line, &r);
		else if (i > 4 * PARTS)
			compare(&s, &line, &r);
		nanosleep(&pause, NULL);
	}
	ds_phc_close(&phc);
	if (s.count == 0)
		return fail("no reading could be compared");
	printf("way=%d readings=%u count=%d failed=%d width_ns=%.0f error_ns=%.0f stated_ns=%.0f "
	       "most=%.2f steps=%d rate_ppb=%.1f\n",
	       phc.way, phc.count, s.count, s.failed, s.width / s.count, sqrt(s.squares / s.count),
	       sqrt(s.stated / s.count), s.most, (int)line.steps, ds_cardclock_rate_ppb(&line));
	return 0;
}

int main(int argc, char **argv)
{
	struct ds_card card;
	char why[DS_WHY];

	if (argc >= 4 && strcmp(argv[1], "clock") == 0)
		return follow(argv[2], atoi(argv[3]), argc > 4 && strcmp(argv[4], "nocrossts") == 0,
			      strncmp(argv[argc - 1], "read=", 5) == 0 ? atol(argv[argc - 1] + 5)
								       : 0);
	if (argc < 3)
		return fail("usage: see carder.c");
	if (ds_card_look(argv[2], &card, why) != 0)
		return fail(why);
	if (strcmp(argv[1], "look") == 0)
		return look(&card);
	if (strcmp(argv[1], "setting") == 0)
		return show_setting(&card);
	if (strcmp(argv[1], "set") == 0 && argc == 4)
		return set(&card, argv[3]);
	if (strcmp(argv[1], "restore") == 0 && argc == 6)
		return restore(&card, argv + 3);
	return fail("usage: see carder.c");
}
