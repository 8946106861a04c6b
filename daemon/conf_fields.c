/*
 * conf_fields: numbers are read in the C locale, whole and to the last character.
 * Printed numbers are the shortest that read back to the same bits.
 */
#include "daemon/conf_fields.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/conf.h"

#define CONF(word, type, member, min, max)                                                         \
	{                                                                                          \
		word, DS_FIELD_##type, offsetof(struct ds_conf, member), min, max                  \
	}
#define SOURCE(word, type, member, min, max)                                                       \
	{                                                                                          \
		word, DS_FIELD_##type, offsetof(struct ds_conf_source, member), min, max           \
	}
#define TEXT_MAX(member) (sizeof(((struct ds_conf *)0)->member) - 1)

/* clang-format off */
static const struct ds_field conf_fields[] = {
	CONF("acquisitionport", UINT16, acquisition_port, 0, 65535),
	CONF("bindacqdevice", TEXT, bind_acq_device, 1, TEXT_MAX(bind_acq_device)),
	CONF("binddevice", TEXT, bind_device, 1, TEXT_MAX(bind_device)),
	CONF("boundfile", TEXT, bound_file, 1, TEXT_MAX(bound_file)),
	CONF("clientloglimit", UINT64, client_log_limit, 2048, 2147483648.0),
	CONF("clockprecision", DOUBLE, clock_precision_s, 1e-9, 1),
	CONF("cmdport", INT, cmd_port, 0, 65535),
	CONF("combinelimit", DOUBLE, combine_limit, 0, 1e6),
	CONF("controlgroup", TEXT, control_group, 1, TEXT_MAX(control_group)),
	CONF("controlsocket", TEXT, control_socket, 1, TEXT_MAX(control_socket)),
	CONF("driftfile", TEXT, drift_file, 1, TEXT_MAX(drift_file)),
	CONF("hwclockfile", TEXT, hwclock_file, 1, TEXT_MAX(hwclock_file)),
	CONF("hwtstimeout", DOUBLE, hwts_timeout_s, 0, 1),
	CONF("keyfile", TEXT, key_file, 1, TEXT_MAX(key_file)),
	CONF("leapseclist", TEXT, leap_list, 1, TEXT_MAX(leap_list)),
	CONF("leapsectz", TEXT, leap_zone, 1, TEXT_MAX(leap_zone)),
	CONF("logbanner", INT, log_banner, 0, 1e9),
	CONF("logchange", DOUBLE, log_change_s, 0, 1e9),
	CONF("logdir", TEXT, log_dir, 1, TEXT_MAX(log_dir)),
	CONF("maxasymmetry", DOUBLE, max_asymmetry, 0, 1),
	CONF("maxclockerror", DOUBLE, max_clock_error_ppm, 0, 1e5),
	CONF("maxdistance", DOUBLE, max_distance_s, 1e-6, 1e6),
	CONF("maxdrift", DOUBLE, max_drift_ppm, 1e-3, 500000),
	CONF("maxjitter", DOUBLE, max_jitter_s, 1e-6, 1e6),
	CONF("maxsamples", UINT8, max_samples, 0, 64),
	CONF("maxslewrate", DOUBLE, max_slew_ppm, 1e-3, 1e5),
	CONF("maxupdateskew", DOUBLE, max_update_skew_ppm, 1e-6, 1e6),
	CONF("minsamples", UINT8, min_samples, 1, 64),
	CONF("minsources", UINT8, min_sources, 1, DS_CONF_SOURCES),
	CONF("noclientlog", FLAG, no_client_log, 0, 0),
	CONF("pidfile", TEXT, pid_file, 1, TEXT_MAX(pid_file)),
	CONF("port", UINT16, port, 0, 65535),
	CONF("ptpdomain", UINT8, ptp_domain, 0, 255),
	CONF("ptpport", UINT16, ptp_port, 0, 65535),
	CONF("reselectdist", DOUBLE, reselect_dist_s, 0, 1e6),
	CONF("rtcdevice", TEXT, rtc_device, 1, TEXT_MAX(rtc_device)),
	CONF("rtcfile", TEXT, rtc_file, 1, TEXT_MAX(rtc_file)),
	CONF("rtconutc", FLAG, rtc_utc, 0, 0),
	CONF("rtcsync", FLAG, rtc_sync, 0, 0),
	CONF("stratumweight", DOUBLE, stratum_weight_s, 0, 1e6),
	CONF("user", TEXT, user, 1, TEXT_MAX(user)),
};

static const struct ds_field source_fields[] = {
	SOURCE("anyinterface", FLAG, any_interface, 0, 0),
	SOURCE("burst", FLAG, burst, 0, 0),
	SOURCE("iburst", FLAG, iburst, 0, 0),
	SOURCE("key", UINT32, key, 1, 4294967295.0),
	SOURCE("maxdelay", DOUBLE, max_delay_s, 1e-9, 1000),
	SOURCE("maxpeers", UINT8, max_peers, 1, 16),
	SOURCE("maxpoll", INT8, maxpoll, -6, 24),
	SOURCE("maxsamples", UINT8, max_samples, 1, 64),
	SOURCE("maxsources", UINT8, max_sources, 1, 16),
	SOURCE("minpoll", INT8, minpoll, -6, 24),
	SOURCE("minsamples", UINT8, min_samples, 1, 64),
	SOURCE("minstratum", UINT8, min_stratum, 0, 15),
	SOURCE("noselect", FLAG, noselect, 0, 0),
	SOURCE("offline", FLAG, offline_, 0, 0),
	SOURCE("offset", DOUBLE, offset_s, -1e6, 1e6),
	SOURCE("port", UINT16, port, 1, 65535),
	SOURCE("prefer", FLAG, prefer, 0, 0),
	SOURCE("presend", INT8, presend, -6, 24),
	SOURCE("require", FLAG, require, 0, 0),
	SOURCE("trust", FLAG, trust, 0, 0),
	SOURCE("trustcorrections", FLAG, trust_corrections, 0, 0),
	SOURCE("version", UINT8, version, 1, 4),
	SOURCE("xleave", FLAG, xleave, 0, 0),
};
/* clang-format on */

const struct ds_fields ds_fields_conf = {conf_fields, sizeof(conf_fields) / sizeof(conf_fields[0])};
const struct ds_fields ds_fields_source = {source_fields,
					   sizeof(source_fields) / sizeof(source_fields[0])};

const struct ds_field *ds_fields_find(const struct ds_fields *fields, const char *word)
{
	for (size_t i = 0; i < fields->count; i++)
		if (strcmp(fields->list[i].word, word) == 0)
			return &fields->list[i];
	return NULL;
}

static double load(const struct ds_field *field, const void *base)
{
	const char *at = (const char *)base + field->offset;

	switch (field->type) {
	case DS_FIELD_FLAG:
		return *(const bool *)at;
	case DS_FIELD_INT8:
		return *(const int8_t *)at;
	case DS_FIELD_UINT8:
		return *(const uint8_t *)at;
	case DS_FIELD_UINT16:
		return *(const uint16_t *)(const void *)at;
	case DS_FIELD_UINT32:
		return *(const uint32_t *)(const void *)at;
	case DS_FIELD_INT:
		return *(const int *)(const void *)at;
	case DS_FIELD_UINT64:
		return (double)*(const uint64_t *)(const void *)at;
	case DS_FIELD_DOUBLE:
		return *(const double *)(const void *)at;
	case DS_FIELD_TEXT:
		break;
	}
	return 0;
}

/* value: within the bounds of the field, which are within those of its type */
static void store(const struct ds_field *field, void *base, double value)
{
	char *at = (char *)base + field->offset;

	switch (field->type) {
	case DS_FIELD_FLAG:
		*(bool *)at = true;
		break;
	case DS_FIELD_INT8:
		*(int8_t *)at = (int8_t)value;
		break;
	case DS_FIELD_UINT8:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case DS_FIELD_UINT16:
		*(uint16_t *)(void *)at = (uint16_t)value;
		break;
	case DS_FIELD_UINT32:
		*(uint32_t *)(void *)at = (uint32_t)value;
		break;
	case DS_FIELD_INT:
		*(int *)(void *)at = (int)value;
		break;
	case DS_FIELD_UINT64:
		*(uint64_t *)(void *)at = (uint64_t)value;
		break;
	case DS_FIELD_DOUBLE:
		*(double *)(void *)at = value;
		break;
	case DS_FIELD_TEXT:
		break;
	}
}

static bool parse_number(const struct ds_field *field, const char *text, double *value)
{
	char *end;

	errno = 0;
	if (field->type == DS_FIELD_DOUBLE)
		*value = strtod(text, &end);
	else
		*value = (double)strtoll(text, &end, 10);
	if (end == text || *end != '\0' || !isfinite(*value))
		return false;
	/* Underflow is the number nearest to what was meant; overflow is none. */
	if (errno == ERANGE && (field->type != DS_FIELD_DOUBLE || fabs(*value) > 1))
		return false;
	return *value >= field->min && *value <= field->max;
}

static bool set_text(const struct ds_field *field, void *base, const char *text,
		     char why[DS_FIELD_WHY])
{
	char *at = (char *)base + field->offset;
	size_t length = strlen(text);

	if (length > (size_t)field->max) {
		snprintf(why, DS_FIELD_WHY, "'%s' takes at most %.0f characters, not %zu",
			 field->word, field->max, length);
		return false;
	}
	memset(at, 0, (size_t)field->max + 1);
	if (strcasecmp(text, "none") != 0)
		memcpy(at, text, length + 1);
	return true;
}

bool ds_field_set(const struct ds_field *field, void *base, const char *text,
		  char why[DS_FIELD_WHY])
{
	double value = 1;

	if (field->type == DS_FIELD_TEXT)
		return set_text(field, base, text, why);
	if (field->type != DS_FIELD_FLAG && !parse_number(field, text, &value)) {
		snprintf(why, DS_FIELD_WHY,
			 "'%s' takes a %snumber from %.10g to %.10g, not '%.64s'", field->word,
			 field->type == DS_FIELD_DOUBLE ? "" : "whole ", field->min, field->max,
			 text);
		return false;
	}
	store(field, base, value);
	return true;
}

void ds_print_number(double value, FILE *out)
{
	char text[40];
	int precision = 15;

	do
		snprintf(text, sizeof(text), "%.*g", precision, value);
	while (strtod(text, NULL) != value && precision++ < 17);
	fputs(text, out);
}

static void print_value(const struct ds_field *field, const void *base, FILE *out)
{
	const char *text = (const char *)base + field->offset;

	if (field->type == DS_FIELD_TEXT)
		fprintf(out, " %s", text[0] != '\0' ? text : "none");
	else if (field->type == DS_FIELD_DOUBLE) {
		fputc(' ', out);
		ds_print_number(load(field, base), out);
	} else if (field->type != DS_FIELD_FLAG)
		fprintf(out, " %.0f", load(field, base));
}

static bool same(const struct ds_field *field, const void *a, const void *b)
{
	if (field->type == DS_FIELD_TEXT)
		return strcmp((const char *)a + field->offset, (const char *)b + field->offset) ==
		       0;
	double x = load(field, a), y = load(field, b);
	return !(x < y) && !(x > y);
}

void ds_fields_print(const struct ds_fields *fields, const void *base, const void *defaults,
		     const char *before, const char *after, FILE *out)
{
	for (size_t i = 0; i < fields->count; i++) {
		const struct ds_field *field = &fields->list[i];
		if (same(field, base, defaults))
			continue;
		fprintf(out, "%s%s", before, field->word);
		print_value(field, base, out);
		fputs(after, out);
	}
}
