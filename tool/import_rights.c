/* import_rights: which drop-ins of drivestamp.service a configuration needs. It must never ask for
 * a right that nothing in the configuration uses. */
#include <string.h>

#include "tool/import.h"

const char *const ds_import_drop_in_names[DS_IMPORT_DROP_INS] = {"serve.conf", "refclocks.conf",
								 "hwtimestamp.conf"};

static bool is_low(int port)
{
	return port > 0 && port < 1024;
}

static bool opens_low_port(const struct ds_conf *conf)
{
	bool serves = ds_access_any(&conf->access) || ds_conf_shares_port(conf);

	return (serves && is_low(conf->port)) || is_low(conf->ptp_port) ||
	       is_low(conf->acquisition_port) || is_low(conf->cmd_port);
}

/* SHM and SOCK are no devices. */
static bool opens_device(const struct ds_conf *conf)
{
	for (int i = 0; i < conf->refclock_count; i++)
		if (conf->refclocks[i].driver != DS_REFCLOCK_SHM &&
		    conf->refclocks[i].driver != DS_REFCLOCK_SOCK)
			return true;
	return conf->rtc_file[0] != '\0' || conf->clock.path[0] != '\0';
}

unsigned ds_import_drop_ins(const struct ds_conf *conf)
{
	return (opens_low_port(conf) ? 1U << DS_IMPORT_SERVE : 0) |
	       (opens_device(conf) ? 1U << DS_IMPORT_REFCLOCKS : 0) |
	       (conf->card_count > 0 ? 1U << DS_IMPORT_HWTIMESTAMP : 0);
}

const char *ds_import_drop_in_paths(unsigned drop_ins, const char *folder, char text[256])
{
	size_t length = 0;

	text[0] = '\0';
	for (int i = 0; i < DS_IMPORT_DROP_INS; i++)
		if (drop_ins >> i & 1 && length < 256)
			length += (size_t)snprintf(text + length, 256 - length, "%s%s/%s",
						   length > 0 ? " " : "", folder,
						   ds_import_drop_in_names[i]);
	return text;
}
