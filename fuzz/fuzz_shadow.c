/*
 * fuzz_shadow: logs of a shadow run. Whatever they hold, each line is ours or counted, and figures
 * made of them make sense.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lab/shadow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_figure(const struct ds_figure *f)
{
	if (isfinite(f->value) && isfinite(f->low) && !(f->low <= f->value && f->value <= f->high))
		abort();
}

static void check_error(const struct ds_shadow_error *e, size_t count)
{
	check_figure(&e->bias_ns);
	check_figure(&e->median_abs_ns);
	check_figure(&e->rms_ns);
	check_figure(&e->p99_abs_ns);
	if (count > 0 && (e->median_abs_ns.value > e->max_abs_ns || e->max_abs_ns < 0))
		abort();
}

static void check_share(double share)
{
	if (!isnan(share) && !(share >= 0 && share <= 1 + 1e-9))
		abort();
}

static void check(const struct ds_shadow *s, const struct ds_shadow_figures *f)
{
	size_t used = 0;

	for (int i = 0; i < s->source_count; i++) {
		const struct ds_shadow_source_figures *here = &f->source[i];

		check_error(&here->all.own, here->all.count);
		check_error(&here->all.system, here->all.count);
		check_share(here->interleaved_share);
		if (here->quarter.count > here->count || here->all.count != here->count)
			abort();
		used += here->count;
	}
	check_share(f->within_bound);
	check_share(f->within_hard);
	if (used > s->exchange_count || s->bad_lines > s->lines || f->best >= s->source_count ||
	    f->seconds < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ds_shadow_figures figures;
	struct ds_shadow shadow = {0};
	FILE *in;

	if (size == 0)
		return 0;
	in = fmemopen((void *)(uintptr_t)data, size, "r");
	if (in == NULL)
		abort();
	if (!ds_shadow_read(&shadow, in, "file") || !ds_shadow_figures(&shadow, 0, &figures))
		abort();
	check(&shadow, &figures);
	fclose(in);
	ds_shadow_free(&shadow);
	return 0;
}
