/*
 * broadcasts_tell: a step of the broadcast worlds as a line for people.
 * It must never change the state that it tells of.
 */
#include <stdio.h>
#include <string.h>

#include "proof/broadcasts.h"

struct name {
	char text[48];
};

/* A field of a packet by what it is. */
static struct name name_of(ds_ntp64 field)
{
	struct name n = {"0"};
	unsigned int tag = bc_tag_of_field(field);

	if (field == 0)
		return n;
	if (tag >= BC_TAG_DRIVE_TARDY)
		(void)snprintf(n.text, sizeof(n.text), "tardy drivestamp(broadcast %u)",
			       tag - BC_TAG_DRIVE_TARDY);
	else if (tag >= BC_TAG_DRIVE)
		(void)snprintf(n.text, sizeof(n.text), "drivestamp(broadcast %u)",
			       tag - BC_TAG_DRIVE);
	else
		(void)snprintf(n.text, sizeof(n.text), "guess(broadcast %u)", tag - BC_TAG_SENT);
	return n;
}

static void tell_packet(const char *what, const uint8_t *bytes, char *text, size_t size)
{
	struct name org = name_of(ds_wire_read_ntp64(bytes + 24));
	struct name xmt = name_of(ds_wire_read_ntp64(bytes + 40));

	(void)snprintf(text, size, "%-44s org=%s xmt=%s", what, org.text, xmt.text);
}

static const char *const manners[] = {"",
				      "",
				      " tardy (0.9 s)",
				      " from before it",
				      " 2 s late",
				      " read by the daemon",
				      " under a wrong name"};
static const char *const arrivals[] = {"", " (5 ms later)", " (300 ms late)", " (its MAC cut off)"};
static const char *const paths[] = {"", ", 4 ms longer one way", ", 598 ms longer one way"};

static const char *tell_incident(unsigned int kind)
{
	switch (kind) {
	case BC_SENDER_RESTARTS:
		return "broadcaster restarts";
	case BC_LISTENER_RESTARTS:
		return "listener restarts";
	case BC_LISTENER_STEPS:
		return "listener's clock is stepped by 40 s";
	case BC_STEP_SMALL:
		return "broadcaster's clock is stepped by 0.3 s";
	case BC_STEP_LARGE:
		return "broadcaster's clock is stepped by 40 s";
	case BC_STEP_BACK:
		return "broadcaster's clock is stepped back by two intervals";
	case BC_NIGHT:
		return "two days pass in silence";
	default:
		return "?";
	}
}

/* The event happens to a copy, so that the packets it makes can be told. */
void bc_tell(const void *state, struct proof_event e, char *text, size_t size)
{
	const struct bc_state *was = state;
	struct bc_state s = *was;
	char what[80] = "";

	bc_happen(&s, e);
	switch (e.kind) {
	case BC_SEND:
	case BC_SENDER_HURRIES:
		(void)snprintf(what, sizeof(what), "%s broadcast %u:",
			       e.kind == BC_SEND ? "broadcaster sends"
						 : "broadcaster restarts, and sends at once",
			       s.count);
		tell_packet(what, s.sent[s.count - 1].bytes, text, size);
		return;
	case BC_DELIVER:
		(void)snprintf(what, sizeof(what), "listener gets broadcast %u%s%s:", e.a,
			       e.a < s.count ? " again or late" : "", arrivals[e.b & 3]);
		tell_packet(what, s.sent[e.a - 1].bytes, text, size);
		return;
	case BC_STAMP:
		(void)snprintf(text, size, "broadcaster is told a drivestamp of broadcast %u%s",
			       e.a, e.b < BC_MANNERS ? manners[e.b] : "?");
		return;
	case BC_CALIBRATE:
		(void)snprintf(text, size, "an exchange calibrates the listener%s",
			       e.a < BC_PATHS ? paths[e.a] : "?");
		return;
	case BC_FORGE:
		(void)snprintf(text, size, "attacker to listener: org=%s xmt=%s%s",
			       bc_origin_word(e.b), bc_transmit_word(e.a), bc_shape_word(e.c));
		return;
	default:
		(void)snprintf(text, size, "%s", tell_incident(e.kind));
		return;
	}
}
