/*
 * input: the bytes of a fuzzer, taken from the front in pieces; zeros when they are used up.
 * It must never read beyond them.
 */
#ifndef DS_FUZZ_INPUT_H
#define DS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct input {
	const uint8_t *data;
	size_t left;
};

/* Unlike assert(), there in every build. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static inline void take_bytes(struct input *in, void *out, size_t count)
{
	size_t n = count < in->left ? count : in->left;

	memset(out, 0, count);
	if (n == 0)
		return;
	memcpy(out, in->data, n);
	in->data += n;
	in->left -= n;
}

static inline uint8_t take8(struct input *in)
{
	uint8_t value;

	take_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint32_t take32(struct input *in)
{
	uint8_t b[4];

	take_bytes(in, b, sizeof(b));
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline uint64_t take64(struct input *in)
{
	uint64_t high = take32(in);

	return high << 32 | take32(in);
}

/* A time: small ones around zero as likely as any. */
static inline int64_t take_ns(struct input *in)
{
	uint8_t kind = take8(in);

	if (kind < 128)
		return (int64_t)take32(in) - INT64_C(0x40000000);
	return (int64_t)take64(in);
}

/* Times may be anything; they wrap. */
static inline int64_t sum(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
