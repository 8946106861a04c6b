/* conform_judge: the clauses as data, each with a predicate of one packet. It must never judge a
 * packet of a kind that its clause does not name. */
#include <stdarg.h>

#include "tool/conform.h"

#define NS_PER_S 1e9
/* A clock that is being slewed runs at most so much off (chrony's limit is 8.4 %). */
#define SLEW	 0.12
#define SLACK_NS 100000.0 /* a transmit field may tell when the packet is expected to leave */
#define COARSE	 (-6)	  /* a stated precision is believed up to here: 16 ms */

enum verdict { SKIP, GOOD, BAD };

/* When a clause is of any concern to a server that was never seen to interleave. */
enum concern {
	ALWAYS,
	PASS_IF_SEEN, /* it may fail, but not pass: it never had the occasion */
	ONLY_IF_SEEN,
};

typedef enum verdict predicate(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY]);

__attribute__((format(printf, 2, 3))) static enum verdict bad(char why[DS_CONFORM_WHY],
							      const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, DS_CONFORM_WHY, format, arguments);
	va_end(arguments);
	return BAD;
}

/* Later minus earlier, as a difference, so that an era may begin between the two. */
static double apart_ns(ds_ntp64 later, ds_ntp64 earlier)
{
	return (double)(int64_t)(later - earlier) / 4294967296.0 * NS_PER_S;
}

static double slack_ns(const struct ds_shot *shot)
{
	int precision = shot->answer.precision_log2;

	if (precision > COARSE)
		precision = COARSE;
	double grain_ns = NS_PER_S;
	for (; precision < 0 && grain_ns > 1; precision++)
		grain_ns /= 2;
	return SLACK_NS + grain_ns;
}

static double round_trip_ns(const struct ds_shot *shot)
{
	return (double)(shot->came_ns - shot->sent_ns) * (1 + SLEW);
}

/* Between arrival at the server and departure lies no more than the round trip seen here. */
static enum verdict fits(const struct ds_shot *s, ds_ntp64 transmit, char why[DS_CONFORM_WHY])
{
	double held_ns = apart_ns(transmit, s->answer.receive);

	if (transmit == 0 || s->answer.receive == 0)
		return SKIP; /* of that, `stamps` tells */
	if (held_ns < -slack_ns(s))
		return bad(why, "transmit is %.6f s before receive", -held_ns / NS_PER_S);
	if (held_ns > round_trip_ns(s) + slack_ns(s))
		return bad(why, "transmit is %.6f s after receive, in a round trip of %.6f s",
			   held_ns / NS_PER_S, (double)(s->came_ns - s->sent_ns) / NS_PER_S);
	return GOOD;
}

bool ds_conform_interleaved(const struct ds_conform *c, int i)
{
	const struct ds_shot *s = &c->shots[i];
	char why[DS_CONFORM_WHY];

	if (s->asked.receive != s->asked.transmit)
		return s->asked.receive != 0 && s->answer.origin == s->asked.receive;
	/* With both cookies alike the origin does not tell; but an interleaved answer carries the
	 * time when another one left. */
	return s->named >= 0 && s->answer.origin == s->asked.transmit &&
	       fits(s, s->answer.transmit, why) == BAD &&
	       fits(&c->shots[s->named], s->answer.transmit, why) == GOOD;
}

/* Was the stamp that shot i names spent by an interleaved answer before? */
static bool is_spent(const struct ds_conform *c, int i)
{
	for (int j = 0; j < i; j++)
		if (c->shots[i].named >= 0 && c->shots[j].named == c->shots[i].named &&
		    ds_conform_usable(&c->shots[j]) && ds_conform_interleaved(c, j))
			return true;
	return false;
}

static enum verdict has_mode_4(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	int mode = c->shots[i].answer.mode;
	return mode == DS_MODE_SERVER ? GOOD : bad(why, "mode %d", mode);
}

static enum verdict has_version(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_shot *s = &c->shots[i];

	if (s->answer.version == s->asked.version)
		return GOOD;
	return bad(why, "version %d was answered with %d", s->asked.version, s->answer.version);
}

static enum verdict has_origin(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_shot *s = &c->shots[i];

	if (s->answer.origin == s->asked.transmit || ds_conform_interleaved(c, i))
		return GOOD;
	return bad(why, "the origin field is no field of the request");
}

static enum verdict has_poll(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_shot *s = &c->shots[i];

	if (s->answer.poll_log2 == s->asked.poll_log2)
		return GOOD;
	return bad(why, "poll %d was answered with %d", s->asked.poll_log2, s->answer.poll_log2);
}

static enum verdict is_48_bytes(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_shot *s = &c->shots[i];

	if (s->answers == 0)
		return SKIP;
	return s->answer_length == DS_WIRE_HEADER_SIZE ? GOOD
						       : bad(why, "%zu bytes", s->answer_length);
}

static enum verdict is_no_longer(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_shot *s = &c->shots[i];

	if (s->answers == 0)
		return SKIP;
	if (s->answer_length <= s->length)
		return GOOD;
	return bad(why, "%zu bytes were answered with %zu", s->length, s->answer_length);
}

static enum verdict is_alone(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	int answers = c->shots[i].answers;

	if (answers == 0)
		return SKIP;
	return answers == 1 ? GOOD : bad(why, "%d answers", answers);
}

static enum verdict has_stratum(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_packet *p = &c->shots[i].answer;

	if (p->stratum > 16)
		return bad(why, "stratum %d", p->stratum);
	if (p->leap != DS_LEAP_UNSYNCHRONISED && (p->stratum == 0 || p->stratum == 16))
		return bad(why, "stratum %d with leap %d", p->stratum, p->leap);
	return GOOD;
}

static enum verdict has_precision(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	int precision = c->shots[i].answer.precision_log2;

	return precision <= COARSE && precision >= -32 ? GOOD : bad(why, "precision %d", precision);
}

static enum verdict has_stamps(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_packet *p = &c->shots[i].answer;

	if (p->receive == 0)
		return bad(why, "the receive field is zero");
	return p->transmit != 0 ? GOOD : bad(why, "the transmit field is zero");
}

static enum verdict is_held_basic(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_shot *s = &c->shots[i];

	if (ds_conform_interleaved(c, i) || s->answer.origin != s->asked.transmit)
		return SKIP; /* of what is neither, `origin` tells */
	return fits(s, s->answer.transmit, why);
}

static enum verdict is_held_interleaved(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_shot *s = &c->shots[i];

	if (!ds_conform_interleaved(c, i) || s->named < 0)
		return SKIP;
	return fits(&c->shots[s->named], s->answer.transmit, why);
}

/* Does the receive field move on as the time here does? */
static enum verdict is_received_now(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_shot *s = &c->shots[i], *before = NULL;

	/* Compared with a basic answer, so that a wrong interleaved one is blamed for itself only.
	 */
	for (int j = i - 1; j >= 0 && !before; j--)
		if (ds_conform_usable(&c->shots[j]) && !ds_conform_interleaved(c, j))
			before = &c->shots[j];
	if (!before || s->answer.receive == 0 || before->answer.receive == 0)
		return SKIP;
	double moved_ns = apart_ns(s->answer.receive, before->answer.receive);
	double least_ns = (double)(s->sent_ns - before->came_ns);
	double most_ns = (double)(s->came_ns - before->sent_ns);
	double slack = SLEW * most_ns + slack_ns(s) + slack_ns(before);
	if (moved_ns >= least_ns - slack && moved_ns <= most_ns + slack)
		return GOOD;
	return bad(why, "receive went on by %.6f s, and here passed %.6f to %.6f s",
		   moved_ns / NS_PER_S, least_ns / NS_PER_S, most_ns / NS_PER_S);
}

static enum verdict is_received_basic(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	return ds_conform_interleaved(c, i) ? SKIP : is_received_now(c, i, why);
}

static enum verdict is_received_interleaved(const struct ds_conform *c, int i,
					    char why[DS_CONFORM_WHY])
{
	return ds_conform_interleaved(c, i) ? is_received_now(c, i, why) : SKIP;
}

static enum verdict has_past_reference(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_shot *s = &c->shots[i];
	double ahead_ns = apart_ns(s->answer.reference, s->answer.receive);

	if (s->answer.reference == 0 || ahead_ns <= slack_ns(s))
		return GOOD;
	return bad(why, "the reference time is %.6f s after the receive field",
		   ahead_ns / NS_PER_S);
}

/* Silence means something of a server that is still there. */
static bool is_alive_after(const struct ds_conform *c, int i)
{
	for (int j = i + 1; j < c->count; j++)
		if (ds_conform_usable(&c->shots[j]))
			return true;
	return false;
}

static enum verdict is_silent(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_shot *s = &c->shots[i];

	if (s->answers == 0)
		return is_alive_after(c, i) ? GOOD : SKIP;
	return s->has_answer ? bad(why, "answered by %zu bytes of mode %d", s->answer_length,
				   s->answer.mode)
			     : bad(why, "answered by %zu bytes", s->answer_length);
}

static enum verdict is_passive(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_shot *s = &c->shots[i];

	return s->has_answer && s->answer.mode == DS_MODE_PASSIVE ? GOOD : is_silent(c, i, why);
}

static enum verdict is_answered(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	enum verdict mode = has_mode_4(c, i, why);

	return mode == GOOD ? has_origin(c, i, why) : mode;
}

static enum verdict is_old_version(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	enum verdict version = has_version(c, i, why);

	return version == GOOD ? is_answered(c, i, why) : version;
}

static enum verdict is_basic(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	if (ds_conform_interleaved(c, i))
		return bad(why, "answered interleaved");
	return has_origin(c, i, why);
}

static enum verdict is_basic_once_spent(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	return is_spent(c, i) ? is_basic(c, i, why) : SKIP;
}

static enum verdict is_interleaved(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	why[0] = '\0'; /* it cannot fail: a MAY */
	return ds_conform_interleaved(c, i) ? GOOD : SKIP;
}

/* Basic, or interleaved where that is allowed; and the stamps of the right answer. */
static enum verdict is_right(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	if (!ds_conform_interleaved(c, i))
		return has_origin(c, i, why);
	if (is_spent(c, i))
		return bad(why, "answered interleaved with a stamp that was used");
	return is_held_interleaved(c, i, why);
}

static enum verdict needs_no_port(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	if (!ds_conform_interleaved(c, i))
		return SKIP;
	return c->shots[i].kind != DS_SHOT_SAME_PORT
		       ? GOOD
		       : bad(why, "interleaved only while the client's port stays the same");
}

static enum verdict differs(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_packet *p = &c->shots[i].answer;

	return p->receive != p->transmit ? GOOD : bad(why, "receive and transmit are equal");
}

static enum verdict is_unique(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	for (int j = 0; j < i; j++)
		if (ds_conform_usable(&c->shots[j]) &&
		    c->shots[j].answer.receive == c->shots[i].answer.receive)
			return bad(why, "the receive field of packet %d again", j + 1);
	return GOOD;
}

static enum verdict is_no_key(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	const struct ds_packet *p = &c->shots[i].answer;

	for (int j = 0; j < i; j++) {
		const struct ds_packet *other = &c->shots[j].answer;
		if (ds_conform_usable(&c->shots[j]) &&
		    (other->receive == p->transmit || other->transmit == p->receive))
			return bad(why, "a transmit field equals a receive field, packet %d",
				   j + 1);
	}
	return GOOD;
}

static enum verdict leaks_nothing(const struct ds_conform *c, int i, char why[DS_CONFORM_WHY])
{
	for (int j = 0; j <= i; j++)
		if (ds_conform_usable(&c->shots[j]) &&
		    c->shots[j].answer.receive == c->shots[i].answer.reference)
			return bad(why, "the reference time is the receive field of packet %d",
				   j + 1);
	return GOOD;
}

#define KIND(name) (1U << DS_SHOT_##name)
#define BASICS	   (KIND(BASIC) | KIND(VERSION3))
#define INTERLEAVED                                                                                \
	(KIND(CHAIN) | KIND(SAME_PORT) | KIND(REUSE) | KIND(REPLAY) | KIND(ALIKE) |                \
	 KIND(UNKNOWN) | KIND(LOST) | KIND(AFTER_LOSS) | KIND(OLD))
#define REQUESTS (BASICS | INTERLEAVED)
#define ALL	 ((1U << DS_SHOT_KINDS) - 1)

#define MUST   DS_LEVEL_MUST
#define SHOULD DS_LEVEL_SHOULD
#define MAY    DS_LEVEL_MAY
#define NOTE   DS_LEVEL_NOTE

/* keyword: see struct ds_clause. heard: only packets with a usable answer. */
static const struct rule {
	struct ds_clause clause;
	uint32_t kinds;
	bool heard;
	enum concern concern;
	predicate *holds;
} rules[] = {
	{{"mode", 5905, "3", MUST, false, "A client's request is answered in mode 4."},
	 REQUESTS,
	 true,
	 ALWAYS,
	 has_mode_4},
	{{"version-4", 5905, "7.3", MUST, false,
	  "A request of version 4 is answered in version 4."},
	 REQUESTS & ~KIND(VERSION3),
	 true,
	 ALWAYS,
	 has_version},
	{{"version-3", 5905, "7.3", MUST, false,
	  "A request of version 3 is answered in version 3."},
	 KIND(VERSION3),
	 true,
	 ALWAYS,
	 has_version},
	{{"version-2", 5905, "7.3", NOTE, false, "A request of version 2 is answered, as such."},
	 KIND(VERSION2),
	 true,
	 ALWAYS,
	 is_old_version},
	{{"version-1", 5905, "7.3", NOTE, false, "A request of version 1 is answered, as such."},
	 KIND(VERSION1),
	 true,
	 ALWAYS,
	 is_old_version},
	{{"origin", 5905, "8", MUST, false,
	  "The origin field repeats the request's transmit field (interleaved: its receive field)."},
	 REQUESTS,
	 true,
	 ALWAYS,
	 has_origin},
	{{"stamps", 5905, "8", MUST, false, "Receive and transmit are not zero."},
	 REQUESTS,
	 true,
	 ALWAYS,
	 has_stamps},
	{{"held", 5905, "8", MUST, false,
	  "A basic answer's transmit is not before its receive, nor later than the round trip "
	  "allows."},
	 REQUESTS,
	 true,
	 ALWAYS,
	 is_held_basic},
	{{"received", 5905, "8", MUST, false, "A basic answer's receive is of this request."},
	 REQUESTS,
	 true,
	 ALWAYS,
	 is_received_basic},
	{{"stratum", 5905, "7.3", MUST, false,
	  "Stratum is at most 16; 0 and 16 only with leap 3 (not synchronised)."},
	 REQUESTS,
	 true,
	 ALWAYS,
	 has_stratum},
	{{"reference", 5905, "7.3", MUST, false,
	  "The reference time, when the clock was last set, is in the past."},
	 REQUESTS,
	 true,
	 ALWAYS,
	 has_past_reference},
	{{"precision", 5905, "7.3", NOTE, false, "Precision is from 2^-32 to 2^-6 s."},
	 REQUESTS,
	 true,
	 ALWAYS,
	 has_precision},
	{{"poll", 5905, "7.3", NOTE, false, "The request's poll field is repeated."},
	 REQUESTS,
	 true,
	 ALWAYS,
	 has_poll},
	{{"length", 5905, "7.3", MUST, false,
	  "A request without extension field and MAC is answered with 48 bytes."},
	 REQUESTS,
	 false,
	 ALWAYS,
	 is_48_bytes},
	{{"single", 5905, "9.2", MUST, false, "A request has one answer."},
	 REQUESTS,
	 false,
	 ALWAYS,
	 is_alone},
	{{"short", 5905, "7.3", MUST, false, "47 bytes are no packet, and are not answered."},
	 KIND(SHORT),
	 false,
	 ALWAYS,
	 is_silent},
	{{"mode-0", 5905, "3", NOTE, false, "The reserved mode 0 (version 4) is not answered."},
	 KIND(MODE0),
	 false,
	 ALWAYS,
	 is_silent},
	{{"mode-1", 5905, "9.2", MUST, false, "Mode 1 is answered in mode 2, or not at all."},
	 KIND(MODE1),
	 false,
	 ALWAYS,
	 is_passive},
	{{"mode-2", 5905, "9.2", MUST, false, "Mode 2 of a stranger is not answered."},
	 KIND(MODE2),
	 false,
	 ALWAYS,
	 is_silent},
	{{"mode-4", 5905, "9.2", MUST, false, "Mode 4, an answer, is not answered."},
	 KIND(MODE4),
	 false,
	 ALWAYS,
	 is_silent},
	{{"mode-5", 5905, "9.2", MUST, false, "Mode 5, a broadcast, is not answered."},
	 KIND(MODE5),
	 false,
	 ALWAYS,
	 is_silent},
	{{"mode-6", 9327, "2", NOTE, false,
	  "A control message of a stranger has no answer that is longer."},
	 KIND(MODE6),
	 false,
	 ALWAYS,
	 is_no_longer},
	{{"mode-7", 5905, "3", NOTE, false, "The private mode 7 is not answered."},
	 KIND(MODE7),
	 false,
	 ALWAYS,
	 is_silent},
	{{"amplification", 5905, "7.3", NOTE, false,
	  "No answer to any packet is longer than that packet."},
	 ALL & ~KIND(MODE6),
	 false,
	 ALWAYS,
	 is_no_longer},
	{{"extension", 7822, "3", NOTE, false,
	  "A request with an extension field of no known type is answered."},
	 KIND(EXTENSION),
	 true,
	 ALWAYS,
	 is_answered},

	{{"first-basic", 9769, "2", MUST, true,
	  "A request whose origin is zero is answered basic."},
	 BASICS,
	 true,
	 PASS_IF_SEEN,
	 is_basic},
	{{"interleaves", 9769, "2", MAY, false,
	  "A request that names a saved receive stamp is answered interleaved."},
	 INTERLEAVED,
	 true,
	 ONLY_IF_SEEN,
	 is_interleaved},
	{{"interleaved-transmit", 9769, "2", MUST, false,
	  "An interleaved answer's transmit is when the answer left whose receive field was named."},
	 INTERLEAVED,
	 true,
	 ONLY_IF_SEEN,
	 is_held_interleaved},
	{{"interleaved-receive", 9769, "2", MUST, false,
	  "An interleaved answer's receive is of the present request."},
	 INTERLEAVED,
	 true,
	 ONLY_IF_SEEN,
	 is_received_interleaved},
	{{"alike-basic", 9769, "2", MUST, true,
	  "A request whose receive and transmit are equal is answered basic."},
	 KIND(ALIKE),
	 true,
	 PASS_IF_SEEN,
	 is_basic},
	{{"unknown-basic", 9769, "2", MUST, true,
	  "A request that names no stamp of the server is answered basic."},
	 KIND(UNKNOWN),
	 true,
	 PASS_IF_SEEN,
	 is_basic},
	{{"spent-basic", 9769, "2", MUST, true,
	  "A receive stamp that was answered interleaved to is not used again."},
	 KIND(REUSE) | KIND(AFTER_LOSS),
	 true,
	 ONLY_IF_SEEN,
	 is_basic_once_spent},
	{{"replay-basic", 9769, "2", MUST, true,
	  "Nor is it for the same packet, when it comes twice."},
	 KIND(REPLAY),
	 true,
	 ONLY_IF_SEEN,
	 is_basic_once_spent},
	{{"after-loss", 9769, "2", MUST, false,
	  "After a lost answer, the same origin is answered with stamps that belong together."},
	 KIND(AFTER_LOSS),
	 true,
	 PASS_IF_SEEN,
	 is_right},
	{{"old", 9769, "2", MUST, false,
	  "An older stamp is answered basic, or interleaved with its own answer's transmit time."},
	 KIND(OLD),
	 true,
	 PASS_IF_SEEN,
	 is_right},
	{{"any-port", 9769, "2", SHOULD, true,
	  "Saved stamps are not separated by the client's port."},
	 INTERLEAVED,
	 true,
	 ONLY_IF_SEEN,
	 needs_no_port},
	{{"stamps-differ", 9769, "2", MUST, true, "Receive and transmit of an answer differ."},
	 REQUESTS,
	 true,
	 ONLY_IF_SEEN,
	 differs},
	{{"receive-unique", 9769, "2", MUST, true, "No receive field comes twice."},
	 REQUESTS,
	 true,
	 ONLY_IF_SEEN,
	 is_unique},
	{{"transmit-no-receive", 9769, "2", SHOULD, true,
	  "No transmit field equals the receive field of another answer."},
	 REQUESTS,
	 true,
	 ONLY_IF_SEEN,
	 is_no_key},
	{{"reference-leak", 9769, "6", SHOULD, true,
	  "The reference time is no receive field of an answer."},
	 REQUESTS,
	 true,
	 PASS_IF_SEEN,
	 leaks_nothing},
};

#define RULES ((int)(sizeof(rules) / sizeof(rules[0])))
_Static_assert(sizeof(rules) / sizeof(rules[0]) <= DS_CONFORM_CLAUSES_MAX, "make room");

static bool concerns(const struct rule *rule, const struct ds_shot *shot)
{
	if ((rule->kinds & 1U << shot->kind) == 0 || shot->unsent)
		return false;
	return !rule->heard || ds_conform_usable(shot);
}

static bool was_asked(const struct ds_conform *c, uint32_t kinds)
{
	for (int i = 0; i < c->count; i++)
		if ((kinds & 1U << c->shots[i].kind) != 0)
			return true;
	return false;
}

static const char *why_unseen(const struct ds_conform *c, const struct rule *rule, bool interleaves)
{
	if (rule->concern != ALWAYS && !interleaves)
		return "no answer was interleaved";
	if (!was_asked(c, rule->kinds))
		return "there was no occasion to ask";
	return rule->heard ? "no answer that tells" : "no answer";
}

static void judge(const struct ds_conform *c, const struct rule *rule, bool interleaves,
		  struct ds_finding *f)
{
	char why[DS_CONFORM_WHY];
	int failures = 0;

	*f = (struct ds_finding){.clause = &rule->clause, .result = DS_RESULT_NOT_OBSERVED};
	for (int i = 0; i < c->count; i++) {
		enum verdict verdict = concerns(rule, &c->shots[i]) ? rule->holds(c, i, why) : SKIP;
		f->seen += verdict != SKIP;
		if (verdict == BAD && failures++ == 0)
			snprintf(f->why, sizeof(f->why), "packet %d: %.*s", i + 1,
				 DS_CONFORM_WHY - 20, why);
	}
	bool blind = !interleaves && (rule->concern == ONLY_IF_SEEN ||
				      (rule->concern == PASS_IF_SEEN && failures == 0));
	if (f->seen == 0 || blind) {
		f->seen = 0;
		snprintf(f->why, sizeof(f->why), "%s", why_unseen(c, rule, interleaves));
		return;
	}
	f->result = failures > 0 ? DS_RESULT_FAILED : DS_RESULT_PASSED;
}

int ds_conform_judge(const struct ds_conform *c, struct ds_finding out[DS_CONFORM_CLAUSES_MAX])
{
	bool interleaves = false;

	for (int i = 0; i < c->count; i++)
		interleaves |= ds_conform_usable(&c->shots[i]) && ds_conform_interleaved(c, i);
	for (int i = 0; i < RULES; i++)
		judge(c, &rules[i], interleaves, &out[i]);
	return RULES;
}

int ds_conform_status(const struct ds_conform *c, const struct ds_finding *findings, int count)
{
	bool heard = false;

	for (int i = 0; i < c->count; i++)
		heard |= ds_conform_usable(&c->shots[i]);
	for (int i = 0; i < count && heard; i++)
		if (findings[i].result == DS_RESULT_FAILED &&
		    findings[i].clause->level == DS_LEVEL_MUST)
			return 1;
	return heard ? 0 : 3;
}

const char *ds_level_word(enum ds_level level)
{
	static const char *const words[] = {"MUST", "SHOULD", "MAY", "note"};

	return words[level];
}

const char *ds_result_word(enum ds_result result)
{
	static const char *const words[] = {"passed", "failed", "not observed"};

	return words[result];
}
