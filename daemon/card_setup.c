/* card_setup: see card_setup.h. */
#include "daemon/card_setup.h"

#include <errno.h>
#include <string.h>

#include "daemon/log.h"

#define TX_ON 1 /* HWTSTAMP_TX_ON */

/* DS_CARD_FILTER_PTP stamps nothing of ours but on PTP's ports; it is taken where it is asked for.
 */
static enum ds_card_filter wanted_filter(const struct ds_card_setup *s)
{
	switch (s->conf->filter) {
	case DS_CONF_FILTER_NONE:
		return DS_CARD_FILTER_NONE;
	case DS_CONF_FILTER_PTP:
		return DS_CARD_FILTER_PTP;
	case DS_CONF_FILTER_ALL:
		return DS_CARD_FILTER_ALL;
	case DS_CONF_FILTER_NTP:
		return DS_CARD_FILTER_NTP;
	default:
		return ds_card_best_filter(&s->card, s->ptp);
	}
}

/* Flags may be added by the kernel. */
static bool same_setting(const struct ds_card_setting *a, const struct ds_card_setting *b)
{
	return a->tx_type == b->tx_type && a->rx_filter == b->rx_filter;
}

bool ds_card_setup_begin(struct ds_card_setup *s, const struct ds_conf_card *conf,
			 const struct ds_card *card, bool ptp, char why[DS_WHY])
{
	memset(s, 0, sizeof *s);
	s->conf = conf;
	s->card = *card;
	s->ptp = ptp;
	s->has_before = ds_card_setting(&s->card, &s->before) == 0;
	if (ds_card_configure(&s->card, wanted_filter(s), &s->filter, why) != 0)
		return false;
	if (ds_card_setting(&s->card, &s->ours) != 0)
		s->ours = (struct ds_card_setting){.tx_type = -1};
	return true;
}

/* True with *now: it is not as we set it. */
static bool is_foreign(const struct ds_card_setup *s, struct ds_card_setting *now)
{
	return s->ours.tx_type >= 0 && ds_card_setting(&s->card, now) == 0 &&
	       !same_setting(now, &s->ours);
}

void ds_card_setup_check(struct ds_card_setup *s)
{
	struct ds_card_setting now;
	char why[DS_WHY];

	if (!is_foreign(s, &now))
		return;
	if (!s->said_foreign)
		ds_log(DS_LOG_WARNING,
		       "card %s: another program has changed what it stamps (sent packets: %s, "
		       "received: filter %d)",
		       s->card.stamper, now.tx_type == TX_ON ? "yes" : "no", now.rx_filter);
	s->said_foreign = true;
	if (now.tx_type == 0 && now.rx_filter == 0)
		ds_card_configure(&s->card, wanted_filter(s), &s->filter, why);
}

void ds_card_setup_end(const struct ds_card_setup *s)
{
	struct ds_card_setting now;
	int error;

	if (!s->has_before || memcmp(&s->before, &s->ours, sizeof s->ours) == 0)
		return;
	if (is_foreign(s, &now)) {
		if (!same_setting(&now, &s->before))
			ds_log(DS_LOG_NOTICE, "card %s stays as another program has set it",
			       s->card.stamper);
		return;
	}
	error = ds_card_restore(&s->card, &s->before);
	if (error != 0 && error != -ENODEV)
		ds_log(DS_LOG_NOTICE, "card %s stays as it is set: %s", s->card.stamper,
		       error == -EPERM ? "no right to put it back" : strerror(-error));
}

bool ds_card_setup_is_gone(const struct ds_card_setup *s)
{
	char name[IF_NAMESIZE];

	return if_indextoname((unsigned int)s->card.stamper_index, name) == NULL && errno == ENXIO;
}
