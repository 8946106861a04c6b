/*
 * links: the interfaces of this network namespace, and which stands on which.
 * It must never guess: what the kernel does not tell is 0 or "".
 *
 * Source: rtnetlink(7), RTM_GETLINK; linux/if_link.h.
 */
#ifndef DS_OS_LINKS_H
#define DS_OS_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds_link {
	int index;
	char name[IF_NAMESIZE];
	char kind[16]; /* of IFLA_INFO_KIND: "vlan", "bond", "bridge", "veth"; "" for a card's */
	int lower;     /* the interface that it stands on, here; 0: none, or in another namespace */
	int master;    /* the bond or bridge that it is a member of; 0: none */
	int active;    /* of a bond: the member that sends; 0: none, or all do */
	bool all_send; /* of a bond: its mode spreads what it sends over its members */
	bool is_up, is_loopback;
};

/* All of them, in the order of their indices. Returns how many were written (at most room; what
 * does not fit is left out), or a negative errno. Allocates nothing; a few system calls. */
int ds_links_list(struct ds_link *links, int room);

/* One message of the kernel's answer, RTM_NEWLINK with its attributes: false where it is none, is
 * cut off or lies about its lengths. For ds_links_list() and its tests. */
bool ds_links_read(const uint8_t *message, size_t length, struct ds_link *link);

#endif
