/* pulse: see pulse.h. Whole seconds in integers, only what is below them in a double. */
#include "core/clock/pulse.h"

#include <math.h>

#define NS_PER_S     INT64_C(1000000000)
#define RATE_MAX     1e6
#define NEAR_NS	     1e5 /* so far from when it was due a pulse may come, for its noise ... */
#define NEAR_PPM     500 /* ... and so much for the oscillator */
#define NEAR_MOST_NS 5e5 /* however long the last good one is ago */

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

bool ds_pulse_is_due(struct ds_pulse_watch *watch, int64_t raw_ns, uint32_t edges, double rate_hz)
{
	double interval = interval_ns(rate_hz);
	double since = (double)(raw_ns - watch->last_ns);
	bool first = !watch->has_last;
	double off;

	watch->has_last = true;
	watch->last_ns = raw_ns;
	if (first)
		return false;
	if ((double)edges > since / interval + 0.5 || since < interval / 2.0) {
		since = (double)(raw_ns - watch->good_ns);
		off = fabs(since - rint(since / interval) * interval);
		if (!watch->has_good || since < interval / 2.0 ||
		    off > fmin(NEAR_NS + since * NEAR_PPM * 1e-6, NEAR_MOST_NS))
			return false;
	}
	watch->has_good = true;
	watch->good_ns = raw_ns;
	return true;
}
