/* plot: see plot.h. */
#include "sim/plot.h"

void sim_plot(const struct sim_host *h, const char *directory)
{
	(void)h;
	(void)directory;
}
