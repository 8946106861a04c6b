/*
 * belief: see belief.h.
 * It must never leave a covariance that is not symmetric.
 */
#include "core/clock/belief.h"

#include <math.h>
#include <string.h>

#define N DS_BELIEF_SIZE

/* Along what a packet of each way sees. */
static const double along[2][N] = {
	[DS_WAY_THERE] = {1.0, 0.0, 1.0},
	[DS_WAY_BACK] = {-1.0, 0.0, 1.0},
};

/* The path is known from elsewhere. */
static void know_path(struct ds_belief *b, double path, double precision)
{
	double scale = 1.0 / (1.0 + precision * b->cov[2][2]);
	double shift = precision * (path - b->mean[2]) * scale;
	double gain[N] = {b->cov[0][2], b->cov[1][2], b->cov[2][2]};

	for (int i = 0; i < N; i++) {
		b->mean[i] += gain[i] * shift;
		for (int j = 0; j < N; j++)
			b->cov[i][j] -= gain[i] * gain[j] * precision * scale;
	}
}

void ds_belief_pass(struct ds_belief *b, const struct ds_interval *interval,
		    const struct ds_walk *walk)
{
	double(*c)[N] = b->cov;
	double dt = interval->dt_s;
	double walked = walk->freq_var_ppb2 * dt;
	double moved = interval->offset_var_ns2 + walk->offset_var_ns2 * dt;

	b->mean[0] += b->mean[1] * dt;
	c[0][0] += dt * (2.0 * c[0][1] + dt * (c[1][1] + walked / 3.0)) + moved;
	c[0][1] += dt * (c[1][1] + walked / 2.0);
	c[0][2] += dt * c[1][2];
	c[1][1] += walked + interval->freq_var_ppb2;
	c[2][2] += interval->path_var_ns2;
	c[1][0] = c[0][1];
	c[2][0] = c[0][2];
	c[2][1] = c[1][2];
	if (interval->path_precision > 0.0)
		know_path(b, interval->path_ns, interval->path_precision);
}

void ds_belief_see(const struct ds_belief *b, enum ds_way way, double *mean, double *var)
{
	double sign = along[way][0];

	*mean = b->mean[2] + sign * b->mean[0];
	*var = b->cov[0][0] + b->cov[2][2] + 2.0 * sign * b->cov[0][2];
}

void ds_belief_add(struct ds_belief *b, enum ds_way way, double bound,
		   const struct ds_factor *factor)
{
	double gain[N];
	double mean;
	double var;
	double scale;
	double shift;

	ds_belief_see(b, way, &mean, &var);
	scale = 1.0 / (1.0 + factor->tau * var);
	shift = (factor->nu + factor->tau * (bound - mean)) * scale;
	for (int i = 0; i < N; i++)
		gain[i] = along[way][0] * b->cov[i][0] + b->cov[i][2];
	for (int i = 0; i < N; i++) {
		b->mean[i] += gain[i] * shift;
		for (int j = 0; j < N; j++)
			b->cov[i][j] -= gain[i] * gain[j] * factor->tau * scale;
	}
}

void ds_hindsight_add(struct ds_hindsight *h, enum ds_way way, double bound,
		      const struct ds_factor *factor)
{
	for (int i = 0; i < N; i++) {
		h->vector[i] += along[way][i] * (factor->nu + factor->tau * bound);
		for (int j = 0; j < N; j++)
			h->precision[i][j] += along[way][i] * along[way][j] * factor->tau;
	}
}

/* Blur one component by `var`: the precision shrinks along its own row. */
static void blur(struct ds_hindsight *h, int k, double var)
{
	double row[N];
	double at = h->vector[k];
	double scale = var / (1.0 + var * h->precision[k][k]);

	memcpy(row, h->precision[k], sizeof(row));
	for (int i = 0; i < N; i++) {
		h->vector[i] -= row[i] * scale * at;
		for (int j = 0; j < N; j++)
			h->precision[i][j] -= row[i] * row[j] * scale;
	}
}

/* Blur offset and frequency together by what the random walk does in dt: two independent parts,
 * first one along (dt/2, 1) of variance q dt, then one of the offset alone of q dt^3/12. */
static void blur_walk(struct ds_hindsight *h, double dt, double wander2)
{
	double var = wander2 * dt;
	double row[N];
	double at = 0.5 * dt * h->vector[0] + h->vector[1];
	double scale;

	for (int j = 0; j < N; j++)
		row[j] = 0.5 * dt * h->precision[0][j] + h->precision[1][j];
	scale = var / (1.0 + var * (0.5 * dt * row[0] + row[1]));
	for (int i = 0; i < N; i++) {
		h->vector[i] -= row[i] * scale * at;
		for (int j = 0; j < N; j++)
			h->precision[i][j] -= row[i] * row[j] * scale;
	}
	blur(h, 0, var * dt * dt / 12.0);
}

void ds_hindsight_pass(struct ds_hindsight *h, const struct ds_interval *interval,
		       const struct ds_walk *walk)
{
	double dt = interval->dt_s;

	double moved = interval->offset_var_ns2 + walk->offset_var_ns2 * dt;

	h->precision[2][2] += interval->path_precision;
	h->vector[2] += interval->path_precision * interval->path_ns;
	if (moved > 0.0)
		blur(h, 0, moved);
	if (interval->freq_var_ppb2 > 0.0)
		blur(h, 1, interval->freq_var_ppb2);
	if (interval->path_var_ns2 > 0.0)
		blur(h, 2, interval->path_var_ns2);
	blur_walk(h, dt, walk->freq_var_ppb2);
	for (int j = 0; j < N; j++)
		h->precision[1][j] += dt * h->precision[0][j];
	for (int i = 0; i < N; i++)
		h->precision[i][1] += dt * h->precision[i][0];
	h->vector[1] += dt * h->vector[0];
}

static void swap_rows(double a[N], double b[N])
{
	double kept[N];

	memcpy(kept, a, sizeof(kept));
	memmove(a, b, sizeof(kept));
	memcpy(b, kept, sizeof(kept));
}

/* Solve a x = y for N right-hand sides, in place, with pivots. */
static bool solve(double a[N][N], double y[N][N])
{
	for (int c = 0; c < N; c++) {
		int p = c;

		for (int i = c + 1; i < N; i++)
			if (fabs(a[i][c]) > fabs(a[p][c]))
				p = i;
		if (!(fabs(a[p][c]) > 0.0))
			return false;
		swap_rows(a[c], a[p]);
		swap_rows(y[c], y[p]);
		for (int i = 0; i < N; i++) {
			double k = a[i][c] / a[c][c];

			if (i == c)
				continue;
			for (int j = 0; j < N; j++) {
				a[i][j] -= k * a[c][j];
				y[i][j] -= k * y[c][j];
			}
		}
	}
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			y[i][j] /= a[i][i];
	return true;
}

bool ds_belief_join(struct ds_belief *b, const struct ds_hindsight *h)
{
	double a[N][N];
	double cov[N][N];
	double pull[N];

	memcpy(cov, b->cov, sizeof(cov));
	for (int i = 0; i < N; i++) {
		pull[i] = h->vector[i];
		for (int j = 0; j < N; j++) {
			pull[i] -= h->precision[i][j] * b->mean[j];
			a[i][j] = i == j ? 1.0 : 0.0;
			for (int k = 0; k < N; k++)
				a[i][j] += b->cov[i][k] * h->precision[k][j];
		}
	}
	if (!solve(a, cov))
		return false;
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			b->cov[i][j] = 0.5 * (cov[i][j] + cov[j][i]);
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			b->mean[i] += b->cov[i][j] * pull[j];
	return true;
}
