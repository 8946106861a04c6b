/* conf_leap: see conf_leap.h. */
#include "daemon/conf_leap.h"

#include <stddef.h>
#include <strings.h>

static const char *const modes[] = {
	[DS_LEAP_BY_KERNEL] = "system",
	[DS_LEAP_BY_STEP] = "step",
	[DS_LEAP_BY_SLEW] = "slew",
	[DS_LEAP_BY_NOBODY] = "ignore",
};

static const struct ds_field max_freq = {"smoothtime", DS_FIELD_DOUBLE,
					 offsetof(struct ds_conf, smooth_freq_ppm), 1e-6, 1e5};
static const struct ds_field max_wander = {"smoothtime", DS_FIELD_DOUBLE,
					   offsetof(struct ds_conf, smooth_wander_ppm), 1e-9, 1e5};

bool ds_conf_leap_mode_parse(struct ds_conf *conf, const char *mode, char why[DS_FIELD_WHY])
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcasecmp(mode, modes[i]) == 0) {
			conf->leap_mode = (uint8_t)i;
			return true;
		}
	snprintf(why, DS_FIELD_WHY, "'leapsecmode' takes system, step, slew or ignore, not '%.64s'",
		 mode);
	return false;
}

bool ds_conf_smooth_parse(struct ds_conf *conf, char *const *words, unsigned count,
			  char why[DS_FIELD_WHY])
{
	double freq_before = conf->smooth_freq_ppm;

	if (count > 3 && strcasecmp(words[3], "leaponly") != 0) {
		snprintf(why, DS_FIELD_WHY,
			 "the third value of 'smoothtime' can only be leaponly, not '%.64s'",
			 words[3]);
		return false;
	}
	if (!ds_field_set(&max_freq, conf, words[1], why))
		return false;
	if (!ds_field_set(&max_wander, conf, words[2], why)) {
		conf->smooth_freq_ppm = freq_before;
		return false;
	}
	conf->smooth_leap_only = count > 3;
	return true;
}

void ds_conf_leap_print(const struct ds_conf *conf, FILE *out)
{
	if (conf->leap_mode != DS_LEAP_BY_KERNEL)
		fprintf(out, "leapsecmode %s\n", modes[conf->leap_mode]);
	if (!(conf->smooth_freq_ppm > 0))
		return;
	fputs("smoothtime ", out);
	ds_print_number(conf->smooth_freq_ppm, out);
	fputc(' ', out);
	ds_print_number(conf->smooth_wander_ppm, out);
	fputs(conf->smooth_leap_only ? " leaponly\n" : "\n", out);
}
