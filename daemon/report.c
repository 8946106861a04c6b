/* report: see report.h. Counters that open sockets still hold are added up here, and stay theirs.
 */
#include "daemon/report.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "daemon/facts.h"
#include "daemon/log.h"

#define COUNTER_TEXT 64 /* the longest name, '=' and a number */

static void report_source(const struct ds_source *s, enum ds_selection selection)
{
	char text[DS_ADDRESS_TEXT];

	ds_log(DS_LOG_INFO,
	       "source %s: requests=%" PRIu64 " answers=%" PRIu64 " basic=%" PRIu64
	       " interleaved=%" PRIu64 " stamps-lost=%" PRIu64 " reach=%03o poll=%d"
	       " state=%c (%s)",
	       ds_address_text(&s->address, true, text), s->requests, s->answers, s->basic,
	       s->interleaved, s->stamps_lost, (unsigned int)s->reach, s->poll_log2,
	       ds_selection_data_letter(selection), ds_selection_words(selection));
}

static void report_ptp(const struct ds_source *s)
{
	static const char *const forms[] = {"none heard", "RFC 10030", "experimental"};
	char text[DS_ADDRESS_TEXT];

	if (s->by_ptp)
		ds_log(DS_LOG_INFO,
		       "by PTP %s: form=\"%s\" corrected=%" PRIu64 " last=%" PRId64 " ns",
		       ds_address_text(&s->address, true, text), forms[s->held.form], s->corrected,
		       s->corrected_ns);
}

static void report_heard(const struct ds_source *s)
{
	const struct ds_listening *l = s->listening;
	char text[DS_ADDRESS_TEXT];

	ds_log(DS_LOG_INFO,
	       "heard %s: broadcasts=%" PRIu64 " basic=%" PRIu64 " interleaved=%" PRIu64
	       " interval=%d calibrated=%s delay=%" PRId64 " ns way=%+" PRId64 " ns",
	       ds_address_text(&s->address, true, text), l->heard, l->basic, l->interleaved,
	       l->interval_log2, l->interleaves ? "interleaved" : "basic",
	       l->measured_count > 0 ? ds_listening_delay_ns(l) : -1, ds_listening_way_ns(l));
}

static void report_refclock(const struct ds_refclock *r)
{
	char text[DS_REFDROP_COUNT * COUNTER_TEXT];
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < DS_REFDROP_COUNT; i++) {
		if (r->drops[i] == 0)
			continue;
		used += (size_t)snprintf(text + used, COUNTER_TEXT, " %s=%" PRIu64,
					 ds_refdrop_name((enum ds_refdrop)i), r->drops[i]);
	}
	ds_log(DS_LOG_INFO, "refclock %s: samples=%" PRIu64 " used=%" PRIu64 "%s", r->conf->ref_id,
	       r->samples, r->used, text);
}

static void report_broadcast(const struct ds_broadcasting_one *one)
{
	char text[DS_ADDRESS_TEXT];

	ds_log(DS_LOG_INFO,
	       "broadcast %s: sent=%" PRIu64 " drivestamps=%" PRIu64 " after-reading=%d ns",
	       ds_address_text(&one->conf->address, true, text), one->sent, one->stamps,
	       ds_departure_expected_ns(&one->departure, 0));
}

static void report_departure(const struct ds_serve_departure *d)
{
	char name[IF_NAMESIZE];
	const char *interface = if_indextoname((unsigned int)d->interface, name);

	ds_log(DS_LOG_INFO,
	       "departure: interface=%s family=%s%s after-reading=%d ns each-further=%d ns "
	       "observations=%" PRIu32,
	       interface != NULL ? interface : "?", d->family == AF_INET ? "IPv4" : "IPv6",
	       d->lone ? " (alone)" : "", ds_departure_expected_ns(&d->learnt, 0),
	       d->learnt.step_median_ns, d->learnt.first_seen);
}

/* Those asked for are had, missing (a counter) or awaited: nothing is lost unseen. */
static uint32_t awaited(const struct ds_serve *s)
{
	uint32_t n = 0;

	for (int i = 0; i < DS_SERVE_SOCKETS; i++)
		if (s->sockets[i].fd >= 0)
			n += ds_stamping_awaited(&s->sockets[i].stamping);
	return n;
}

static void report_served(const struct ds_serve *s)
{
	for (int i = 0; i < s->departure_count; i++)
		report_departure(&s->departures[i]);
	if (s->received == 0)
		return;
	ds_log(DS_LOG_INFO,
	       "served: requests=%" PRIu64 " answers=%" PRIu64 " interleaved=%" PRIu64
	       " drivestamps-asked=%" PRIu64 " drivestamps=%" PRIu64
	       " drivestamps-awaited=%" PRIu32,
	       s->received, s->answered, s->interleaved, s->stamps_asked, s->stamps_got,
	       awaited(s));
}

static void report_counters(const struct ds_daemon *d)
{
	struct ds_counters sum;
	char text[DS_REASON_COUNT * COUNTER_TEXT];
	size_t used = 0;

	ds_facts_counters(d, &sum);
	text[0] = '\0';
	for (int r = 0; r < DS_REASON_COUNT; r++) {
		if (sum.by_reason[r] == 0)
			continue;
		used += (size_t)snprintf(text + used, COUNTER_TEXT, " %s=%" PRIu64,
					 ds_reason_name((enum ds_reason)r), sum.by_reason[r]);
	}
	ds_log(DS_LOG_INFO, "counters:%s", text);
}

void ds_report(const struct ds_daemon *d)
{
	for (uint32_t i = 0; i < d->sources.count; i++)
		if (d->sources.table[i].address.family != 0)
			report_source(&d->sources.table[i],
				      (enum ds_selection)d->timekeeper.selecting.selections[i]);
	for (uint32_t i = 0; i < d->sources.count; i++)
		if (d->sources.table[i].address.family != 0)
			report_ptp(&d->sources.table[i]);
	for (uint32_t i = 0; i < d->sources.count; i++)
		if (d->sources.table[i].address.family != 0 &&
		    d->sources.table[i].listening != NULL)
			report_heard(&d->sources.table[i]);
	for (int i = 0; i < d->refclocks.count; i++)
		report_refclock(&d->refclocks.table[i]);
	for (int i = 0; i < d->broadcasting.count; i++)
		report_broadcast(&d->broadcasting.table[i]);
	ds_phckeeper_report(&d->phckeeper);
	ds_cards_report(&d->cards);
	report_served(&d->serve);
	report_counters(d);
}
