/*
 * The build without interleaved mode and the one with it, side by side, over the same events.
 * On basic traffic they are one program: the same verdicts, exchanges and bytes.
 */
#include "fuzz/differential.h"

#include "fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct transcript with;
	static struct transcript without;

	ds_differential_run(data, size, &with);
	basic_ds_differential_run(data, size, &without);
	MUST(with.interleaved && !without.interleaved);
	MUST(with.length == without.length);
	MUST(memcmp(with.bytes, without.bytes, with.length) == 0);
	return 0;
}
