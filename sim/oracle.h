/*
 * oracle: how well the time can be known by whoever knows the models of the noise.
 * It must never see what the daemon made of the exchanges, nor the truth.
 */
#ifndef DS_SIM_ORACLE_H
#define DS_SIM_ORACLE_H

#include "sim/measure.h"

/* Fill oracle_rms_ns, oracle_ratio and smoother_rms_ns; NAN where there is no oracle. */
void sim_oracle(const struct sim_host *host, struct sim_figures *figures);

#endif
