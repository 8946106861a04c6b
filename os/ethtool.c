/* ethtool: see ethtool.h. A question and its answers over a socket of its own, all of fixed size.
 */
#include "os/ethtool.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "os/netlink.h"

#define ANSWER_SIZE 8192
#define STRAY_MAX   8 /* answers to questions given up, before ours */

/* Linux 6.14; headers may be older. Numbers are of the interface, which never changes. */
#define MSG_TSCONFIG_GET	46
#define MSG_TSCONFIG_SET	47
#define TSCONFIG_TX_TYPES	3
#define TSCONFIG_RX_FILTERS	4
#define TSCONFIG_HWTSTAMP_FLAGS 5
/* Linux 6.10 */
#define FLAG_STATS	4
#define TSINFO_STATS	6
#define TS_STAT_TX_PKTS 1
#define TS_STAT_TX_LOST 2
#define TS_STAT_TX_ERR	3
/* Sizes of the sets of bits that are sent: known to every kernel with these messages. */
#define TX_TYPE_BITS 4
#define FILTER_BITS  16
#define FLAG_BITS    1

struct question {
	struct nlmsghdr header;
	struct genlmsghdr generic;
	uint8_t attributes[256];
};

/* ---- writing ---- */

static void begin(struct question *q, uint16_t family, uint8_t command)
{
	memset(q, 0, sizeof *q);
	q->header.nlmsg_len = NLMSG_LENGTH(sizeof q->generic);
	q->header.nlmsg_type = family;
	q->header.nlmsg_flags = NLM_F_REQUEST;
	q->generic.cmd = command;
	q->generic.version = 1;
}

static uint8_t *end_of(struct question *q)
{
	return (uint8_t *)q + q->header.nlmsg_len;
}

/* Questions are of this room alone, and smaller than `attributes`. */
static void put(struct question *q, uint16_t type, const void *data, size_t length)
{
	const struct nlattr attribute = {.nla_len = (uint16_t)(sizeof(struct nlattr) + length),
					 .nla_type = type};

	memcpy(end_of(q), &attribute, sizeof attribute);
	if (length > 0)
		memcpy(end_of(q) + sizeof attribute, data, length);
	q->header.nlmsg_len += (uint32_t)(sizeof attribute + ds_netlink_align(length));
}

static void put_u32(struct question *q, uint16_t type, uint32_t value)
{
	put(q, type, &value, sizeof value);
}

static uint8_t *begin_nest(struct question *q, uint16_t type)
{
	uint8_t *nest = end_of(q);

	put(q, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
	return nest;
}

static void end_nest(struct question *q, uint8_t *nest)
{
	const uint16_t length = (uint16_t)(end_of(q) - nest);

	memcpy(nest, &length, sizeof length); /* nla_len comes first */
}

/* The header of every message has the same number. */
static void put_interface(struct question *q, int interface, uint32_t flags)
{
	uint8_t *nest = begin_nest(q, ETHTOOL_A_TSINFO_HEADER);

	put_u32(q, ETHTOOL_A_HEADER_DEV_INDEX, (uint32_t)interface);
	put_u32(q, ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_COMPACT_BITSETS | flags);
	end_nest(q, nest);
}

/* Exactly these bits of `size`. */
static void put_bits(struct question *q, uint16_t type, uint32_t bits, uint32_t size)
{
	uint8_t *nest = begin_nest(q, type);

	put(q, ETHTOOL_A_BITSET_NOMASK, NULL, 0);
	put_u32(q, ETHTOOL_A_BITSET_SIZE, size);
	put_u32(q, ETHTOOL_A_BITSET_VALUE, bits);
	end_nest(q, nest);
}

/* ---- asking ---- */

/* A message of the kernel with its attributes. */
struct answer {
	uint8_t bytes[ANSWER_SIZE];
	const uint8_t *attributes;
	size_t length;
};

/* 1: it is the answer; 0: another one; or the negative errno that it says. */
static int sort_out(struct answer *a, size_t length, uint32_t sequence)
{
	struct nlmsghdr header;
	struct nlmsgerr error;

	if (length < sizeof header)
		return -EBADMSG;
	memcpy(&header, a->bytes, sizeof header);
	if (header.nlmsg_len < sizeof header || header.nlmsg_len > length)
		return -EBADMSG;
	if (header.nlmsg_seq != sequence)
		return 0;
	if (header.nlmsg_type == NLMSG_ERROR) {
		if (header.nlmsg_len < NLMSG_LENGTH(sizeof error))
			return -EBADMSG;
		memcpy(&error, a->bytes + NLMSG_HDRLEN, sizeof error);
		a->length = 0;
		return error.error < 0 && error.error >= -4095 ? error.error : 1;
	}
	if (header.nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN))
		return -EBADMSG;
	a->attributes = a->bytes + NLMSG_LENGTH(GENL_HDRLEN);
	a->length = header.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
	return 1;
}

static int ask(struct ds_ethtool *e, struct question *q, struct answer *a)
{
	if (e->fd < 0)
		return -EBADF;
	q->header.nlmsg_seq = ++e->sequence;
	if (send(e->fd, q, q->header.nlmsg_len, MSG_DONTWAIT) < 0)
		return -errno;
	for (int i = 0; i < STRAY_MAX; i++) {
		ssize_t n = recv(e->fd, a->bytes, sizeof a->bytes, MSG_DONTWAIT | MSG_TRUNC);
		int is_ours;

		if (n < 0)
			return -errno;
		if ((size_t)n > sizeof a->bytes)
			return -EMSGSIZE;
		is_ours = sort_out(a, (size_t)n, e->sequence);
		if (is_ours != 0)
			return is_ours < 0 ? is_ours : 0;
	}
	return -ENOMSG;
}

static int find_family(struct ds_ethtool *e)
{
	struct ds_netlink_attribute attribute;
	struct question q;
	struct answer a;
	int error;

	begin(&q, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	put(&q, CTRL_ATTR_FAMILY_NAME, ETHTOOL_GENL_NAME, sizeof ETHTOOL_GENL_NAME);
	error = ask(e, &q, &a);
	if (error != 0)
		return error;
	while (ds_netlink_next(&a.attributes, &a.length, &attribute))
		if (attribute.type == CTRL_ATTR_FAMILY_ID && attribute.length == sizeof e->family)
			memcpy(&e->family, attribute.data, sizeof e->family);
	return e->family != 0 ? 0 : -EBADMSG;
}

int ds_ethtool_open(struct ds_ethtool *e)
{
	int fd = ds_netlink_open(NETLINK_GENERIC, SOCK_NONBLOCK);
	int error;

	*e = (struct ds_ethtool){.fd = fd < 0 ? -1 : fd};
	if (fd < 0)
		return fd;
	error = find_family(e);
	if (error != 0)
		ds_ethtool_close(e);
	return error;
}

void ds_ethtool_close(struct ds_ethtool *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

/* ---- reading ---- */

/* The first 32 of a set of bits in its compact form; what is beyond has no name that we know. */
static uint32_t bits_of(const struct ds_netlink_attribute *set)
{
	const uint8_t *at = set->data;
	size_t left = set->length;
	struct ds_netlink_attribute part;
	uint32_t bits = 0;

	while (ds_netlink_next(&at, &left, &part))
		if (part.type == ETHTOOL_A_BITSET_VALUE && part.length >= sizeof bits)
			memcpy(&bits, part.data, sizeof bits);
	return bits;
}

/* The one bit of a set; 0 where it has none, as 0 (off, none) is. */
static int only_bit(uint32_t bits)
{
	return bits != 0 ? __builtin_ctz(bits) : 0;
}

/* Unsigned, of 32 or 64 bits as the kernel pleases. */
static uint64_t count_of(const struct ds_netlink_attribute *a)
{
	uint64_t wide = 0;

	if (a->length != sizeof wide)
		return ds_netlink_u32(a, 0);
	memcpy(&wide, a->data, sizeof wide);
	return wide;
}

static void read_counts(const struct ds_netlink_attribute *nest, struct ds_ethtool_info *info)
{
	const uint8_t *at = nest->data;
	size_t left = nest->length;
	struct ds_netlink_attribute a;

	while (ds_netlink_next(&at, &left, &a)) {
		info->has_counts |= a.type == TS_STAT_TX_PKTS;
		if (a.type == TS_STAT_TX_PKTS)
			info->tx_stamped = count_of(&a);
		else if (a.type == TS_STAT_TX_LOST)
			info->tx_lost = count_of(&a);
		else if (a.type == TS_STAT_TX_ERR)
			info->tx_errors = count_of(&a);
	}
}

int ds_ethtool_info(struct ds_ethtool *e, int interface, struct ds_ethtool_info *info)
{
	struct ds_netlink_attribute a;
	struct question q;
	struct answer answer;
	int error;

	begin(&q, e->family, ETHTOOL_MSG_TSINFO_GET);
	put_interface(&q, interface, FLAG_STATS);
	error = ask(e, &q, &answer);
	if (error == -EOPNOTSUPP || error == -EINVAL) { /* a kernel that does not know that flag */
		begin(&q, e->family, ETHTOOL_MSG_TSINFO_GET);
		put_interface(&q, interface, 0);
		error = ask(e, &q, &answer);
	}
	if (error != 0)
		return error;
	if (answer.length == 0)
		return -EBADMSG;
	*info = (struct ds_ethtool_info){.phc_index = -1};
	while (ds_netlink_next(&answer.attributes, &answer.length, &a)) {
		if (a.type == ETHTOOL_A_TSINFO_TIMESTAMPING)
			info->so_timestamping = bits_of(&a);
		else if (a.type == ETHTOOL_A_TSINFO_TX_TYPES)
			info->tx_types = bits_of(&a);
		else if (a.type == ETHTOOL_A_TSINFO_RX_FILTERS)
			info->rx_filters = bits_of(&a);
		else if (a.type == ETHTOOL_A_TSINFO_PHC_INDEX)
			info->phc_index = (int)ds_netlink_u32(&a, UINT32_MAX);
		else if (a.type == TSINFO_STATS)
			read_counts(&a, info);
	}
	return 0;
}

int ds_ethtool_get(struct ds_ethtool *e, int interface, struct ds_ethtool_config *config)
{
	struct ds_netlink_attribute a;
	struct question q;
	struct answer answer;
	int error;

	begin(&q, e->family, MSG_TSCONFIG_GET);
	put_interface(&q, interface, 0);
	error = ask(e, &q, &answer);
	if (error != 0)
		return error;
	if (answer.length == 0)
		return -EBADMSG;
	*config = (struct ds_ethtool_config){0};
	while (ds_netlink_next(&answer.attributes, &answer.length, &a)) {
		if (a.type == TSCONFIG_TX_TYPES)
			config->tx_type = only_bit(bits_of(&a));
		else if (a.type == TSCONFIG_RX_FILTERS)
			config->rx_filter = only_bit(bits_of(&a));
		else if (a.type == TSCONFIG_HWTSTAMP_FLAGS)
			config->flags = bits_of(&a);
	}
	return 0;
}

int ds_ethtool_set(struct ds_ethtool *e, int interface, const struct ds_ethtool_config *config)
{
	struct question q;
	struct answer answer;

	if (config->tx_type < 0 || config->tx_type >= TX_TYPE_BITS || config->rx_filter < 0 ||
	    config->rx_filter >= FILTER_BITS)
		return -ERANGE;
	begin(&q, e->family, MSG_TSCONFIG_SET);
	q.header.nlmsg_flags |= NLM_F_ACK;
	put_interface(&q, interface, 0);
	put_bits(&q, TSCONFIG_TX_TYPES, UINT32_C(1) << config->tx_type, TX_TYPE_BITS);
	put_bits(&q, TSCONFIG_RX_FILTERS, UINT32_C(1) << config->rx_filter, FILTER_BITS);
	put_bits(&q, TSCONFIG_HWTSTAMP_FLAGS, config->flags, FLAG_BITS);
	return ask(e, &q, &answer);
}

int ds_ethtool_vclocks(struct ds_ethtool *e, int interface, int *indices, int room)
{
	struct ds_netlink_attribute a;
	struct question q;
	struct answer answer;
	uint32_t count = 0;
	int error;

	begin(&q, e->family, ETHTOOL_MSG_PHC_VCLOCKS_GET);
	put_interface(&q, interface, 0);
	error = ask(e, &q, &answer);
	if (error != 0)
		return error;
	while (ds_netlink_next(&answer.attributes, &answer.length, &a)) {
		if (a.type == ETHTOOL_A_PHC_VCLOCKS_NUM)
			count = ds_netlink_u32(&a, 0);
		for (uint32_t i = 0;
		     a.type == ETHTOOL_A_PHC_VCLOCKS_INDEX && i < a.length / 4 && (int)i < room;
		     i++)
			memcpy(&indices[i], a.data + 4 * (size_t)i, 4);
		if (a.type == ETHTOOL_A_PHC_VCLOCKS_INDEX && a.length / 4 != count)
			return -EBADMSG;
	}
	return count <= INT32_MAX ? (int)count : -EBADMSG;
}
