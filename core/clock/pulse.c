/* pulse: see pulse.h. Whole seconds in integers, only what is below them in a double. */
#include "core/clock/pulse.h"

#include <math.h>

#define NS_PER_S INT64_C(1000000000)
#define RATE_MAX 1e6

static double interval_ns(double rate_hz)
{
	return 1e9 / fmin(fmax(rate_hz, 1.0), RATE_MAX);
}

int64_t ds_pulse_reach_ns(double rate_hz, int64_t width_ns)
{
	double interval = interval_ns(rate_hz);
	double reach = interval / 4.0;

	if (width_ns > 0 && (double)width_ns < interval)
		reach = fmin(reach, fmin((double)width_ns, interval - (double)width_ns) / 2.0);
	return (int64_t)reach;
}

bool ds_pulse_complete(int64_t phase_ns, int64_t about_ns, double rate_hz, int64_t width_ns,
		       int64_t *at_ns)
{
	double interval = interval_ns(rate_hz);
	int64_t apart_ns = about_ns - phase_ns;
	int64_t second_ns = apart_ns / NS_PER_S * NS_PER_S;
	double below = rint((double)(apart_ns - second_ns) / interval) * interval;
	int64_t at = phase_ns + second_ns + (int64_t)rint(below);
	int64_t off_ns = about_ns - at;

	if (off_ns > ds_pulse_reach_ns(rate_hz, width_ns) ||
	    off_ns < -ds_pulse_reach_ns(rate_hz, width_ns))
		return false;
	*at_ns = at;
	return true;
}
