/*
 * oracle: how well the time can be known by whoever knows the models of the noise.
 * It must never see what the daemon made of the exchanges, what comes later, or the truth.
 *
 * It gets the exchanges that the daemon got, when the daemon got them, as four stamps. It knows
 * besides, which no daemon does: the law of what comes on top of the least delay, in each
 * direction; by how much the least delays of the two differ (not how long they are) and when routes
 * change; which servers are right (others are left out); and how the oscillator wanders. It does
 * not know the oscillator's frequency at the start (3 %, standard deviation), where a law with a
 * memory stands (twolevel, selfsimilar), nor that cycles repeat: flicker, aging and cycles count as
 * random walks of frequency that move as much between two exchanges.
 *
 * State: offset x and frequency f of UTC against the raw scale; dx = f dt + white noise, df =
 * random walk; and the least delay of each source. Each direction bounds x from one side: a request
 * that came at T2 says x <= T2 - T1 - delay, by an excess of known law; an answer x >= T3 + delay -
 * T4. Given the path of x, f is linear and Gaussian, with a variance that is the same for all
 * paths: so particles are of x and delays, each with the mean of f (Rao and Blackwell: Doucet,
 * Godsill and Andrieu 2000). The next x is drawn from what dynamics and both directions say
 * together: exact for exponential laws and for none (a tilted, truncated normal distribution),
 * weighed for others. The estimate is the mean.
 *
 * It is a filter: it says how well a clock could be kept, not how well one could say afterwards
 * where it was.
 */
#ifndef DS_SIM_ORACLE_H
#define DS_SIM_ORACLE_H

#include "sim/measure.h"

/* Fill oracle_rms_ns and oracle_ratio; NaN where there is no oracle: where no server of the host is
 * right, a leap second comes, the oscillator is disturbed or sleeps, a server is stepped, packets
 * come out of order, or stamps are of the daemon or of packets that leave late. */
void sim_oracle(const struct sim_host *host, struct sim_figures *figures);

#endif
