/*
 * pps: pulses that the kernel stamped, from a device /dev/ppsN.
 * It must never wait for a pulse, nor take one twice.
 *
 * Source: RFC 2783, of whose calls Linux has PPS_GETCAP, PPS_GETPARAMS, PPS_SETPARAMS and PPS_FETCH
 * as ioctls (linux/pps.h); no library is needed.
 */
#ifndef DS_OS_PPS_H
#define DS_OS_PPS_H

#include <stdbool.h>
#include <stdint.h>

#include "os/refsample.h"
#include "os/socket.h"

struct ds_pps {
	int fd;		   /* -1: closed */
	bool clear;	   /* the falling edge */
	uint32_t sequence; /* of the last pulse taken */
};

/* Open it, and have the edge stamped. What came before does not count. 0 or a negative errno with
 * a sentence that names the device and what it lacks. */
int ds_pps_open(struct ds_pps *pps, const char *path, bool clear, char why[DS_WHY]);
void ds_pps_close(struct ds_pps *pps);

/* The newest pulse, if it is new: its stamp, and the nearest whole second as what it stands for. */
enum ds_refresult ds_pps_read(struct ds_pps *pps, struct ds_refsample *sample);

#endif
