/* random: see random.h. */
#include "sim/random.h"

#include <math.h>

static uint64_t rotated(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* FNV-1a */
static uint64_t hash(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return h;
}

void sim_random_init(struct sim_random *r, uint64_t seed, const char *stream)
{
	uint64_t x = seed ^ hash(stream);

	for (int i = 0; i < 4; i++)
		r->state[i] = splitmix(&x);
	r->has_spare = false;
	r->spare = 0.0;
}

uint64_t sim_random64(struct sim_random *r)
{
	uint64_t *s = r->state;
	uint64_t result = rotated(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotated(s[3], 45);
	return result;
}

double sim_uniform(struct sim_random *r)
{
	return ((double)(sim_random64(r) >> 11) + 0.5) * 0x1p-53;
}

double sim_gaussian(struct sim_random *r)
{
	double u, v, s;

	if (r->has_spare) {
		r->has_spare = false;
		return r->spare;
	}
	do {
		u = 2.0 * sim_uniform(r) - 1.0;
		v = 2.0 * sim_uniform(r) - 1.0;
		s = u * u + v * v;
	} while (s >= 1.0 || s == 0.0);
	s = sqrt(-2.0 * log(s) / s);
	r->spare = v * s;
	r->has_spare = true;
	return u * s;
}

double sim_exponential(struct sim_random *r)
{
	return -log(sim_uniform(r));
}

bool sim_chance(struct sim_random *r, double probability)
{
	return probability > 0.0 && sim_uniform(r) < probability;
}
