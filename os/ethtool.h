/*
 * ethtool: what a card can stamp and is set to stamp, asked of the kernel by generic netlink.
 * It must never wait for an answer that does not come at once, nor believe one that is cut off.
 *
 * Source: the kernel's Documentation/networking/ethtool-netlink.rst: TSINFO_GET (Linux 5.7),
 * PHC_VCLOCKS_GET (5.14), TSCONFIG_GET and TSCONFIG_SET (6.14, and only with drivers that were
 * moved to it). The kernel answers while it is asked. Whoever uses this has the ioctls for what is
 * refused here with -EOPNOTSUPP.
 */
#ifndef DS_OS_ETHTOOL_H
#define DS_OS_ETHTOOL_H

#include <stdbool.h>
#include <stdint.h>

struct ds_ethtool {
	int fd; /* -1: closed */
	uint16_t family;
	uint32_t sequence;
};

/* Returns 0 or a negative errno (then closed): -ENOENT where the kernel has no such family. */
int ds_ethtool_open(struct ds_ethtool *e);
void ds_ethtool_close(struct ds_ethtool *e);

/* Bits are of SOF_TIMESTAMPING_*, and 1 << HWTSTAMP_TX_* and HWTSTAMP_FILTER_*. */
struct ds_ethtool_info {
	uint32_t so_timestamping, tx_types, rx_filters;
	int phc_index; /* -1: none */
	/* What the driver counts since it was loaded (Linux 6.10; few do). */
	bool has_counts;
	uint64_t tx_stamped, tx_lost, tx_errors;
};

struct ds_ethtool_config {
	int tx_type, rx_filter;
	uint32_t flags; /* 1 << of enum hwtstamp_flags' bit, as in struct hwtstamp_config */
};

/* All take the index of an interface and return 0 or a negative errno, -EBADMSG for an answer of no
 * sense; *info and *config are written only with 0. Not to be asked of a VLAN: some kernels (Linux
 * 6.18 before its release) end in an oops where TSCONFIG_GET is. */
int ds_ethtool_info(struct ds_ethtool *e, int interface, struct ds_ethtool_info *info);
int ds_ethtool_get(struct ds_ethtool *e, int interface, struct ds_ethtool_config *config);
/* What came of it only ds_ethtool_get() tells: drivers may widen a filter. */
int ds_ethtool_set(struct ds_ethtool *e, int interface, const struct ds_ethtool_config *config);

/* The indices of the virtual clocks on the card's clock: at most `room` are written. Returns how
 * many there are, or a negative errno. */
int ds_ethtool_vclocks(struct ds_ethtool *e, int interface, int *indices, int room);

#endif
