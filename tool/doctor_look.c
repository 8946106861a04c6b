/* doctor_look: the interfaces, and the order in which everything is looked at. It must never leave
 * out an interface without a word. */
#include "tool/doctor.h"

#include <errno.h>
#include <ifaddrs.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/net_tstamp.h>

static enum ds_card_filter filter_of(int rx_filter)
{
	switch (rx_filter) {
	case HWTSTAMP_FILTER_NONE:
		return DS_CARD_FILTER_NONE;
	case HWTSTAMP_FILTER_ALL:
		return DS_CARD_FILTER_ALL;
	case HWTSTAMP_FILTER_NTP_ALL:
		return DS_CARD_FILTER_NTP;
	default:
		return DS_CARD_FILTER_PTP;
	}
}

static bool has_address(const char *interface)
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		if (a->ifa_addr && strcmp(a->ifa_name, interface) == 0 &&
		    (a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6))
			found = true;
	}
	freeifaddrs(all);
	return found;
}

static void look_setting(struct ds_doctor_interface *interface)
{
	interface->has_address = has_address(interface->card.interface);
	interface->has_setting = (interface->card.tx_hardware || interface->card.rx_hardware) &&
				 ds_card_setting(&interface->card, &interface->setting) == 0;
	if (!interface->has_setting)
		return;
	interface->stamps_sent = interface->setting.tx_type != HWTSTAMP_TX_OFF;
	interface->receives = filter_of(interface->setting.rx_filter);
}

static int look_at_all(struct ds_doctor_facts *facts, char why[DS_WHY])
{
	static struct ds_card cards[DS_DOCTOR_INTERFACES + 1];
	int count = ds_card_list(cards, DS_DOCTOR_INTERFACES + 1);

	if (count < 0) {
		snprintf(why, DS_WHY, "the interfaces cannot be listed: %s", strerror(-count));
		return count;
	}
	facts->more_interfaces = count > DS_DOCTOR_INTERFACES;
	if (facts->more_interfaces)
		count = DS_DOCTOR_INTERFACES;
	for (int i = 0; i < count; i++)
		facts->interfaces[i] = (struct ds_doctor_interface){.card = cards[i]};
	facts->interface_count = count;
	return 0;
}

static int look_at_some(struct ds_doctor_facts *facts, const char *const *interfaces, int count,
			char why[DS_WHY])
{
	for (int i = 0; i < count && i < DS_DOCTOR_INTERFACES; i++) {
		int error = ds_card_look(interfaces[i], &facts->interfaces[i].card, why);

		if (error != 0)
			return error;
		facts->interface_count++;
	}
	return 0;
}

int ds_doctor_look(struct ds_doctor_facts *facts, const char *const *interfaces, int count,
		   char why[DS_WHY])
{
	int error;

	memset(facts, 0, sizeof(*facts));
	facts->all = count == 0;
	error = count == 0 ? look_at_all(facts, why) : look_at_some(facts, interfaces, count, why);
	if (error != 0)
		return error;
	ds_doctor_look_host(facts);
	ds_doctor_try_loopback(&facts->loopback, &facts->kernel.chosen_ids);
	for (int i = 0; i < facts->interface_count; i++) {
		look_setting(&facts->interfaces[i]);
		if (facts->interfaces[i].card.kind == DS_CARD_LOOPBACK)
			facts->interfaces[i].trial = facts->loopback;
	}
	ds_doctor_look_devices(facts);
	return 0;
}
