/* fake_result: see the header. Each packet is played: two legs, a turn, and a transmit stamp that
 * is early in modes that do not interleave; offset and delay come of the four stamps. */
#include "fake_result.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BEGUN_S 1795676400.0 /* 2026-11-26 07:00 UTC */
#define POLLS_S 16
#define TURN_NS 21000.0

static const char *const names[FAKE_KINDS] = {"healthy", "loaded", "partial", "hostile",
					      "empty",	 "small",  "large"};

enum fake_kind fake_find(const char *name)
{
	int kind = 0;

	while (kind < FAKE_KINDS && strcmp(names[kind], name) != 0)
		kind++;
	return (enum fake_kind)kind;
}

const char *fake_name(enum fake_kind kind)
{
	return kind < FAKE_KINDS ? names[kind] : NULL;
}

/* splitmix64 (Steele, Lea, Flood 2014): 0 < u < 1. */
static double uniform(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	z ^= z >> 31;
	return ((double)(z >> 11) + 0.5) / 9007199254740992.0;
}

static double exponential(uint64_t *seed, double mean)
{
	return -mean * log(uniform(seed));
}

static double normal(uint64_t *seed, double sd)
{
	return sd * sqrt(-2 * log(uniform(seed))) * cos(6.283185307179586 * uniform(seed));
}

/* By how much a transmit stamp is before the packet's departure. */
static double early_ns(enum ds_lab_mode mode, bool calibrated, uint64_t *seed)
{
	if (ds_lab_mode_tells_departure(mode))
		return 0;
	return calibrated ? normal(seed, 1100) : 4300 + exponential(seed, 1900);
}

struct packet_world {
	const struct ds_lab_result *result;
	struct ds_lab_cell *cell;
	double drift_ns; /* of the way there, slowly */
	uint64_t seed;
};

static bool play(struct packet_world *world, int repeat, int number, bool loaded, double at_s)
{
	enum ds_lab_mode mode = world->cell->mode;
	const struct ds_lab_host_result *asks = &world->result->host[world->cell->asks];
	const struct ds_lab_host_result *answers = &world->result->host[world->cell->answers];
	bool one_way = mode == DS_LAB_BROADCAST || mode == DS_LAB_BROADCAST_XLEAVE;
	bool peers = mode == DS_LAB_SYMMETRIC || mode == DS_LAB_SYMMETRIC_XLEAVE;
	double noise = loaded ? 190 : 130;
	struct ds_lab_sample s = {.at_s = at_s, .has_stamps = answers->guesses_calibrated};
	double there;
	double back =
		520 + exponential(&world->seed, noise) + (one_way ? normal(&world->seed, 1500) : 0);
	double t1_early = peers ? early_ns(mode, asks->guesses_calibrated, &world->seed) : 0;
	double t3_early = early_ns(mode, answers->guesses_calibrated, &world->seed);

	world->drift_ns = 0.9 * world->drift_ns + normal(&world->seed, 60);
	there = 540 + world->drift_ns + 25 * repeat + exponential(&world->seed, noise);
	if (uniform(&world->seed) < (loaded ? 0.003 : 0.0004))
		there += 22000 + exponential(&world->seed, 30000);
	s.t_ns[0] = (int64_t)at_s * 1000000000 + (int64_t)(fmod(at_s, 1) * 1e9 - t1_early);
	s.t_ns[1] = s.t_ns[0] + (int64_t)(t1_early + there);
	s.t_ns[2] = s.t_ns[1] + (int64_t)(TURN_NS - t3_early);
	s.t_ns[3] = s.t_ns[2] + (int64_t)(t3_early + back);
	s.offset_ns = (double)(s.t_ns[1] - s.t_ns[0] + (s.t_ns[2] - s.t_ns[3])) / 2;
	s.delay_ns = (double)(s.t_ns[3] - s.t_ns[0] - (s.t_ns[2] - s.t_ns[1]));
	s.interleaved = ds_lab_mode_tells_departure(mode) && (mode == DS_LAB_PTP || number > 1);
	memcpy(s.source, s.interleaved ? "KKKK" : peers ? "DKDK" : "KKDK", 4);
	/* A stamp that did not come in time. */
	if (mode == DS_LAB_XLEAVE && uniform(&world->seed) < 0.03)
		s.source[0] = 'D';
	s.repeat = (uint8_t)repeat;
	s.condition = loaded ? DS_LAB_LOADED : DS_LAB_IDLE;
	return ds_cell_add(world->cell, &s);
}

static bool fill(struct ds_lab_result *result, size_t index, double until_s)
{
	const struct ds_lab_plan *plan = &result->plan;
	struct ds_lab_cell *cell = &result->cells[index];
	struct packet_world world = {.result = result, .cell = cell, .seed = index + 1};
	double polls = cell->mode == DS_LAB_PTP ? 8 : POLLS_S;
	double phase = uniform(&world.seed) / polls;
	double asked = 0;

	for (int r = 0; r < plan->repeats; r++) {
		double begun = BEGUN_S + r * (plan->seconds + plan->warmup_seconds + 1.5);

		for (int n = 0; n < plan->seconds * polls; n++) {
			double since = plan->warmup_seconds + phase + n / polls;
			double turn = plan->alternation_seconds > 0
					      ? floor((since - plan->warmup_seconds) /
						      plan->alternation_seconds)
					      : 0;

			if (begun + since > BEGUN_S + until_s)
				break;
			asked++;
			if (uniform(&world.seed) > 0.002 &&
			    !play(&world, r, n, fmod(turn, 2) > 0.5, begun + since))
				return false;
		}
	}
	ds_cell_count(cell, "requests", asked);
	ds_cell_count(cell, "answers", (double)cell->sample_count);
	if (cell->mode == DS_LAB_XLEAVE)
		ds_cell_count(cell, "stamps-lost", (double)(index % 3));
	if (cell->mode == DS_LAB_SYMMETRIC)
		ds_cell_count(cell, "origin-unknown", 4);
	return true;
}

static void plan_of(enum fake_kind kind, int seconds, struct ds_lab_plan *plan)
{
	*plan = (struct ds_lab_plan){
		.rig = DS_LAB_RIG_NETNS,
		.hosts = kind == FAKE_SMALL   ? 2
			 : kind == FAKE_LARGE ? 8
					      : 4,
		.modes = kind == FAKE_SMALL ? 1U << DS_LAB_BASIC | 1U << DS_LAB_XLEAVE
					    : (1U << (DS_LAB_PTP + 1)) - 1, /* netns */
		.poll_log2 = -4,
		.seconds = kind == FAKE_SMALL ? 2 : seconds,
		.warmup_seconds = 4,
		.repeats = kind == FAKE_SMALL	? 1
			   : kind == FAKE_LARGE ? 2
						: 4,
		.alternation_seconds = kind == FAKE_LOADED ? (seconds + 3) / 5 : 0,
	};
	for (int i = 0; i < plan->hosts; i++) {
		struct ds_lab_host *host = &plan->host[i];

		host->is_new = i >= plan->hosts / 2;
		snprintf(host->name, sizeof(host->name), "%s%d", host->is_new ? "new" : "old",
			 i % (plan->hosts / 2) + 1);
		snprintf(host->kind, sizeof(host->kind), "%s",
			 host->is_new ? "drivestamp" : "chrony");
		host->load = kind == FAKE_LOADED ? 3 : 0;
	}
}

static void words_of(enum fake_kind kind, struct ds_lab_result *result)
{
	snprintf(result->command, sizeof(result->command),
		 "drivestamp lab --old chrony --new drivestamp --repeat %d --duration %d%s",
		 result->plan.repeats, result->plan.seconds,
		 kind == FAKE_LOADED ? " --load both" : "");
	snprintf(result->machine, sizeof(result->machine),
		 "Linux 6.18.5, 2 processors, clock source tsc (not a machine: a test)");
	snprintf(result->rig, sizeof(result->rig), "four namespaces on a bridge of veth");
	snprintf(result->yardstick, sizeof(result->yardstick), "ptp4l 3.1.1");
	result->begun_s = BEGUN_S;
	result->ended_s = BEGUN_S + 92;
	result->repeats = result->plan.repeats;
	result->before_send_ns = 5127;
	result->busy_idle = 0.312;
	result->busy_loaded = kind == FAKE_LOADED ? 0.997 : NAN;
	for (int i = 0; i < result->plan.hosts; i++) {
		struct ds_lab_host_result *host = &result->host[i];

		snprintf(host->version, sizeof(host->version), "%s",
			 result->plan.host[i].is_new ? "drivestampd 0.1.0 (3305dbe)"
						     : "chronyd 4.3");
		host->guesses_calibrated = result->plan.host[i].is_new;
		host->clock_known = true;
		ds_cell_count(&host->all[DS_LAB_XLEAVE], "slots-full", i == 2 ? 17 : 0);
	}
}

static bool verdict_of(enum fake_kind kind, struct ds_lab_result *result)
{
	if (kind == FAKE_EMPTY)
		return true;
	if (kind == FAKE_HOSTILE)
		return ds_result_find(
			       result, DS_LAB_BAD, 1, "<b>", "%s",
			       "</span><script>document.title='broken'</script> & \"quoted\" "
			       "'single' \xff\xfe &amp; ]]> <!-- -->") &&
		       ds_result_find(result, DS_LAB_NOTE, 99, "\">", "%s",
				      "<img src=x onerror=x>");
	return ds_result_find(
		       result, kind == FAKE_PARTIAL ? DS_LAB_BAD : DS_LAB_GOOD, -1, "summary",
		       "It works: all twelve pairs exchange packets in every mode that both know. "
		       "Interleaved mode is 17 times better than basic on this link, and new hosts "
		       "do no worse than old ones.") &&
	       ds_result_find(
		       result, DS_LAB_NOTE, 0, "tx-before-send",
		       "Basic answers of old1 are 6.2 us early: its transmit stamp is the clock "
		       "before send(), which was 5.1 us before the kernel's on this machine.") &&
	       ds_result_find(
		       result, DS_LAB_BAD, 2, "rx-late",
		       "new1 takes its receive stamps 50 us late (48.7 to 51.2), in all pairs.") &&
	       ds_result_find(
		       result, DS_LAB_GOOD, -1, "ptp",
		       "ptp4l with software stamps, on the same link at the same time, has 1.4 times "
		       "the median error of interleaved mode; their intervals overlap.");
}

static void make_hostile(struct ds_lab_result *result)
{
	struct ds_lab_plan *plan = &result->plan;

	snprintf(plan->host[0].name, sizeof(plan->host[0].name), "%s", "<b>&\"'</b>");
	snprintf(plan->host[1].name, sizeof(plan->host[1].name), "%s", "\xff\xfe bytes/slash");
	snprintf(plan->host[2].name, sizeof(plan->host[2].name), "%s", "{a:1,\\\"}%s%n");
	snprintf(plan->host[3].name, sizeof(plan->host[3].name), "%s",
		 "abcdefghijklmnopqrstuvwxyz-long");
	snprintf(plan->host[3].kind, sizeof(plan->host[3].kind), "%s",
		 "drivestamp=/opt/a/path/that/is/very/long/indeed/<script>/and/longer/drivestampd");
	snprintf(result->host[0].version, sizeof(result->host[0].version), "%s",
		 "</td></table><script>alert(1)</script>");
	snprintf(result->host[0].ending, sizeof(result->host[0].ending), "%s",
		 "-->'\"><svg onload=x>");
	snprintf(result->command, sizeof(result->command), "%s",
		 "drivestamp lab --old '</code></pre><h1>broken' --new \"$(x)\" && <!--");
	snprintf(result->machine, sizeof(result->machine), "%s", "&lt;machine&gt; \xc3");
	snprintf(result->rig, sizeof(result->rig), "%s", "<style>*{display:none}</style>");
	ds_cell_count(&result->cells[0], "</th><b>\"'&", 3);
	ds_cell_count(&result->cells[1], "not-a-number", NAN);
	result->before_send_ns = NAN;
	result->busy_idle = INFINITY;
	result->begun_s = NAN;
	result->partial = true;
	snprintf(result->why_partial, sizeof(result->why_partial), "%s", "<em>because</em>");
	for (size_t i = 0; i < result->cells[2].sample_count; i++)
		result->cells[2].samples[i].offset_ns = i % 2 ? 3e11 : -7e-3;
	for (size_t i = 0; i < result->cells[3].sample_count; i++)
		memcpy(result->cells[3].samples[i].source, "<\0\"\xff", 4);
}

static void make_partial(struct ds_lab_result *result)
{
	result->partial = true;
	result->repeats = 1;
	snprintf(result->why_partial, sizeof(result->why_partial),
		 "ended by SIGINT after 31 s, in the second of four repeats");
	snprintf(result->host[3].ending, sizeof(result->host[3].ending),
		 "was ended by signal 11 (Segmentation fault)");
	result->host[1].clock_known = false;
	result->host[1].clock_within_ns = NAN;
}

/* Who knows what: all, but where a run is partial old2 has no broadcasts, and new2 no answers. */
static bool known(enum fake_kind kind, const struct ds_lab_cell *cell)
{
	bool broadcast = cell->mode == DS_LAB_BROADCAST || cell->mode == DS_LAB_BROADCAST_XLEAVE;

	if (kind == FAKE_PARTIAL && broadcast && (cell->asks == 1 || cell->answers == 1))
		return false;
	return cell->mode != DS_LAB_BROADCAST_XLEAVE || (cell->asks >= 2 && cell->answers >= 2);
}

bool fake_result(enum fake_kind kind, int seconds, struct ds_lab_result *result)
{
	struct ds_lab_plan plan;

	plan_of(kind, seconds, &plan);
	if (!ds_result_init(result, &plan))
		return false;
	words_of(kind, result);
	for (size_t i = 0; i < result->cell_count; i++) {
		struct ds_lab_cell *cell = &result->cells[i];

		cell->known = kind == FAKE_EMPTY || known(kind, cell);
		if (!cell->known || kind == FAKE_EMPTY ||
		    (kind == FAKE_PARTIAL && cell->answers == 3 && cell->mode == DS_LAB_XLEAVE))
			continue;
		if (!fill(result, i, kind == FAKE_PARTIAL ? 31 : INFINITY))
			return false;
	}
	if (kind == FAKE_HOSTILE)
		make_hostile(result);
	if (kind == FAKE_PARTIAL)
		make_partial(result);
	return verdict_of(kind, result);
}
