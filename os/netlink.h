/*
 * netlink: a socket to the kernel, and the attributes of its messages one after the other.
 * It must never hear another process, or read beyond what came.
 *
 * Source: netlink(7), rtnetlink(7).
 */
#ifndef DS_OS_NETLINK_H
#define DS_OS_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A socket connected to the kernel (NETLINK_ROUTE, NETLINK_GENERIC ...); flags are of socket(2)
 * besides SOCK_CLOEXEC. Its descriptor, or a negative errno. */
int ds_netlink_open(int protocol, int flags);

/* Attributes begin at multiples of four bytes. */
static inline size_t ds_netlink_align(size_t length)
{
	return (length + 3) / 4 * 4;
}

struct ds_netlink_attribute {
	uint16_t type; /* without the flags of nesting and byte order */
	const uint8_t *data;
	size_t length; /* of data */
};

/* The next of the attributes in *left bytes at *at, which are moved behind it. False: there is none
 * more, or what is left is cut off. */
bool ds_netlink_next(const uint8_t **at, size_t *left, struct ds_netlink_attribute *attribute);

/* The value of an attribute of 32 bits; `other` where it has another length. */
uint32_t ds_netlink_u32(const struct ds_netlink_attribute *attribute, uint32_t other);

#endif
