/* experiment: see the header. Here are only the names of things. */
#include "lab/experiment.h"

#include <stddef.h>
#include <string.h>

static const char *const mode_names[DS_LAB_MODES] = {
	[DS_LAB_BASIC] = "basic",
	[DS_LAB_XLEAVE] = "xleave",
	[DS_LAB_SYMMETRIC] = "symmetric",
	[DS_LAB_SYMMETRIC_XLEAVE] = "symmetric-xleave",
	[DS_LAB_BROADCAST] = "broadcast",
	[DS_LAB_BROADCAST_XLEAVE] = "broadcast-xleave",
	[DS_LAB_PTP] = "ptp",
	[DS_LAB_BASIC_HARDWARE] = "basic-hardware",
	[DS_LAB_XLEAVE_HARDWARE] = "xleave-hardware",
};

const char *ds_lab_mode_name(enum ds_lab_mode mode)
{
	return (unsigned)mode < DS_LAB_MODES ? mode_names[mode] : NULL;
}

enum ds_lab_mode ds_lab_mode_find(const char *name)
{
	for (int mode = 0; mode < DS_LAB_MODES; mode++) {
		if (strcmp(name, mode_names[mode]) == 0)
			return (enum ds_lab_mode)mode;
	}
	return DS_LAB_MODES;
}

bool ds_lab_mode_hardware(enum ds_lab_mode mode)
{
	return mode == DS_LAB_BASIC_HARDWARE || mode == DS_LAB_XLEAVE_HARDWARE;
}

bool ds_lab_any_hardware(unsigned modes)
{
	return (modes & (1U << DS_LAB_BASIC_HARDWARE | 1U << DS_LAB_XLEAVE_HARDWARE)) != 0;
}

enum ds_lab_mode ds_lab_mode_plain(enum ds_lab_mode mode)
{
	if (mode == DS_LAB_BASIC_HARDWARE)
		return DS_LAB_BASIC;
	return mode == DS_LAB_XLEAVE_HARDWARE ? DS_LAB_XLEAVE : mode;
}

enum ds_lab_mode ds_lab_mode_with_card(enum ds_lab_mode mode)
{
	if (mode == DS_LAB_BASIC)
		return DS_LAB_BASIC_HARDWARE;
	return mode == DS_LAB_XLEAVE ? DS_LAB_XLEAVE_HARDWARE : DS_LAB_MODES;
}

bool ds_lab_mode_tells_departure(enum ds_lab_mode mode)
{
	mode = ds_lab_mode_plain(mode);
	return mode == DS_LAB_XLEAVE || mode == DS_LAB_SYMMETRIC_XLEAVE ||
	       mode == DS_LAB_BROADCAST_XLEAVE || mode == DS_LAB_PTP;
}
