/* links: see links.h. A question, and an answer in parts, each of at most DUMP_SIZE bytes. */
#include "os/links.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "os/netlink.h"

#define DUMP_SIZE 32768 /* what the kernel puts into one part, at most */
#define DUMP_MAX  4096	/* parts */

/* A function takes each of the attributes in so many bytes. */
typedef void take_attribute(uint16_t type, const uint8_t *data, size_t length,
			    struct ds_link *link);

static void walk(const uint8_t *at, size_t length, take_attribute *take, struct ds_link *link)
{
	struct ds_netlink_attribute a;

	while (ds_netlink_next(&at, &length, &a))
		take(a.type, a.data, a.length, link);
}

static void copy_text(char *to, size_t room, const uint8_t *from, size_t length)
{
	size_t used = strnlen((const char *)from, length < room - 1 ? length : room - 1);

	memcpy(to, from, used);
	to[used] = '\0';
}

static int number(const uint8_t *data, size_t length)
{
	int32_t value = 0;

	if (length == sizeof value)
		memcpy(&value, data, sizeof value);
	return value > 0 ? value : 0;
}

/* The modes in which one member is active at a time or has a part of its own: active-backup,
 * balance-tlb and balance-alb of Documentation/networking/bonding.rst. */
static bool has_active(uint8_t mode)
{
	return mode == 1 || mode == 5 || mode == 6;
}

static void take_bond(uint16_t type, const uint8_t *data, size_t length, struct ds_link *link)
{
	if (type == IFLA_BOND_ACTIVE_SLAVE)
		link->active = number(data, length);
	else if (type == IFLA_BOND_MODE && length == 1)
		link->all_send = !has_active(data[0]);
}

/* The kind comes before its data. */
static void take_info(uint16_t type, const uint8_t *data, size_t length, struct ds_link *link)
{
	if (type == IFLA_INFO_KIND)
		copy_text(link->kind, sizeof link->kind, data, length);
	else if (type == IFLA_INFO_DATA && strcmp(link->kind, "bond") == 0)
		walk(data, length, take_bond, link);
}

static void take_link(uint16_t type, const uint8_t *data, size_t length, struct ds_link *link)
{
	if (type == IFLA_IFNAME)
		copy_text(link->name, sizeof link->name, data, length);
	else if (type == IFLA_LINK)
		link->lower = number(data, length);
	else if (type == IFLA_MASTER)
		link->master = number(data, length);
	else if (type == IFLA_LINKINFO)
		walk(data, length, take_info, link);
}

/* Then the number of IFLA_LINK is another namespace's. */
static void take_netns(uint16_t type, const uint8_t *data, size_t length, struct ds_link *link)
{
	(void)data;
	(void)length;
	if (type == IFLA_LINK_NETNSID)
		link->lower = 0;
}

bool ds_links_read(const uint8_t *message, size_t length, struct ds_link *link)
{
	const size_t begin = NLMSG_LENGTH(sizeof(struct ifinfomsg));
	struct nlmsghdr header;
	struct ifinfomsg info;

	if (length < begin)
		return false;
	memcpy(&header, message, sizeof header);
	memcpy(&info, message + NLMSG_HDRLEN, sizeof info);
	if (header.nlmsg_type != RTM_NEWLINK || header.nlmsg_len < begin ||
	    header.nlmsg_len > length || info.ifi_index <= 0)
		return false;
	*link = (struct ds_link){
		.index = info.ifi_index,
		.is_up = (info.ifi_flags & IFF_UP) != 0,
		.is_loopback = (info.ifi_flags & IFF_LOOPBACK) != 0,
	};
	walk(message + begin, header.nlmsg_len - begin, take_link, link);
	/* either of the two may come first */
	walk(message + begin, header.nlmsg_len - begin, take_netns, link);
	if (link->lower == link->index)
		link->lower = 0;
	return link->name[0] != '\0';
}

/* One part of the answer. 1: there is more; 0: that was all; or a negative errno. */
static int take_part(const uint8_t *part, size_t length, struct ds_link *links, int room,
		     int *count)
{
	while (length >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr header;
		struct ds_link spare;
		size_t step;

		memcpy(&header, part, sizeof header);
		if (header.nlmsg_len < sizeof header || header.nlmsg_len > length)
			return -EBADMSG;
		if (header.nlmsg_type == NLMSG_DONE)
			return 0;
		if (header.nlmsg_type == NLMSG_ERROR)
			return -EIO;
		if (ds_links_read(part, header.nlmsg_len, &spare) && *count < room)
			links[(*count)++] = spare;
		step = NLMSG_ALIGN(header.nlmsg_len);
		if (step >= length)
			return 1;
		part += step;
		length -= step;
	}
	return 1;
}

/* Few, and nearly in order. */
static void sort(struct ds_link *links, int count)
{
	for (int i = 1; i < count; i++) {
		const struct ds_link moved = links[i];
		int at = i;

		for (; at > 0 && links[at - 1].index > moved.index; at--)
			links[at] = links[at - 1];
		links[at] = moved;
	}
}

int ds_links_list(struct ds_link *links, int room)
{
	static uint8_t part[DUMP_SIZE]; /* not for threads */
	const struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} question = {
		.header = {.nlmsg_len = sizeof question,
			   .nlmsg_type = RTM_GETLINK,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.info = {.ifi_family = AF_UNSPEC},
	};
	int count = 0, more = 1;
	int fd = ds_netlink_open(NETLINK_ROUTE, 0);

	if (fd < 0)
		return fd;
	if (send(fd, &question, sizeof question, 0) != (ssize_t)sizeof question)
		more = -errno;
	for (int i = 0; i < DUMP_MAX && more == 1; i++) {
		ssize_t n = recv(fd, part, sizeof part, MSG_TRUNC);

		if (n < 0)
			more = errno == EINTR ? 1 : -errno;
		else if (n > (ssize_t)sizeof part)
			more = -EMSGSIZE;
		else
			more = take_part(part, (size_t)n, links, room, &count);
	}
	close(fd);
	if (more < 0)
		return more;
	sort(links, count);
	return count;
}
