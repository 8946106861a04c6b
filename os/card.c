/* card: see card.h. Abilities and settings by ioctl, of which every kernel has the same. */
#include "os/card.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>

#include "os/links.h"

#define LINKS_MAX    512
#define BIT(n)	     (UINT32_C(1) << (n))
#define ETHERNET_FCS 4

/* Linux 5.19: without it a bond says which member's settings it may touch. */
#ifndef HWTSTAMP_FLAG_BONDED_PHC_INDEX
#define HWTSTAMP_FLAG_BONDED_PHC_INDEX 1
#endif

/* Filters that stamp event messages of PTP over UDP, best first. */
static const int ptp_filters[] = {
	HWTSTAMP_FILTER_PTP_V2_L4_EVENT,
	HWTSTAMP_FILTER_PTP_V2_EVENT,
	HWTSTAMP_FILTER_PTP_V1_L4_EVENT,
};

/* ---- asking the driver ---- */

static int ask(const char *interface, unsigned long request, void *data)
{
	struct ifreq r;
	int fd, error;

	memset(&r, 0, sizeof r);
	if (strlen(interface) >= sizeof r.ifr_name)
		return -ENODEV;
	memcpy(r.ifr_name, interface, strlen(interface) + 1);
	r.ifr_data = data;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	error = ioctl(fd, request, &r) < 0 ? -errno : 0;
	close(fd);
	return error;
}

static void ask_driver(struct ds_card *card)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	if (ask(card->stamper, SIOCETHTOOL, &info) != 0)
		return;
	snprintf(card->driver, sizeof card->driver, "%.*s", (int)sizeof card->driver - 1,
		 info.driver);
}

static void ask_speed(struct ds_card *card)
{
	union {
		struct ethtool_link_settings head; /* its masks are behind it */
		uint32_t room[sizeof(struct ethtool_link_settings) / 4 + 3 * 127];
	} settings;

	memset(&settings, 0, sizeof settings);
	settings.head.cmd = ETHTOOL_GLINKSETTINGS;
	/* The first answer says how many words its masks have, as a negative number. */
	if (ask(card->stamper, SIOCETHTOOL, &settings) != 0 ||
	    settings.head.link_mode_masks_nwords >= 0)
		return;
	settings.head.link_mode_masks_nwords = (int8_t)-settings.head.link_mode_masks_nwords;
	settings.head.cmd = ETHTOOL_GLINKSETTINGS;
	if (ask(card->stamper, SIOCETHTOOL, &settings) != 0)
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

static void ask_abilities(struct ds_card *card)
{
	struct ethtool_ts_info info = {.cmd = ETHTOOL_GET_TS_INFO, .phc_index = -1};

	card->phc_index = -1;
	if (ask(card->stamper, SIOCETHTOOL, &info) != 0) {
		snprintf(card->note, sizeof card->note, "%s does not tell what it can stamp",
			 card->stamper);
		return;
	}
	card->tx_software = (info.so_timestamping & SOF_TIMESTAMPING_TX_SOFTWARE) != 0;
	card->rx_software = (info.so_timestamping & SOF_TIMESTAMPING_RX_SOFTWARE) != 0;
	card->phc_index = info.phc_index;
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

static int count_vclocks(int phc_index)
{
	char path[64], text[16] = "";
	size_t length;
	FILE *file;

	snprintf(path, sizeof path, "/sys/class/ptp/ptp%d/n_vclocks", phc_index);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	length = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[length] = '\0';
	return (int)strtol(text, NULL, 10);
}

/* ---- which interface stamps ---- */

static const struct ds_link *find(const struct ds_link *links, int count, int index)
{
	for (int i = 0; i < count; i++)
		if (links[i].index == index)
			return &links[i];
	return NULL;
}

static bool can_stamp(const struct ds_link *link)
{
	struct ds_card port;

	memset(&port, 0, sizeof port);
	memcpy(port.stamper, link->name, sizeof port.stamper);
	ask_abilities(&port);
	return port.tx_hardware || port.rx_hardware;
}

/* The one port that stamps, or the only one there is; NULL where more than one may. */
static const struct ds_link *one_port(const struct ds_link *links, int count, int bridge)
{
	const struct ds_link *port = NULL;
	int ports = 0;

	for (int i = 0; i < count; i++) {
		if (links[i].master != bridge || !can_stamp(&links[i]))
			continue;
		port = &links[i];
		ports++;
	}
	return ports == 1 ? port : NULL;
}

static enum ds_card_kind kind_of(const struct ds_link *link)
{
	if (link->is_loopback)
		return DS_CARD_LOOPBACK;
	if (strcmp(link->kind, "vlan") == 0)
		return DS_CARD_VLAN;
	if (strcmp(link->kind, "bond") == 0)
		return DS_CARD_BOND;
	return strcmp(link->kind, "bridge") == 0 ? DS_CARD_BRIDGE : DS_CARD_PLAIN;
}

static const struct ds_link *below(const struct ds_link *links, int count,
				   const struct ds_link *link)
{
	switch (kind_of(link)) {
	case DS_CARD_VLAN:
		return find(links, count, link->lower);
	case DS_CARD_BOND:
		return find(links, count, link->active);
	case DS_CARD_BRIDGE:
		return one_port(links, count, link->index);
	default:
		return NULL;
	}
}

static const struct ds_link *find_stamper(const struct ds_link *links, int count,
					  const struct ds_link *top, char note[128])
{
	const struct ds_link *at = top;

	for (int depth = 0; depth <= DS_CARD_DEPTH; depth++) {
		const enum ds_card_kind kind = kind_of(at);
		const struct ds_link *next = below(links, count, at);

		if (kind == DS_CARD_PLAIN || kind == DS_CARD_LOOPBACK)
			return at;
		if (next == NULL) {
			const char *why = kind == DS_CARD_VLAN ? "stands on no interface of here"
					  : kind == DS_CARD_BOND
						  ? "has no active member"
						  : "has no port that stamps, or more than one";

			snprintf(note, 128, "%s %s", at->name, why);
			return top;
		}
		at = next;
	}
	snprintf(note, 128, "%s stands on too many others", top->name);
	return top;
}

static void fill(struct ds_card *card, const struct ds_link *links, int count,
		 const struct ds_link *link)
{
	const struct ds_link *stamper;

	memset(card, 0, sizeof *card);
	card->index = link->index;
	card->kind = kind_of(link);
	card->is_up = link->is_up;
	memcpy(card->interface, link->name, sizeof card->interface);
	stamper = find_stamper(links, count, link, card->note);
	card->stamper_index = stamper->index;
	memcpy(card->stamper, stamper->name, sizeof card->stamper);
	ask_driver(card);
	ask_speed(card);
	ask_abilities(card);
	if (card->phc_index >= 0)
		card->vclocks = count_vclocks(card->phc_index);
}

static struct ds_link known[LINKS_MAX]; /* 20 KiB; not for threads */

int ds_card_look(const char *interface, struct ds_card *card, char why[DS_WHY])
{
	int count = ds_links_list(known, LINKS_MAX);

	for (int i = 0; i < count; i++) {
		if (strcmp(known[i].name, interface) != 0)
			continue;
		fill(card, known, count, &known[i]);
		return 0;
	}
	if (count >= 0)
		count = -ENODEV;
	snprintf(why, DS_WHY, "%s: %s", interface,
		 count == -ENODEV ? "no such interface" : strerror(-count));
	return count;
}

int ds_card_list(struct ds_card *cards, int room)
{
	int count = ds_links_list(known, LINKS_MAX);

	for (int i = 0; i < count && i < room; i++)
		fill(&cards[i], known, count, &known[i]);
	return count < room ? count : room;
}

/* ---- settings ---- */

int ds_card_setting(const struct ds_card *card, struct ds_card_setting *setting)
{
	struct hwtstamp_config config;
	int error;

	memset(&config, 0, sizeof config);
	error = ask(card->stamper, SIOCGHWTSTAMP, &config);
	*setting = (struct ds_card_setting){config.tx_type, config.rx_filter, config.flags};
	return error;
}

static int set(const struct ds_card *card, const struct ds_card_setting *setting,
	       struct ds_card_setting *got)
{
	struct hwtstamp_config config = {
		.flags = setting->flags,
		.tx_type = setting->tx_type,
		.rx_filter = setting->rx_filter,
	};
	int error = ask(card->stamper, SIOCSHWTSTAMP, &config);

	if (error == 0 && got != NULL)
		*got = (struct ds_card_setting){config.tx_type, config.rx_filter, config.flags};
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

static bool does_already(const struct ds_card *card, int tx_type, enum ds_card_filter filter,
			 enum ds_card_filter *got)
{
	struct ds_card_setting now;

	if (ds_card_setting(card, &now) != 0 || now.tx_type != tx_type)
		return false;
	*got = filter_of(now.rx_filter);
	/* all packets are those of NTP as well, and nothing besides none is what stamps none */
	return *got == filter || (*got == DS_CARD_FILTER_ALL && filter != DS_CARD_FILTER_NONE) ||
	       filter == DS_CARD_FILTER_NONE;
}

static int refused(const struct ds_card *card, enum ds_card_filter filter, int error,
		   char why[DS_WHY])
{
	snprintf(why, DS_WHY, "%s (%s) refuses to stamp (transmit %s, receive filter %s): %s%s",
		 card->stamper, card->driver[0] != '\0' ? card->driver : "driver unknown",
		 card->tx_hardware ? "on" : "off", ds_card_filter_word(filter), strerror(-error),
		 error == -EPERM ? " (needs CAP_NET_ADMIN)" : "");
	return error;
}

int ds_card_configure(const struct ds_card *card, enum ds_card_filter filter,
		      enum ds_card_filter *got, char why[DS_WHY])
{
	const int tx_type = card->tx_hardware ? HWTSTAMP_TX_ON : HWTSTAMP_TX_OFF;
	int error = -ERANGE;

	if (does_already(card, tx_type, filter, got))
		return 0;
	for (size_t i = 0; filter_named(filter, i) >= 0; i++) {
		struct ds_card_setting wanted = {tx_type, filter_named(filter, i), 0}, granted;

		error = set(card, &wanted, &granted);
		if (error == -EINVAL && card->kind == DS_CARD_BOND) {
			wanted.flags = HWTSTAMP_FLAG_BONDED_PHC_INDEX;
			error = set(card, &wanted, &granted);
		}
		if (error == 0) {
			*got = filter_of(granted.rx_filter);
			return 0;
		}
		if (error != -ERANGE)
			break;
	}
	return refused(card, filter, error, why);
}

int ds_card_restore(const struct ds_card *card, const struct ds_card_setting *setting)
{
	return set(card, setting, NULL);
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
