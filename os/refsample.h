/*
 * refsample: what a driver of a reference clock hands up: one moment on two clocks.
 * It must never claim to know the second where only a pulse was seen.
 */
#ifndef DS_OS_REFSAMPLE_H
#define DS_OS_REFSAMPLE_H

#include <stdbool.h>
#include <stdint.h>

struct ds_refsample {
	int64_t local_ns;      /* CLOCK_REALTIME when it was measured, ns since 1970 */
	int64_t reference_ns;  /* what the reference clock showed then; of a pulse only the part
				  below its interval counts */
	int64_t dispersion_ns; /* what the driver knows it may be wrong by; 0: does not know */
	bool pulse;	       /* the whole second has to come from another source */
	bool kernel;	       /* stamped by the kernel or a card: no reading of a clock is in it */
	uint32_t edges; /* of a stamped pulse: so many came since the last sample; 0: not one of
			   those */
	uint8_t leap;	/* 0 none, 1 a second is inserted, 2 deleted */
};

/* What became of an attempt to get a sample. */
enum ds_refresult {
	DS_REF_SAMPLE, /* *sample is written; in all other cases it is not */
	DS_REF_NOTHING,
	DS_REF_BAD,	       /* of no sense: size, magic, range */
	DS_REF_TORN,	       /* changed while it was read */
	DS_REF_UNSYNCHRONISED, /* says of itself that it has no time */
	DS_REF_FAILED,	       /* the device does not work (any more); errno is set */
};

/* Nothing before 1970, nor beyond what 62 bits of nanoseconds hold (2116): differences of two must
 * fit 64 bits. */
#define DS_REFSAMPLE_SECONDS_MAX INT64_C(4611686018)

#endif
