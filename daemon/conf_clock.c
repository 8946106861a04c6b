/* conf_clock: see conf_clock.h. */
#include "daemon/conf_clock.h"

#include <string.h>
#include <strings.h>

#include "daemon/conf_words.h"

#define WORDS_MAX 4

bool ds_conf_clock_parse(struct ds_conf_clock *clock, char *const *words, unsigned count,
			 const char *file, int line, char why[DS_FIELD_WHY])
{
	struct ds_conf_clock new = {.line = line};
	const struct ds_word *nearest;
	unsigned edits;

	if (strlen(words[1]) >= sizeof new.path) {
		snprintf(why, DS_FIELD_WHY, "the path is longer than %zu characters",
			 sizeof new.path - 1);
		return false;
	}
	if (strcasecmp(words[1], "system") != 0)
		memcpy(new.path, words[1], strlen(words[1]) + 1);
	for (unsigned at = 2; at < count; at++) {
		bool tai = strcasecmp(words[at], "tai") == 0;

		if (!tai && strcasecmp(words[at], "nocrossts") != 0) {
			nearest = ds_words_nearest(&ds_words_clock_options, words[at], &edits);
			snprintf(why, DS_FIELD_WHY,
				 "unknown %s '%.64s': the nearest known word is '%s'",
				 ds_words_clock_options.what, words[at], nearest->word);
			return false;
		}
		if (new.path[0] == '\0') {
			snprintf(why, DS_FIELD_WHY, "'%.64s' is no option of the system clock",
				 words[at]);
			return false;
		}
		*(tai ? &new.tai : &new.nocrossts) = true;
	}
	snprintf(new.file, sizeof new.file, "%s", file);
	*clock = new;
	return true;
}

bool ds_conf_clock_option(struct ds_conf_clock *clock, const char *text, char why[DS_FIELD_WHY])
{
	char copy[DS_CONF_PATH + 64], directive[] = "clock";
	char *words[WORDS_MAX] = {directive};
	unsigned count = 1;
	char *rest, *next;

	if (strlen(text) >= sizeof copy) {
		snprintf(why, DS_FIELD_WHY, "longer than %zu characters", sizeof copy - 1);
		return false;
	}
	memcpy(copy, text, strlen(text) + 1);
	for (next = strtok_r(copy, ",", &rest); next != NULL && count < WORDS_MAX;
	     next = strtok_r(NULL, ",", &rest))
		words[count++] = next;
	if (count == 1 || next != NULL) {
		snprintf(why, DS_FIELD_WHY,
			 "expected system, virtual[,offset=SECONDS,freq=PPM] or "
			 "DEVICE|INTERFACE[,tai,nocrossts]");
		return false;
	}
	return ds_conf_clock_parse(clock, words, count, "--clock", 0, why);
}

bool ds_conf_clock_conflict(const struct ds_conf *conf, bool *error, char why[DS_FIELD_WHY])
{
	const struct ds_conf_clock *clock = &conf->clock;

	if (clock->path[0] == '\0')
		return false;
	*error = true;
	for (int i = 0; i < conf->refclock_count; i++) {
		const struct ds_conf_refclock *r = &conf->refclocks[i];

		if (r->driver != DS_REFCLOCK_PHC || r->extpps || strcmp(r->path, clock->path) != 0)
			continue;
		snprintf(why, DS_FIELD_WHY,
			 "'clock %.64s' is a source of time as well: '%s' (%.64s:%d)", clock->path,
			 r->ref_id, r->source.file, r->source.line);
		return true;
	}
	if (clock->tai && conf->leap_list[0] == '\0' && conf->leap_zone[0] == '\0') {
		snprintf(
			why, DS_FIELD_WHY,
			"'clock ... tai' needs 'leapseclist' or 'leapsectz': how much TAI is ahead of "
			"UTC");
		return true;
	}
	*error = false;
	if (!conf->rtc_sync)
		return false;
	snprintf(why, DS_FIELD_WHY,
		 "'rtcsync' is left out: the kernel knows nothing of the clock that is kept, %.64s",
		 clock->path);
	return true;
}

void ds_conf_clock_print(const struct ds_conf_clock *clock, FILE *out)
{
	if (clock->path[0] != '\0')
		fprintf(out, "clock %s%s%s\n", clock->path, clock->tai ? " tai" : "",
			clock->nocrossts ? " nocrossts" : "");
}
