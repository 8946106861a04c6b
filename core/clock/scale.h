/*
 * scale: differences in doubles, added to absolute times in 64 bits.
 * It must never wrap or be undefined: what does not fit is cut off at DS_NS_LIMIT.
 */
#ifndef DS_CORE_CLOCK_SCALE_H
#define DS_CORE_CLOCK_SCALE_H

#include <math.h>
#include <stdint.h>

/* 2^62 ns, 146 years: two such values still have a difference. */
#define DS_NS_LIMIT (INT64_C(1) << 62)

/* base + difference, both in ns, rounded to the nearest; cut off at +-DS_NS_LIMIT. A difference
 * that is not a number counts as the upper limit. */
static inline int64_t ds_ns_plus(int64_t base, double difference)
{
	int64_t step;
	int64_t sum;

	if (isnan(difference) || difference >= (double)DS_NS_LIMIT)
		step = DS_NS_LIMIT;
	else if (difference <= -(double)DS_NS_LIMIT)
		step = -DS_NS_LIMIT;
	else
		step = (int64_t)rint(difference);
	if (__builtin_add_overflow(base, step, &sum))
		return step > 0 ? DS_NS_LIMIT : -DS_NS_LIMIT;
	if (sum > DS_NS_LIMIT)
		return DS_NS_LIMIT;
	return sum < -DS_NS_LIMIT ? -DS_NS_LIMIT : sum;
}

/* a - b in ns; cut off where 64 bits do not hold it. */
static inline double ds_ns_between(int64_t a, int64_t b)
{
	int64_t difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return a > b ? 2.0 * (double)DS_NS_LIMIT : -2.0 * (double)DS_NS_LIMIT;
	return (double)difference;
}

#endif
