/*
 * fuzz_refsample: what others write into shared memory and send to the socket, and what PTP devices
 * answer. The first byte says which. Whatever it is, a sample is within range or there is none, and
 * nothing is written where there is none.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "os/phc.h"
#include "os/shm_clock.h"
#include "os/sock_clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)
#define READINGS 25

static void judge(enum ds_refresult result, const struct ds_refsample *sample)
{
	const int64_t most_ns = DS_REFSAMPLE_SECONDS_MAX * 1000000000 + 999999999;
	struct ds_refsample untouched;

	memset(&untouched, 0x55, sizeof untouched);
	MUST(result <= DS_REF_FAILED);
	if (result != DS_REF_SAMPLE) {
		MUST(memcmp(sample, &untouched, sizeof untouched) == 0);
		return;
	}
	MUST(sample->local_ns >= 0 && sample->local_ns <= most_ns);
	MUST(sample->reference_ns >= 0 && sample->reference_ns <= most_ns);
	MUST(sample->dispersion_ns >= 0 && sample->leap <= 2);
}

static void phc(const uint8_t *data, size_t size, struct ds_refsample *sample)
{
	struct ds_phc_reading readings[READINGS];
	const int64_t most_ns = DS_REFSAMPLE_SECONDS_MAX * 1000000000;
	size_t count = size / sizeof readings[0];
	struct ds_refsample got;

	count = count > READINGS ? READINGS : count;
	if (count > 0)
		memcpy(readings, data, count * sizeof readings[0]);
	/* as ns_of() in phc.c lets them through: in range, or -1 */
	for (size_t i = 0; i < count; i++) {
		int64_t *each[] = {&readings[i].before_ns, &readings[i].device_ns,
				   &readings[i].after_ns};

		for (int k = 0; k < 3; k++)
			if (*each[k] < 0 || *each[k] > most_ns)
				*each[k] = -1;
	}
	got = *sample;
	if (ds_phc_combine(readings, count, &got) != DS_REF_SAMPLE) {
		judge(DS_REF_BAD, &got);
		return;
	}
	MUST(got.local_ns >= -1 && got.local_ns <= most_ns + 1 && got.dispersion_ns >= 0);
	MUST(!got.pulse && got.leap == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ds_shm_segment segment, copy;
	struct ds_shm_clock shm = {.segment = &segment};
	struct ds_refsample sample;
	enum ds_refresult result;

	memset(&sample, 0x55, sizeof sample);
	if (size < 1)
		return 0;
	if (data[0] % 3 == 0) {
		judge(ds_sock_clock_decode(data + 1, size - 1, &sample), &sample);
	} else if (data[0] % 3 == 1) {
		phc(data + 1, size - 1, &sample);
	} else {
		memset(&segment, 0, sizeof segment);
		memcpy(&segment, data + 1, size - 1 < sizeof segment ? size - 1 : sizeof segment);
		copy = segment;
		result = ds_shm_clock_read(&shm, &sample);
		judge(result, &sample);
		MUST(result == DS_REF_NOTHING ? copy.valid == 0 : copy.valid != 0);
		copy.valid = 0;
		MUST(memcmp(&copy, &segment, sizeof copy) == 0); /* taken, and nothing else done */
	}
	return 0;
}
