/*
 * bridge: a bridge in one host of a rig, and the other hosts on it, each by a veth pair whose end
 * in the host is called eth0. It must never be needed: it is for namespaces, not for loopback.
 *
 * In the holder, host N's port is portN, and the far end of N's cable too. With a relay in the
 * way, the far end is wireN, and the pair plugN - portN leads from the relay to the bridge.
 * No IPv6 on these links: what it says by itself would be in the way of what is measured. The
 * hosts know each other's hardware addresses from the start, so that no packet waits for ARP.
 */
#ifndef DS_LAB_BRIDGE_H
#define DS_LAB_BRIDGE_H

#include <stdbool.h>

#include "lab/rig.h"

/* Make br0 in `holder`, and plug in the hosts 0..hosts-1; relayed: 1 << N where a relay will be.
 * Host N gets the addresses 10.119.S.N+1/24 for S below `subnets`. 0 or a negative errno with a
 * sentence. */
int ds_bridge_make(struct ds_rig *rig, int holder, int hosts, unsigned relayed, int subnets,
		   char why[DS_RIG_WHY]);

/* Besides, a cable of its own between each two hosts that no relay is in the way of: toN, in the
 * other host, leads to host N. What is sent from one address to another of the subnets in this mask
 * takes it; broadcasts do not. A bridge costs a packet some us, and not the same there and back. */
int ds_bridge_mesh(struct ds_rig *rig, int hosts, unsigned relayed, unsigned subnets,
		   char why[DS_RIG_WHY]);

#endif
