/*
 * smooth: three parabolas, worked out once, read often.
 * It must never leave a rest behind: at the end of the way the offset is 0, whatever was rounded.
 */
#include "core/clock/smooth.h"

#include <math.h>
#include <string.h>

#include "core/clock/scale.h"

#define LIMIT_PPB 1e9

void ds_smooth_init(struct ds_smooth *s, double max_freq_ppb, double max_wander_ppb_s)
{
	memset(s, 0, sizeof(*s));
	ds_smooth_reset(s);
	if (!(max_freq_ppb > 0.0) || !(max_wander_ppb_s > 0.0))
		return;
	s->max_freq_ppb = fmin(max_freq_ppb, LIMIT_PPB);
	s->max_wander_ppb_s = fmin(max_wander_ppb_s, LIMIT_PPB);
}

void ds_smooth_reset(struct ds_smooth *s)
{
	s->start_ns = -DS_NS_LIMIT;
	s->offset_ns = 0.0;
	s->freq_ppb = 0.0;
	memset(s->stages, 0, sizeof(s->stages));
}

/* The greatest rate of the way, with its sign. One ppb is one nanosecond a second, so offsets in
 * ns, rates in ppb and seconds go together. Braking at once would end at x + v |v| / 2w; the way
 * goes against that. With peak p, from v to p and from p to 0 at w: x + (2 p^2 - v^2) / (2 s w) =
 * 0, s being the sign of p. */
static double peak_of(const struct ds_smooth *s, double x, double v)
{
	double w = s->max_wander_ppb_s;
	double sign = x + v * fabs(v) / (2.0 * w) > 0.0 ? -1.0 : 1.0;
	double peak = sqrt(fmax(v * v / 2.0 - sign * w * x, 0.0));

	return sign * fmin(peak, s->max_freq_ppb);
}

static void plan(struct ds_smooth *s)
{
	double w = s->max_wander_ppb_s;
	double x = s->offset_ns;
	double v = s->freq_ppb;
	double peak = peak_of(s, x, v);
	double first_s = fabs(peak - v) / w;
	double last_s = fabs(peak) / w;
	double left = x + (v + peak) / 2.0 * first_s + peak / 2.0 * last_s;

	s->stages[0] = (struct ds_smooth_stage){first_s, copysign(w, peak - v)};
	/* Without a stretch at the greatest rate this is what was rounded. */
	s->stages[1] = (struct ds_smooth_stage){
		fabs(peak) >= s->max_freq_ppb ? fmax(-left / peak, 0.0) : 0.0, 0.0};
	s->stages[2] = (struct ds_smooth_stage){last_s, -copysign(w, peak)};
}

/* Offset and rate so long after the start. */
static void travel(const struct ds_smooth *s, double elapsed_s, double *x, double *v)
{
	*x = s->offset_ns;
	*v = s->freq_ppb;
	for (int i = 0; i < DS_SMOOTH_STAGES; i++) {
		const struct ds_smooth_stage *stage = &s->stages[i];
		double t = fmin(elapsed_s, stage->length_s);

		*x += (*v + stage->wander_ppb_s * t / 2.0) * t;
		*v += stage->wander_ppb_s * t;
		elapsed_s -= t;
		if (!(elapsed_s > 0.0))
			return;
	}
	*x = 0.0;
	*v = 0.0;
}

static double since_start_s(const struct ds_smooth *s, int64_t at_ns)
{
	int64_t elapsed_ns;

	if (at_ns <= s->start_ns)
		return 0.0;
	if (__builtin_sub_overflow(at_ns, s->start_ns, &elapsed_ns))
		elapsed_ns = DS_NS_LIMIT;
	return (double)elapsed_ns * 1e-9;
}

void ds_smooth_add(struct ds_smooth *s, int64_t at_ns, double offset_ns, double freq_ppb)
{
	double x;
	double v;

	if (!(s->max_freq_ppb > 0.0) || !isfinite(offset_ns) || !isfinite(freq_ppb))
		return;
	travel(s, since_start_s(s, at_ns), &x, &v);
	if (at_ns > s->start_ns)
		s->start_ns = at_ns;
	s->offset_ns = x + offset_ns;
	s->freq_ppb = fmax(fmin(v + freq_ppb, LIMIT_PPB), -LIMIT_PPB);
	plan(s);
}

int64_t ds_smooth_offset_ns(const struct ds_smooth *s, int64_t at_ns)
{
	double x;
	double v;

	travel(s, since_start_s(s, at_ns), &x, &v);
	return ds_ns_plus(0, x);
}

double ds_smooth_freq_ppb(const struct ds_smooth *s, int64_t at_ns)
{
	double x;
	double v;

	travel(s, since_start_s(s, at_ns), &x, &v);
	return at_ns < s->start_ns ? 0.0 : v;
}

int64_t ds_smooth_end_ns(const struct ds_smooth *s)
{
	double length_s = 0.0;

	for (int i = 0; i < DS_SMOOTH_STAGES; i++)
		length_s += s->stages[i].length_s;
	return ds_ns_plus(s->start_ns, length_s * 1e9);
}
