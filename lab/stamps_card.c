/* stamps_card: see the header. The kernel sends two messages for a packet that is stamped twice
 * (SOF_TIMESTAMPING_OPT_TX_SWHW), with the same id; os/stamping knows one of them, so the card's is
 * joined here. It must never set hardware stamping on: SIOCSHWTSTAMP is not used. */
#include "lab/stamps_card.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>

static bool ask(int fd, unsigned long request, struct ifreq *ifreq, const char *interface,
		void *data)
{
	*ifreq = (struct ifreq){0};
	snprintf(ifreq->ifr_name, sizeof(ifreq->ifr_name), "%s", interface);
	ifreq->ifr_data = data;
	return ioctl(fd, request, ifreq) == 0;
}

void ds_stamps_card_ask(struct ds_stamps_card *card, const char *interface)
{
	struct ethtool_ts_info info = {.cmd = ETHTOOL_GET_TS_INFO};
	struct hwtstamp_config now = {0};
	struct ifreq ifreq;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const uint32_t needed = SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;

	*card = (struct ds_stamps_card){.phc = -1};
	if (fd >= 0 && ask(fd, SIOCETHTOOL, &ifreq, interface, &info)) {
		card->phc = info.phc_index;
		card->can = (info.so_timestamping & needed) == needed;
	}
	if (card->can && ask(fd, SIOCGHWTSTAMP, &ifreq, interface, &now))
		card->on = now.tx_type != HWTSTAMP_TX_OFF;
	if (fd >= 0)
		close(fd);
	if (!card->can)
		snprintf(card->words, sizeof(card->words), "no card that stamps what it sends");
	else if (!card->on || card->phc < 0)
		snprintf(card->words, sizeof(card->words),
			 "a card that could stamp, and is not set up to (left as it is)");
	else
		snprintf(card->words, sizeof(card->words), "a card that stamps, clock /dev/ptp%d",
			 card->phc);
}

int ds_stamps_card_begin(struct ds_stamps_card_reader *reader, struct ds_socket *socket,
			 const char *interface, char why[DS_WHY])
{
	const struct ds_phc_config config = {.path = interface};
	int flags = (int)(socket->stamping.flags | SOF_TIMESTAMPING_TX_HARDWARE |
			  SOF_TIMESTAMPING_RAW_HARDWARE | SOF_TIMESTAMPING_OPT_TX_SWHW);
	int error = ds_phc_open(&reader->phc, &config, why);

	if (error != 0)
		return error;
	if (setsockopt(socket->fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)) == 0)
		return 0;
	error = errno;
	snprintf(why, DS_WHY, "the card's stamps are refused: %s", strerror(error));
	ds_phc_close(&reader->phc);
	return -error;
}

void ds_stamps_card_sent(struct ds_stamps_card_reader *reader, const struct ds_socket *socket,
			 uint32_t number)
{
	uint32_t id = socket->stamping.next_id - 1;

	reader->id[id % DS_STAMPS_CARD_IDS] = id;
	reader->number[id % DS_STAMPS_CARD_IDS] = number;
	reader->awaited[id % DS_STAMPS_CARD_IDS] = true;
}

void ds_stamps_card_look(struct ds_stamps_card_reader *reader)
{
	if (ds_phc_read(&reader->phc, &reader->clocks) != DS_REF_SAMPLE)
		reader->clocks = (struct ds_refsample){0};
}

static bool take_card(struct ds_stamps_card_reader *reader, const struct ds_ancillary *a,
		      struct ds_stamps_card_stamp *stamp)
{
	uint32_t place = a->id % DS_STAMPS_CARD_IDS;

	if (!reader->awaited[place] || reader->id[place] != a->id)
		return false;
	reader->awaited[place] = false;
	stamp->number = reader->number[place];
	/* No card's clock is off by so much in the time from a packet to the reading beside it that
	 * it would show: 1 us at 100 ppm in 10 ms. */
	if (reader->clocks.local_ns != 0)
		stamp->real_ns = a->card_ns - reader->clocks.reference_ns + reader->clocks.local_ns;
	return true;
}

bool ds_stamps_card_take(struct ds_stamps_card_reader *reader, struct ds_socket *socket,
			 struct msghdr *message, struct ds_stamps_card_stamp *stamp)
{
	struct ds_stamping with_card = socket->stamping;
	struct ds_ancillary a = {0};

	*stamp = (struct ds_stamps_card_stamp){0};
	with_card.hardware = true;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		ds_stamping_take(&with_card, c, &a);
	if (!a.is_stamp || (a.realtime_ns == 0 && a.card_ns == 0))
		return false;
	stamp->by_card = a.card_ns != 0;
	if (stamp->by_card)
		return take_card(reader, &a, stamp);
	stamp->real_ns = a.realtime_ns;
	return ds_stamping_join(&socket->stamping, socket->fd, a.id, DS_STAMP_KERNEL, NULL, 0,
				&stamp->number) == DS_R_OK;
}

bool ds_stamps_card_read(struct ds_stamps_card_reader *reader, struct ds_socket *socket,
			 struct ds_stamps_card_stamp *stamp, bool *is_stamp)
{
	uint8_t data[256];
	_Alignas(struct cmsghdr) uint8_t control[DS_CONTROL_SIZE];
	struct iovec vector = {data, sizeof(data)};
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};

	*is_stamp = false;
	if (recvmsg(socket->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	*is_stamp = ds_stamps_card_take(reader, socket, &message, stamp);
	return true;
}
