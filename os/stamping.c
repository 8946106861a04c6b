/*
 * stamping: flags, control messages and the ring of packets whose stamps are awaited. The ring is
 * indexed by the low bits of the id, so that finding a packet, and noticing that an older one has
 * to give way, is one look.
 */
#include "os/stamping.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#include "os/clock.h"

#ifndef SCM_TS_OPT_ID
#define SCM_TS_OPT_ID 81 /* Linux 6.13 */
#endif

#define RX_FLAGS (SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE)
#define TX_FLAGS SOF_TIMESTAMPING_TX_SOFTWARE
/* Of a card. RAW_HARDWARE and RX_HARDWARE do nothing where none is told to stamp. */
#define RX_CARD_FLAGS (SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE)
#define TX_CARD_FLAGS SOF_TIMESTAMPING_TX_HARDWARE
#define TX_ANY_FLAGS  (TX_FLAGS | TX_CARD_FLAGS)
/* Linux 4.13 */
#define CARD_EXTRAS (SOF_TIMESTAMPING_OPT_PKTINFO | SOF_TIMESTAMPING_OPT_TX_SWHW)

/* Set once the kernel has shown that it does not know SCM_TS_OPT_ID. */
static atomic_bool no_chosen_ids;
static atomic_bool cards_asked;

void ds_stamping_ask_cards(bool on)
{
	atomic_store_explicit(&cards_asked, on, memory_order_relaxed);
}

static struct ds_pending_stamp *ring_of(struct ds_stamping *s)
{
	return s->ring ? s->ring : s->own;
}

static struct ds_pending_stamp *slot_of(struct ds_stamping *s, uint32_t id)
{
	return &ring_of(s)[id & (s->ring_size - 1)];
}

static bool set_flags(int fd, uint32_t flags)
{
	int value = (int)flags;

	return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &value, sizeof(value)) == 0;
}

/* Is the kernel at least that old? Where it does not tell: yes, and what it does not know shows. */
static bool kernel_is(unsigned major_least, unsigned minor_least)
{
	struct utsname name;
	unsigned major, minor;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return true;
	return major > major_least || (major == major_least && minor >= minor_least);
}

/* What is asked for a card besides, best first; the last is nothing. */
static const uint32_t card_flags[] = {
	RX_CARD_FLAGS | CARD_EXTRAS,
	RX_CARD_FLAGS,
	0,
};
#define CARD_WAYS (sizeof(card_flags) / sizeof(card_flags[0]))

static size_t first_card_way(void)
{
	return atomic_load_explicit(&cards_asked, memory_order_relaxed) ? 0 : CARD_WAYS - 1;
}

static bool grant(struct ds_stamping *s, int fd, uint32_t flags)
{
	if (!set_flags(fd, flags))
		return false;
	s->receive = true;
	s->hardware = (flags & SOF_TIMESTAMPING_RAW_HARDWARE) != 0;
	s->both = (flags & SOF_TIMESTAMPING_OPT_TX_SWHW) != 0;
	s->flags = flags;
	return true;
}

static void ask_receive_only(struct ds_stamping *s, int fd)
{
	const int on = 1;

	for (size_t way = first_card_way(); way < CARD_WAYS; way++)
		if (grant(s, fd, RX_FLAGS | card_flags[way]))
			return;
	s->receive = setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) == 0;
}

/* From everything down to what an old kernel knows. */
static bool ask_with_card(struct ds_stamping *s, int fd, uint32_t flags)
{
	static const uint32_t extras[] = {
		SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY,
		SOF_TIMESTAMPING_OPT_ID,
		0,
	};

	/* without ids the whole frame must come back: no OPT_TSONLY */
	for (size_t i = s->join == DS_JOIN_NONE ? 2 : 0; i < sizeof(extras) / sizeof(extras[0]);
	     i++) {
		if (!grant(s, fd, flags | extras[i]))
			continue;
		s->transmit = true;
		if (!(extras[i] & SOF_TIMESTAMPING_OPT_ID))
			s->join = DS_JOIN_NONE;
		return true;
	}
	return false;
}

static void ask(struct ds_stamping *s, int fd)
{
	for (size_t way = first_card_way(); way < CARD_WAYS; way++) {
		uint32_t transmit = s->per_packet ? 0 : TX_FLAGS;

		if (card_flags[way] && !s->per_packet)
			transmit |= TX_CARD_FLAGS;
		if (ask_with_card(s, fd, RX_FLAGS | transmit | card_flags[way]))
			return;
	}
	s->join = DS_JOIN_NONE;
	ask_receive_only(s, fd);
}

void ds_stamping_open(struct ds_stamping *s, int fd, const struct ds_stamping_wish *wish)
{
	memset(s, 0, sizeof(*s));
	s->ring = wish->ring;
	s->ring_size = wish->ring ? wish->ring_size : DS_STAMPING_OWN;
	s->join = wish->best;
	/* Older kernels refuse or ignore the message. That is found out as well, but by the loss of
	 * the first stamp. */
	if (s->join == DS_JOIN_CHOSEN_ID &&
	    (atomic_load_explicit(&no_chosen_ids, memory_order_relaxed) || !kernel_is(6, 13)))
		s->join = DS_JOIN_COUNTER;
	if (!wish->transmit) {
		s->join = DS_JOIN_NONE;
		ask_receive_only(s, fd);
		return;
	}
	/* Kernels before 4.7 ignore SO_TIMESTAMPING as a control message. */
	s->per_packet = wish->per_packet && kernel_is(4, 7);
	ask(s, fd);
	s->next_id = s->join == DS_JOIN_CHOSEN_ID ? DS_STAMPING_FIRST_ID : 0;
}

static void forget_all(struct ds_stamping *s)
{
	struct ds_pending_stamp *ring = ring_of(s);

	for (uint32_t i = 0; i < s->ring_size; i++) {
		if (ring[i].state == DS_PENDING_LIVE)
			s->counters.by_reason[DS_R_STAMP_MISSING] += ring[i].wanted;
		ring[i].state = DS_PENDING_FREE;
		ring[i].owed = 0;
	}
	s->live = 0;
}

uint32_t ds_stamping_awaited(const struct ds_stamping *s)
{
	const struct ds_pending_stamp *ring = s->ring ? s->ring : s->own;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->ring_size; i++)
		n += ring[i].state == DS_PENDING_LIVE && ring[i].wanted;
	return n;
}

static void begin_doubt(struct ds_stamping *s, int fd)
{
	if (s->join != DS_JOIN_COUNTER || s->doubt)
		return;
	s->doubt = true;
	s->doubt_since_ns = ds_monotonic_ns();
	/* OPT_ID must stay: without it the stamps still under way would come with the id 0 */
	if (!s->per_packet)
		set_flags(fd, s->flags & ~(uint32_t)TX_ANY_FLAGS);
}

void ds_stamping_before_send(struct ds_stamping *s, int fd)
{
	if (!s->doubt)
		return;
	if (s->live && ds_monotonic_ns() - s->doubt_since_ns < DS_STAMPING_DOUBT_NS)
		return;
	forget_all(s);
	/* switching OPT_ID on sets the counter to zero */
	if (!set_flags(fd, s->flags & ~(uint32_t)(SOF_TIMESTAMPING_OPT_ID | TX_ANY_FLAGS)) ||
	    !set_flags(fd, s->flags))
		return;
	s->doubt = false;
	s->next_id = 0;
}

bool ds_stamping_expect(struct ds_stamping *s, const uint8_t *data, size_t length, bool wanted,
			bool card, uint32_t token, uint32_t *id)
{
	struct ds_pending_stamp *slot;

	if (!s->transmit || (!wanted && s->per_packet))
		return false;
	if (s->doubt) {
		s->counters.by_reason[DS_R_STAMP_MISSING] += wanted;
		return false;
	}
	slot = slot_of(s, s->next_id);
	if (slot->state == DS_PENDING_LIVE)
		s->counters.by_reason[DS_R_STAMP_MISSING] += slot->wanted;
	s->live += slot->owed == 0;
	slot->id = s->next_id++;
	slot->token = token;
	slot->wanted = wanted;
	slot->cookie = length >= DS_WIRE_HEADER_SIZE
			       ? ds_wire_read_ntp64(data + DS_WIRE_TRANSMIT_OFFSET)
			       : 0;
	slot->state = DS_PENDING_LIVE;
	slot->card = s->hardware && (card || !s->per_packet);
	slot->owed = DS_STAMPING_OWES(DS_STAMP_KERNEL);
	if (slot->card)
		slot->owed |= DS_STAMPING_OWES(DS_STAMP_HARDWARE);
	s->sent += wanted;
	*id = slot->id;
	return true;
}

static size_t put_u32(uint8_t *out, int type, uint32_t value)
{
	struct cmsghdr header = {
		.cmsg_len = CMSG_LEN(sizeof(value)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = type,
	};

	memcpy(out, &header, sizeof(header));
	memcpy(out + CMSG_LEN(0), &value, sizeof(value));
	return CMSG_SPACE(sizeof(value));
}

_Static_assert(2 * CMSG_SPACE(sizeof(uint32_t)) <= DS_STAMPING_CONTROL_MAX, "room");

size_t ds_stamping_control(const struct ds_stamping *s, uint32_t id, uint8_t *out)
{
	size_t length = 0;

	if (s->per_packet)
		length +=
			put_u32(out, SO_TIMESTAMPING,
				slot_of((struct ds_stamping *)(uintptr_t)s, id)->card ? TX_ANY_FLAGS
										      : TX_FLAGS);
	if (s->join == DS_JOIN_CHOSEN_ID)
		length += put_u32(out + length, SCM_TS_OPT_ID, id);
	return length;
}

void ds_stamping_unsent(struct ds_stamping *s, int fd, uint32_t id)
{
	struct ds_pending_stamp *slot = slot_of(s, id);

	if (slot->id == id && slot->state == DS_PENDING_LIVE) {
		slot->state = DS_PENDING_FREE;
		slot->owed = 0;
		s->live--;
		s->sent -= slot->wanted;
	}
	begin_doubt(s, fd);
}

void ds_stamping_no_chosen_ids(struct ds_stamping *s, int fd)
{
	if (s->join != DS_JOIN_CHOSEN_ID)
		return;
	atomic_store_explicit(&no_chosen_ids, true, memory_order_relaxed);
	s->join = DS_JOIN_COUNTER;
	begin_doubt(s, fd);
}

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * INT64_C(1000000000) + t->tv_nsec;
}

static void take_times(const struct ds_stamping *s, const struct cmsghdr *cmsg,
		       struct ds_ancillary *out)
{
	struct scm_timestamping times;

	if (cmsg->cmsg_len < CMSG_LEN(sizeof(times)))
		return;
	memcpy(&times, CMSG_DATA(cmsg), sizeof(times));
	out->realtime_ns = ns_of(&times.ts[0]);
	if (s->hardware)
		out->card_ns = ns_of(&times.ts[2]);
}

static void take_frame(const struct cmsghdr *cmsg, struct ds_ancillary *out)
{
	struct scm_ts_pktinfo info;

	if (cmsg->cmsg_len < CMSG_LEN(sizeof(info)))
		return;
	memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
	out->interface = (int)info.if_index;
	out->length = info.pkt_length;
}

static void take_error(const struct cmsghdr *cmsg, struct ds_ancillary *out)
{
	struct sock_extended_err error;

	out->is_error = true;
	if (cmsg->cmsg_len < CMSG_LEN(sizeof(error)))
		return;
	memcpy(&error, CMSG_DATA(cmsg), sizeof(error));
	if (error.ee_errno != ENOMSG || error.ee_origin != SO_EE_ORIGIN_TIMESTAMPING ||
	    error.ee_info != SCM_TSTAMP_SND)
		return;
	out->is_stamp = true;
	out->id = error.ee_data;
}

void ds_stamping_take(const struct ds_stamping *s, const struct cmsghdr *cmsg,
		      struct ds_ancillary *out)
{
	struct timespec time;

	if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_TIMESTAMPING) {
		take_times(s, cmsg, out);
	} else if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_TIMESTAMPNS &&
		   cmsg->cmsg_len >= CMSG_LEN(sizeof(time))) {
		memcpy(&time, CMSG_DATA(cmsg), sizeof(time));
		out->realtime_ns = ns_of(&time);
	} else if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_TIMESTAMPING_PKTINFO) {
		take_frame(cmsg, out);
	} else if ((cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_RECVERR) ||
		   (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_RECVERR)) {
		take_error(cmsg, out);
	}
}

static size_t udp_payload_of_ip(const uint8_t *frame, size_t length, size_t ip)
{
	size_t header;

	if (length < ip + 20)
		return 0;
	if (frame[ip] >> 4 == 4) {
		header = (size_t)(frame[ip] & 15) * 4;
		if (header < 20 || frame[ip + 9] != IPPROTO_UDP)
			return 0;
	} else if (frame[ip] >> 4 == 6) {
		header = 40;
		if (frame[ip + 6] != IPPROTO_UDP)
			return 0;
	} else {
		return 0;
	}
	return ip + header + 8 <= length ? ip + header + 8 : 0;
}

static unsigned ether_type_at(const uint8_t *frame, size_t offset)
{
	return (unsigned)frame[offset] << 8 | frame[offset + 1];
}

size_t ds_stamping_payload_offset(const uint8_t *frame, size_t length)
{
	size_t type = 12;

	if (length < 34)
		return 0;
	while (type + 6 <= length &&
	       (ether_type_at(frame, type) == 0x8100 || ether_type_at(frame, type) == 0x88a8))
		type += 4;
	if (type + 2 <= length &&
	    (ether_type_at(frame, type) == 0x0800 || ether_type_at(frame, type) == 0x86dd))
		return udp_payload_of_ip(frame, length, type + 2);
	return udp_payload_of_ip(frame, length, 0);
}

static enum ds_reason report(struct ds_stamping *s, struct ds_pending_stamp *slot,
			     enum ds_stamp_source source, uint32_t *token)
{
	const uint8_t bit = (uint8_t)DS_STAMPING_OWES(source);

	if (!(slot->owed & bit)) {
		ds_count(&s->counters, DS_R_STAMP_DOUBLE);
		return DS_R_STAMP_DOUBLE;
	}
	slot->owed &= (uint8_t)~bit;
	if (!s->both) /* the kernel says nothing where the card does */
		slot->owed = 0;
	s->live -= slot->owed == 0;
	slot->state = DS_PENDING_REPORTED;
	*token = slot->token;
	return slot->wanted ? DS_R_OK : DS_R_STAMP_LATE;
}

static enum ds_reason wrong(struct ds_stamping *s)
{
	ds_count(&s->counters, DS_R_STAMP_WRONG_ID);
	return DS_R_STAMP_WRONG_ID;
}

/* The one packet with this cookie; NULL if there is none, or more than one that waits. */
static struct ds_pending_stamp *find_cookie(struct ds_stamping *s, ds_ntp64 cookie)
{
	struct ds_pending_stamp *ring = ring_of(s), *found = NULL, *done = NULL;

	for (uint32_t i = 0; i < s->ring_size; i++) {
		if (ring[i].state == DS_PENDING_FREE || ring[i].cookie != cookie)
			continue;
		if (ring[i].state == DS_PENDING_REPORTED) {
			done = &ring[i];
			continue;
		}
		if (found)
			return NULL;
		found = &ring[i];
	}
	return found ? found : done;
}

static enum ds_reason join_frame(struct ds_stamping *s, enum ds_stamp_source source,
				 const uint8_t *frame, size_t length, uint32_t *token)
{
	size_t payload = ds_stamping_payload_offset(frame, length);
	struct ds_pending_stamp *slot;

	if (!payload || length < payload + DS_WIRE_HEADER_SIZE)
		return wrong(s);
	slot = find_cookie(s, ds_wire_read_ntp64(frame + payload + DS_WIRE_TRANSMIT_OFFSET));
	return slot ? report(s, slot, source, token) : wrong(s);
}

enum ds_reason ds_stamping_join(struct ds_stamping *s, int fd, uint32_t id,
				enum ds_stamp_source source, const uint8_t *frame, size_t length,
				uint32_t *token)
{
	struct ds_pending_stamp *slot;

	if (length > 0)
		return join_frame(s, source, frame, length, token);
	if (s->join == DS_JOIN_NONE)
		return wrong(s);
	slot = slot_of(s, id);
	if (slot->state != DS_PENDING_FREE && slot->id == id) {
		s->id_seen = true;
		return report(s, slot, source, token);
	}
	/* a small id where a chosen one was due: the kernel counts, and ignores what we choose */
	if (s->join == DS_JOIN_CHOSEN_ID && !s->id_seen && id < DS_STAMPING_FIRST_ID)
		ds_stamping_no_chosen_ids(s, fd);
	return wrong(s);
}
