/* conf_local: see conf_local.h. */
#include "daemon/conf_local.h"

#include <stddef.h>
#include <stdlib.h>

#include "daemon/conf_words.h"

#define LOCAL(word, type, member, min, max)                                                        \
	{                                                                                          \
		word, DS_FIELD_##type, offsetof(struct ds_conf, member), min, max                  \
	}

/* clang-format off */
static const struct ds_field local_fields[] = {
	LOCAL("activate", DOUBLE, local_activate_s, 0, 1e6),
	LOCAL("distance", DOUBLE, local_distance_s, 0, 1e6),
	LOCAL("orphan", FLAG, local_orphan, 0, 0),
	LOCAL("stratum", UINT8, local_stratum, 1, 15),
	LOCAL("waitsynced", DOUBLE, local_wait_synced_s, 0, 1e6),
	LOCAL("waitunsynced", DOUBLE, local_wait_unsynced_s, 0, 1e6),
};
/* clang-format on */
static const struct ds_fields fields = {local_fields,
					sizeof(local_fields) / sizeof(local_fields[0])};

void ds_conf_local_defaults(struct ds_conf *conf)
{
	conf->local_stratum = 10;
	conf->local_orphan = false;
	conf->local_distance_s = 1;
	conf->local_activate_s = 0;
	conf->local_wait_synced_s = 0;
	conf->local_wait_unsynced_s = DS_CONF_WAIT_BY_KIND;
}

static void say_unknown(const char *text, char why[DS_FIELD_WHY])
{
	unsigned edits;
	const struct ds_word *nearest = ds_words_nearest(&ds_words_local_options, text, &edits);

	snprintf(why, DS_FIELD_WHY, "unknown %s '%.64s': did you mean '%s'?",
		 ds_words_local_options.what, text, nearest->word);
}

bool ds_conf_local_parse(struct ds_conf *conf, char *const *words, unsigned count,
			 char why[DS_FIELD_WHY])
{
	conf->local = true;
	ds_conf_local_defaults(conf);
	for (unsigned at = 1; at < count;) {
		const struct ds_word *word = ds_words_find(&ds_words_local_options, words[at]);

		if (word == NULL) {
			say_unknown(words[at], why);
			return false;
		}
		at++;
		if (count - at < word->min_args) {
			snprintf(why, DS_FIELD_WHY, "'%s' needs a value", word->word);
			return false;
		}
		if (!ds_field_set(ds_fields_find(&fields, word->word), conf,
				  word->min_args > 0 ? words[at] : NULL, why))
			return false;
		at += word->min_args;
	}
	return true;
}

void ds_conf_local_print(const struct ds_conf *conf, FILE *out)
{
	struct ds_conf *defaults = malloc(sizeof(*defaults));

	if (defaults == NULL)
		return;
	ds_conf_local_defaults(defaults);
	defaults->local_stratum = 0; /* always shown: it is what the line is about */
	fputs("local", out);
	ds_fields_print(&fields, conf, defaults, " ", "", out);
	fputc('\n', out);
	free(defaults);
}
