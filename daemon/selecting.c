/* selecting: see selecting.h. */
#include "daemon/selecting.h"

#include <string.h>

#include "daemon/log.h"
#include "daemon/record.h"

void ds_selecting_init(struct ds_selecting *s, const struct ds_conf *conf)
{
	memset(s, 0, sizeof *s);
	s->conf = conf;
	s->selected = -1;
}

void ds_selecting_restart(struct ds_selecting *s)
{
	memset(&s->combiner, 0, sizeof s->combiner);
	memset(s->selections, 0, sizeof s->selections);
}

void ds_selecting_forget(struct ds_selecting *s, uint32_t place)
{
	if (place >= DS_SOURCES_MAX)
		return;
	s->selections[place] = DS_S_NONE;
	s->scores[place] = 0.0;
	s->said_false[place] = s->said_loop[place] = false;
}

static struct ds_select_config configured(const struct ds_conf *conf, const struct ds_own *own)
{
	bool asked = (conf->port != 0 || conf->ptp_port != 0) &&
		     (ds_access_any(&conf->access) || ds_conf_shares_port(conf));

	return (struct ds_select_config){
		.max_distance_ns = (int64_t)(conf->max_distance_s * 1e9),
		.max_jitter_ns = conf->max_jitter_s * 1e9,
		.stratum_weight_ns = conf->stratum_weight_s * 1e9,
		.reselect_ns = conf->reselect_dist_s * 1e9,
		.combine_limit = conf->combine_limit,
		.max_clock_error_ppb = conf->max_clock_error_ppm * 1e3,
		.min_sources = conf->min_sources,
		.orphan_stratum = conf->local && conf->local_orphan ? conf->local_stratum : 0,
		.own_stratum = asked ? own->stratum : 0,
		.own_distance_ns = own->distance_ns,
	};
}

static void say_lack(struct ds_selecting *s, const struct ds_candidate *candidates, uint32_t count)
{
	uint32_t n[DS_S_SELECTED + 1] = {0};
	enum ds_selecting_lack lack = DS_LACK_SOURCES;

	for (uint32_t i = 0; i < count; i++)
		n[candidates[i].selection]++;
	if (n[DS_S_WAITING_REQUIRED] > 0)
		lack = DS_LACK_REQUIRED;
	else if (n[DS_S_WAITING] > 0)
		lack = DS_LACK_NUMBER;
	else if (n[DS_S_FALSETICKER] > 0)
		lack = DS_LACK_MAJORITY;
	/* At the start nobody has been selectable yet: that is no news. */
	if (lack == s->said || (lack == DS_LACK_SOURCES && s->selected < 0 && s->said == 0))
		return;
	s->said = (uint8_t)lack;
	if (lack == DS_LACK_MAJORITY)
		ds_log(DS_LOG_WARNING,
		       "Can't synchronise: no majority (no agreement among %u sources)",
		       n[DS_S_FALSETICKER]);
	else if (lack == DS_LACK_REQUIRED)
		ds_log(DS_LOG_NOTICE,
		       "Can't synchronise: no required source in selectable sources");
	else if (lack == DS_LACK_NUMBER)
		ds_log(DS_LOG_NOTICE, "Can't synchronise: only %u good sources (minsources)",
		       n[DS_S_WAITING]);
	else if (n[DS_S_UNREACHABLE] > 0)
		ds_log(DS_LOG_NOTICE, "Can't synchronise: no selectable sources (%u unreachable)",
		       n[DS_S_UNREACHABLE]);
	else
		ds_log(DS_LOG_NOTICE, "Can't synchronise: no selectable sources");
}

/* A line when it begins to be so; it may begin again when the source was used in between. */
static void say_state(bool *said, bool is_so, bool is_used, const char *what,
		      const union ds_address *address)
{
	char text[DS_ADDRESS_TEXT];

	if (is_so && !*said)
		ds_log(DS_LOG_WARNING, "%s %s", what, ds_address_text(address, false, text));
	*said = is_so || (*said && !is_used);
}

/* found: a majority tells who is false. Without one, say_lack() has said all in one line. */
static void say_states(struct ds_selecting *s, const struct ds_candidate *candidates,
		       uint32_t count, const union ds_address *const *addresses, bool found)
{
	for (uint32_t i = 0; i < count; i++) {
		enum ds_selection is = candidates[i].selection;
		bool used = is == DS_S_SELECTED || is == DS_S_COMBINED || is == DS_S_NONE;

		if (found)
			say_state(&s->said_false[i], is == DS_S_FALSETICKER, used,
				  "Detected falseticker", addresses[i]);
		say_state(&s->said_loop[i], is == DS_S_LOOP, used,
			  "Its time is ours, in a loop: not selecting", addresses[i]);
	}
}

static void say_selected(struct ds_selecting *s, const union ds_address *address, int32_t best)
{
	char text[DS_ADDRESS_TEXT];

	s->said = DS_LACK_NONE;
	if (best != s->selected)
		ds_log(DS_LOG_NOTICE, "Selected source %s", ds_address_text(address, false, text));
}

static double badness(const struct ds_selecting *s, const struct ds_candidate *c)
{
	return (double)c->prediction.distance_ns * 1e-9 + s->conf->stratum_weight_s * c->stratum;
}

/* selected: NULL where there is no best. */
static void score(struct ds_selecting *s, const struct ds_candidate *candidates, uint32_t count,
		  const struct ds_selected *selected)
{
	for (uint32_t i = 0; i < count; i++) {
		s->scores[i] = 0.0;
		if (selected != NULL && candidates[i].has_prediction &&
		    badness(s, &candidates[i]) > 0.0)
			s->scores[i] = badness(s, &candidates[selected->best]) /
				       badness(s, &candidates[i]);
	}
}

bool ds_selecting_run(struct ds_selecting *s, struct ds_candidate *candidates, uint32_t count,
		      const union ds_address *const *addresses, const struct ds_reading *now,
		      int64_t interval_ns, const struct ds_own *own, struct ds_combined *combined)
{
	struct ds_select_config config = configured(s->conf, own);
	struct ds_selected selected;
	bool found;

	for (uint32_t i = 0; i < count; i++)
		candidates[i].combined_before =
			s->selections[i] == DS_S_SELECTED || s->selections[i] == DS_S_COMBINED;
	found = ds_select(candidates, count, s->selected, &config, &selected);
	for (uint32_t i = 0; i < count; i++)
		s->selections[i] = (uint8_t)candidates[i].selection;
	say_states(s, candidates, count, addresses, found);
	score(s, candidates, count, found ? &selected : NULL);
	for (uint32_t i = 0; i < count && ds_record_wants_selection(); i++)
		ds_record_selection(now, addresses[i], &candidates[i], s->scores[i]);
	if (!found) {
		say_lack(s, candidates, count);
		s->selected = -1;
		return false;
	}
	say_selected(s, addresses[selected.best], (int32_t)selected.best);
	s->selected = (int32_t)selected.best;
	ds_combine(&s->combiner, candidates, count, &selected, now->raw_ns, interval_ns, combined);
	return true;
}
