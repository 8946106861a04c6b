/* card: see card.h. Abilities and settings by netlink where the kernel has it, else by ioctl. */
#include "os/card.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>

#include "os/ethtool.h"
#include "os/links.h"

#define LINKS_MAX    4096 /* a host of many containers; what is beyond is not found */
#define CLOCKS_MAX   256  /* /dev/ptpN that are looked for */
#define BIT(n)	     (UINT32_C(1) << (n))
#define ETHERNET_FCS 4
#define MASK_WORDS   381 /* three masks of link modes, at most 127 words each */

/* Filters that stamp event messages of PTP over UDP, best first. */
static const int ptp_filters[] = {
	HWTSTAMP_FILTER_PTP_V2_L4_EVENT,
	HWTSTAMP_FILTER_PTP_V2_EVENT,
	HWTSTAMP_FILTER_PTP_V1_L4_EVENT,
};

/* ---- asking the driver ---- */

/* Two ways to ask, open for one call of this room. */
struct ways {
	int fd; /* for ioctls */
	struct ds_ethtool ethtool;
};

static void open_ways(struct ways *w)
{
	w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ds_ethtool_open(&w->ethtool);
}

static void close_ways(struct ways *w)
{
	if (w->fd >= 0)
		close(w->fd);
	ds_ethtool_close(&w->ethtool);
}

/* These ioctls go by name, and names change hands: it is looked up by the number, which does not.
 */
static int ask(const struct ways *w, const struct ds_card *card, unsigned long request, void *data)
{
	struct ifreq r;

	memset(&r, 0, sizeof r);
	r.ifr_ifindex = card->stamper_index;
	if (ioctl(w->fd, SIOCGIFNAME, &r) < 0)
		return -errno;
	r.ifr_data = data;
	return ioctl(w->fd, request, &r) < 0 ? -errno : 0;
}

static void ask_driver(const struct ways *w, struct ds_card *card)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	if (ask(w, card, SIOCETHTOOL, &info) != 0)
		return;
	snprintf(card->driver, sizeof card->driver, "%.*s", (int)sizeof card->driver - 1,
		 info.driver);
}

static void ask_speed(const struct ways *w, struct ds_card *card)
{
	union {
		struct ethtool_link_settings head; /* its masks are behind it */
		uint32_t room[sizeof(struct ethtool_link_settings) / 4 + MASK_WORDS];
	} settings;

	memset(&settings, 0, sizeof settings);
	settings.head.cmd = ETHTOOL_GLINKSETTINGS;
	/* The first answer says how many words its masks have, as a negative number. */
	if (ask(w, card, SIOCETHTOOL, &settings) != 0 || settings.head.link_mode_masks_nwords >= 0)
		return;
	settings.head.link_mode_masks_nwords = (int8_t)-settings.head.link_mode_masks_nwords;
	settings.head.cmd = ETHTOOL_GLINKSETTINGS;
	if (ask(w, card, SIOCETHTOOL, &settings) != 0)
		return;
	if (settings.head.speed != 0 && settings.head.speed != (uint32_t)SPEED_UNKNOWN)
		card->speed_mbps = settings.head.speed;
}

static void take_filters(struct ds_card *card, uint32_t filters)
{
	card->filters[DS_CARD_FILTER_NONE] = true;
	card->filters[DS_CARD_FILTER_ALL] = (filters & BIT(HWTSTAMP_FILTER_ALL)) != 0;
	card->filters[DS_CARD_FILTER_NTP] = (filters & BIT(HWTSTAMP_FILTER_NTP_ALL)) != 0;
	for (size_t i = 0; i < sizeof ptp_filters / sizeof ptp_filters[0]; i++)
		card->filters[DS_CARD_FILTER_PTP] |= (filters & BIT(ptp_filters[i])) != 0;
}

/* By netlink or by ioctl: the same. */
static int ask_info(struct ways *w, const struct ds_card *card, struct ds_ethtool_info *info)
{
	struct ethtool_ts_info old = {.cmd = ETHTOOL_GET_TS_INFO, .phc_index = -1};
	int error = ds_ethtool_info(&w->ethtool, card->stamper_index, info);

	if (error == 0)
		return 0;
	error = ask(w, card, SIOCETHTOOL, &old);
	*info = (struct ds_ethtool_info){.so_timestamping = old.so_timestamping,
					 .tx_types = old.tx_types,
					 .rx_filters = old.rx_filters,
					 .phc_index = old.phc_index};
	return error;
}

static void ask_abilities(struct ways *w, struct ds_card *card)
{
	struct ds_ethtool_info info;

	card->phc_index = -1;
	if (ask_info(w, card, &info) != 0) {
		snprintf(card->note, sizeof card->note, "%s does not tell what it can stamp",
			 card->stamper);
		return;
	}
	card->tx_software = (info.so_timestamping & SOF_TIMESTAMPING_TX_SOFTWARE) != 0;
	card->rx_software = (info.so_timestamping & SOF_TIMESTAMPING_RX_SOFTWARE) != 0;
	card->phc_index = info.phc_index >= 0 ? info.phc_index : -1;
	card->has_counts = info.has_counts;
	card->tx_stamped = info.tx_stamped;
	card->tx_lost = info.tx_lost;
	take_filters(card, info.rx_filters);
	if (!(info.so_timestamping & SOF_TIMESTAMPING_RAW_HARDWARE))
		return;
	card->tx_hardware = (info.so_timestamping & SOF_TIMESTAMPING_TX_HARDWARE) &&
			    (info.tx_types & BIT(HWTSTAMP_TX_ON));
	card->rx_hardware =
		(info.so_timestamping & SOF_TIMESTAMPING_RX_HARDWARE) &&
		(card->filters[DS_CARD_FILTER_ALL] || card->filters[DS_CARD_FILTER_NTP] ||
		 card->filters[DS_CARD_FILTER_PTP]);
}

/* A small file of sysfs as a number; 0 where it cannot be read. */
static int read_number(const char *path)
{
	char text[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof text - 1) < 0)
		text[0] = '\0';
	close(fd);
	return (int)strtol(text, NULL, 10);
}

/* Kernels whose PTP is a module tell ethtool of no virtual clocks; sysfs knows them. */
static int find_vclocks(int phc_index, int indices[DS_CARD_VCLOCKS])
{
	char path[64];
	int count, found = 0;

	snprintf(path, sizeof path, "/sys/class/ptp/ptp%d/n_vclocks", phc_index);
	count = read_number(path);
	for (int i = 0; i < CLOCKS_MAX && found < count && found < DS_CARD_VCLOCKS; i++) {
		snprintf(path, sizeof path, "/sys/class/ptp/ptp%d/ptp%d", phc_index, i);
		if (access(path, F_OK) == 0)
			indices[found++] = i;
	}
	return count > 0 ? count : 0;
}

static void ask_vclocks(struct ways *w, struct ds_card *card)
{
	for (int i = 0; i < DS_CARD_VCLOCKS; i++)
		card->vclock_index[i] = -1;
	card->vclocks = ds_ethtool_vclocks(&w->ethtool, card->stamper_index, card->vclock_index,
					   DS_CARD_VCLOCKS);
	if (card->vclocks <= 0)
		card->vclocks = find_vclocks(card->phc_index, card->vclock_index);
}

/* ---- which interface stamps ---- */

static enum ds_card_kind kind_of(const struct ds_link *link)
{
	if (link->is_loopback)
		return DS_CARD_LOOPBACK;
	/* these two hand packets on with their stamps as well */
	if (strcmp(link->kind, "vlan") == 0 || strcmp(link->kind, "macvlan") == 0 ||
	    strcmp(link->kind, "ipvlan") == 0)
		return DS_CARD_VLAN;
	if (strcmp(link->kind, "bond") == 0)
		return DS_CARD_BOND;
	return strcmp(link->kind, "bridge") == 0 ? DS_CARD_BRIDGE : DS_CARD_PLAIN;
}

/* All interfaces there are. */
struct all {
	const struct ds_link *links;
	int count;
};

static const struct ds_link *find(const struct all *all, int index)
{
	for (int i = 0; i < all->count; i++)
		if (all->links[i].index == index)
			return &all->links[i];
	return NULL;
}

/* Down from VLANs and bonds, to a card or a bridge. NULL with a word in `note`. */
static const struct ds_link *go_down(const struct all *all, const struct ds_link *at,
				     char note[128])
{
	for (int depth = 0; depth <= DS_CARD_DEPTH; depth++) {
		enum ds_card_kind kind = kind_of(at);
		const struct ds_link *next;

		if (kind != DS_CARD_VLAN && kind != DS_CARD_BOND)
			return at;
		next = find(all, kind == DS_CARD_VLAN ? at->lower : at->active);
		if (next == NULL) {
			snprintf(note, 128, "%s %s", at->name,
				 kind == DS_CARD_VLAN ? "stands on no interface of here"
				 : at->all_send	      ? "sends by all of its members: name these"
						      : "has no active member");
			return NULL;
		}
		at = next;
	}
	snprintf(note, 128, "%s stands on too many others", at->name);
	return NULL;
}

static bool can_stamp(struct ways *w, const struct ds_link *link)
{
	struct ds_card port;

	memset(&port, 0, sizeof port);
	port.stamper_index = link->index;
	memcpy(port.stamper, link->name, sizeof port.stamper);
	ask_abilities(w, &port);
	return port.tx_hardware || port.rx_hardware;
}

/* The one card that stamps below the ports of a bridge; NULL where there is none, or another. A
 * bridge as a port of one has no ports that the first cannot see: it is not looked into. */
static const struct ds_link *one_port(struct ways *w, const struct all *all,
				      const struct ds_link *bridge, char note[128])
{
	const struct ds_link *found = NULL;
	char unused[128];

	for (int i = 0; i < all->count; i++) {
		const struct ds_link *card;

		if (all->links[i].master != bridge->index)
			continue;
		card = go_down(all, &all->links[i], unused);
		if (card == NULL || card == found || kind_of(card) == DS_CARD_BRIDGE ||
		    !can_stamp(w, card))
			continue;
		if (found != NULL) {
			snprintf(note, 128, "%s has more than one port that stamps", bridge->name);
			return NULL;
		}
		found = card;
	}
	if (found == NULL)
		snprintf(note, 128, "%s has no port that stamps", bridge->name);
	return found;
}

static const struct ds_link *find_stamper(struct ways *w, const struct all *all,
					  const struct ds_link *top, char note[128])
{
	const struct ds_link *at = go_down(all, top, note);

	if (at != NULL && kind_of(at) == DS_CARD_BRIDGE)
		at = one_port(w, all, at, note);
	return at != NULL ? at : top;
}

static void fill(struct ways *w, struct ds_card *card, const struct all *all,
		 const struct ds_link *link)
{
	const struct ds_link *stamper;

	memset(card, 0, sizeof *card);
	card->index = link->index;
	card->kind = kind_of(link);
	card->is_up = link->is_up;
	memcpy(card->interface, link->name, sizeof card->interface);
	stamper = find_stamper(w, all, link, card->note);
	card->stamper_index = stamper->index;
	memcpy(card->stamper, stamper->name, sizeof card->stamper);
	ask_driver(w, card);
	ask_speed(w, card);
	ask_abilities(w, card);
	if (card->phc_index >= 0)
		ask_vclocks(w, card);
}

static struct ds_link
	known[LINKS_MAX]; /* 240 KiB, of which few are ever touched; not for threads */

int ds_card_look(const char *interface, struct ds_card *card, char why[DS_WHY])
{
	const struct all all = {known, ds_links_list(known, LINKS_MAX)};
	int error = all.count < 0 ? all.count : -ENODEV;
	struct ways w;

	for (int i = 0; i < all.count; i++) {
		if (strcmp(known[i].name, interface) != 0)
			continue;
		open_ways(&w);
		fill(&w, card, &all, &known[i]);
		close_ways(&w);
		return 0;
	}
	snprintf(why, DS_WHY, "%s: %s", interface,
		 error == -ENODEV ? "no such interface" : strerror(-error));
	return error;
}

int ds_card_list(struct ds_card *cards, int room)
{
	const struct all all = {known, ds_links_list(known, LINKS_MAX)};
	struct ways w;

	open_ways(&w);
	for (int i = 0; i < all.count && i < room; i++)
		fill(&w, &cards[i], &all, &known[i]);
	close_ways(&w);
	return all.count < room ? all.count : room;
}

/* ---- settings ---- */

/* One that stands on another namespace's card: some kernels (see os/ethtool.h) end in an oops where
 * their settings are asked for by netlink. */
static bool by_ioctl_alone(const struct ds_card *card)
{
	return card->kind == DS_CARD_VLAN && card->stamper_index == card->index;
}

static int ask_setting(struct ways *w, const struct ds_card *card, struct ds_card_setting *setting)
{
	struct ds_ethtool_config new;
	struct hwtstamp_config old;
	int error = by_ioctl_alone(card) ? -EOPNOTSUPP
					 : ds_ethtool_get(&w->ethtool, card->stamper_index, &new);

	if (error == 0) {
		*setting = (struct ds_card_setting){new.tx_type, new.rx_filter, (int)new.flags};
		return 0;
	}
	memset(&old, 0, sizeof old);
	error = ask(w, card, SIOCGHWTSTAMP, &old);
	*setting = (struct ds_card_setting){old.tx_type, old.rx_filter, old.flags};
	return error;
}

int ds_card_setting(const struct ds_card *card, struct ds_card_setting *setting)
{
	struct ways w;
	int error;

	open_ways(&w);
	error = ask_setting(&w, card, setting);
	close_ways(&w);
	return error;
}

/* A driver's last word, which the older way would hear as well. */
static bool is_refusal(int error)
{
	return error == -EPERM || error == -ERANGE || error == -EBUSY;
}

/* *got, where it is not NULL: what the driver made of it. */
static int set(struct ways *w, const struct ds_card *card, const struct ds_card_setting *setting,
	       struct ds_card_setting *got)
{
	const struct ds_ethtool_config new = {setting->tx_type, setting->rx_filter,
					      (uint32_t)setting->flags};
	struct hwtstamp_config old = {
		.flags = setting->flags,
		.tx_type = setting->tx_type,
		.rx_filter = setting->rx_filter,
	};
	int error = by_ioctl_alone(card) ? -EOPNOTSUPP
					 : ds_ethtool_set(&w->ethtool, card->stamper_index, &new);

	if (is_refusal(error))
		return error;
	if (error == 0)
		return got != NULL ? ask_setting(w, card, got) : 0;
	error = ask(w, card, SIOCSHWTSTAMP, &old);
	if (error == 0 && got != NULL)
		*got = (struct ds_card_setting){old.tx_type, old.rx_filter, old.flags};
	return error;
}

static enum ds_card_filter filter_of(int rx_filter)
{
	if (rx_filter == HWTSTAMP_FILTER_ALL)
		return DS_CARD_FILTER_ALL;
	if (rx_filter == HWTSTAMP_FILTER_NTP_ALL)
		return DS_CARD_FILTER_NTP;
	for (size_t i = 0; i < sizeof ptp_filters / sizeof ptp_filters[0]; i++)
		if (rx_filter == ptp_filters[i])
			return DS_CARD_FILTER_PTP;
	return DS_CARD_FILTER_NONE;
}

/* The kernel's name of a filter, of those that are PTP's the i-th; -1 behind the last. */
static int filter_named(enum ds_card_filter filter, size_t i)
{
	if (filter == DS_CARD_FILTER_PTP)
		return i < sizeof ptp_filters / sizeof ptp_filters[0] ? ptp_filters[i] : -1;
	if (i > 0)
		return -1;
	if (filter == DS_CARD_FILTER_NTP)
		return HWTSTAMP_FILTER_NTP_ALL;
	return filter == DS_CARD_FILTER_ALL ? HWTSTAMP_FILTER_ALL : HWTSTAMP_FILTER_NONE;
}

/* Others may have more of it: stamps of all packets, one-step Syncs of PTP. That is left alone. */
static bool does_already(struct ways *w, const struct ds_card *card, enum ds_card_filter filter,
			 enum ds_card_filter *got)
{
	struct ds_card_setting now;

	if (ask_setting(w, card, &now) != 0 ||
	    (card->tx_hardware && now.tx_type == HWTSTAMP_TX_OFF))
		return false;
	*got = filter_of(now.rx_filter);
	return filter == DS_CARD_FILTER_NONE || *got == filter || *got == DS_CARD_FILTER_ALL;
}

static const char *word_of(int error)
{
	switch (error) {
	case -ERANGE:
		return "it cannot";
	case -EBUSY:
		return "another program uses it";
	case -EPERM:
		return "needs CAP_NET_ADMIN";
	default:
		return strerror(-error);
	}
}

static int refused(const struct ds_card *card, enum ds_card_filter filter, int error,
		   char why[DS_WHY])
{
	snprintf(why, DS_WHY, "%s (%s) refuses to stamp (transmit %s, receive filter %s): %s",
		 card->stamper, card->driver[0] != '\0' ? card->driver : "driver unknown",
		 card->tx_hardware ? "on" : "off", ds_card_filter_word(filter), word_of(error));
	return error;
}

static int configure(struct ways *w, const struct ds_card *card, enum ds_card_filter filter,
		     enum ds_card_filter *got)
{
	const int tx_type = card->tx_hardware ? HWTSTAMP_TX_ON : HWTSTAMP_TX_OFF;
	int error = -ERANGE;

	if (does_already(w, card, filter, got))
		return 0;
	for (size_t i = 0; error == -ERANGE && filter_named(filter, i) >= 0; i++) {
		const struct ds_card_setting wanted = {tx_type, filter_named(filter, i), 0};
		struct ds_card_setting granted;

		error = set(w, card, &wanted, &granted);
		if (error == 0)
			*got = filter_of(granted.rx_filter);
	}
	return error;
}

int ds_card_configure(const struct ds_card *card, enum ds_card_filter filter,
		      enum ds_card_filter *got, char why[DS_WHY])
{
	struct ways w;
	int error;

	open_ways(&w);
	error = configure(&w, card, filter, got);
	close_ways(&w);
	return error == 0 ? 0 : refused(card, filter, error, why);
}

int ds_card_restore(const struct ds_card *card, const struct ds_card_setting *setting)
{
	struct ways w;
	int error;

	open_ways(&w);
	error = set(&w, card, setting, NULL);
	close_ways(&w);
	return error;
}

enum ds_card_filter ds_card_best_filter(const struct ds_card *card, bool ptp)
{
	if (card->filters[DS_CARD_FILTER_NTP])
		return DS_CARD_FILTER_NTP;
	if (card->filters[DS_CARD_FILTER_ALL])
		return DS_CARD_FILTER_ALL;
	return ptp && card->filters[DS_CARD_FILTER_PTP] ? DS_CARD_FILTER_PTP : DS_CARD_FILTER_NONE;
}

int64_t ds_card_trailer_ns(uint32_t frame_length, uint32_t speed_mbps)
{
	if (frame_length == 0 || speed_mbps == 0)
		return 0;
	/* bits over a million of them a second: microseconds */
	return ((int64_t)frame_length + ETHERNET_FCS) * 8 * 1000 / speed_mbps;
}

const char *ds_card_filter_word(enum ds_card_filter filter)
{
	switch (filter) {
	case DS_CARD_FILTER_NTP:
		return "ntp";
	case DS_CARD_FILTER_ALL:
		return "all";
	case DS_CARD_FILTER_PTP:
		return "ptp";
	default:
		return "none";
	}
}
