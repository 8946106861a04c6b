/* uml_clock: how wrong the clocks of the rig uml's hosts are, by the log that each guest writes of
 * its own; see uml.h. It must never say so by anything but the time base that all share, the TSC.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab/uml.h"

#define SETTLED_NS 3000.0
#define WIDE	   2.0 /* a reading that took so many times the shortest says little */

/* How far is the reading in the middle off the line between its neighbours? That is what is wrong
 * with a correction that is taken from such a line, but for the noise of the ends. */
static void note_bend(struct ds_uml_host *h, double at_s, double error_ns)
{
	if (h->readings >= 2 && at_s > h->at_s[0]) {
		double share = (h->at_s[1] - h->at_s[0]) / (at_s - h->at_s[0]);
		double off = h->error_ns[1] - h->error_ns[0] - share * (error_ns - h->error_ns[0]);
		if (h->right >= DS_UML_SETTLED) {
			h->bends++;
			h->bends_squared += off * off;
		}
	}
	h->at_s[0] = h->at_s[1];
	h->error_ns[0] = h->error_ns[1];
	h->at_s[1] = at_s;
	h->error_ns[1] = error_ns;
	h->readings++;
}

/* A line of tscprobe: the TSC, the clock at that moment, and how long it took. */
static bool take_reading(struct ds_place *place, int host, const char *line, double *at_s,
			 double *error_ns)
{
	const struct ds_uml *uml = ds_uml_own(place);
	struct ds_uml_host *h = &ds_uml_own(place)->host[host];
	uint64_t tsc, bracket;
	int64_t clock_ns;

	if (sscanf(line, "P %" SCNu64 " %" SCNd64 " %" SCNu64, &tsc, &clock_ns, &bracket) != 3)
		return false;
	if (h->least_bracket == 0 || bracket < h->least_bracket)
		h->least_bracket = bracket;
	if ((double)bracket > WIDE * (double)h->least_bracket)
		return false;
	double since_ns = (double)(int64_t)(tsc - uml->tsc0) * 1e9 / uml->tsc_hz;
	*error_ns = (double)(clock_ns - uml->utc0_ns) - since_ns;
	*at_s = (double)uml->utc0_ns * 1e-9 + since_ns * 1e-9;
	note_bend(h, *at_s, *error_ns);
	h->right = fabs(*error_ns) < SETTLED_NS ? h->right + 1
		   : h->right < DS_UML_SETTLED	? 0
						: h->right;
	return true;
}

void ds_uml_clock_readings(struct ds_place *place, int host, ds_place_reading *take, void *context)
{
	struct ds_uml_host *h = &ds_uml_own(place)->host[host];
	char path[DS_PLACE_PATH], line[128];
	double at_s, error_ns;

	ds_place_files_path(place, host, ".lab/clock", path);
	FILE *file = fopen(path, "re");
	if (!file || fseeko(file, h->heard, SEEK_SET) != 0) {
		if (file)
			fclose(file);
		return;
	}
	while (fgets(line, sizeof(line), file) && strchr(line, '\n')) {
		h->heard = ftello(file);
		if (take_reading(place, host, line, &at_s, &error_ns) && take)
			take(context, host, at_s, error_ns);
	}
	fclose(file);
}

bool ds_uml_clock_error(struct ds_place *place, int host, double *error_ns, double *within_ns)
{
	struct ds_uml_host *h = &ds_uml_own(place)->host[host];

	if (h->readings == 0)
		ds_uml_clock_readings(place, host, NULL, NULL);
	*error_ns = h->error_ns[1];
	/* Of three readings with the same noise; the line between two has half of its square. */
	*within_ns = h->bends > 0 ? sqrt(h->bends_squared / h->bends / 1.5) : 0;
	return h->readings > 0;
}
