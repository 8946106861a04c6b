/* netlink: see netlink.h. */
#include "os/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

int ds_netlink_open(int protocol, int flags)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, protocol);
	int error;

	if (fd < 0)
		return -errno;
	/* Connected to the kernel: no other process is heard. */
	if (connect(fd, (const struct sockaddr *)&kernel, sizeof kernel) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

bool ds_netlink_next(const uint8_t **at, size_t *left, struct ds_netlink_attribute *attribute)
{
	struct nlattr header;
	size_t step;

	if (*left < sizeof header)
		return false;
	memcpy(&header, *at, sizeof header);
	if (header.nla_len < sizeof header || header.nla_len > *left)
		return false;
	attribute->type = (uint16_t)(header.nla_type & (uint16_t)NLA_TYPE_MASK);
	attribute->data = *at + sizeof header;
	attribute->length = header.nla_len - sizeof header;
	step = ds_netlink_align(header.nla_len);
	if (step > *left) /* the last one need not be padded */
		step = *left;
	*at += step;
	*left -= step;
	return true;
}

uint32_t ds_netlink_u32(const struct ds_netlink_attribute *attribute, uint32_t other)
{
	uint32_t value;

	if (attribute->length != sizeof value)
		return other;
	memcpy(&value, attribute->data, sizeof value);
	return value;
}
