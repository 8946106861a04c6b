/* lab_flood: `drivestamp lab flood ADDRESS RATE`, which the lab starts in hosts whose link is to be
 * busy (lab/load.h). It must never be needed by a user: help does not name it. */
#include <stdio.h>
#include <stdlib.h>

#include "lab/load.h"
#include "tool/lab.h"
#include "tool/options.h"

int ds_lab_flood(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: drivestamp lab flood ADDRESS PACKETS-A-SECOND\n");
		return DS_EXIT_USAGE;
	}
	return ds_load_flood(argv[1], (unsigned)strtoul(argv[2], NULL, 10));
}
