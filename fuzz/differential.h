/*
 * differential: what a build of core/exchange does upon a sequence of events, written down.
 * It must never write what two builds may do differently: bytes of structs, addresses.
 */
#ifndef DS_FUZZ_DIFFERENTIAL_H
#define DS_FUZZ_DIFFERENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transcript {
	bool interleaved; /* the build that wrote it */
	size_t length;
	uint8_t bytes[1 << 18];
};

/* differential_side.c is compiled twice; in the build without interleaving all names that begin
 * with ds_ begin with basic_ds_ instead (fuzz/rename.awk). */
void ds_differential_run(const uint8_t *data, size_t size, struct transcript *out);
void basic_ds_differential_run(const uint8_t *data, size_t size, struct transcript *out);

#endif
