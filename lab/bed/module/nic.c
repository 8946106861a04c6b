// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* nic: see bedclk.h. */
#include "bedclk.h"

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/uaccess.h>
#include <linux/version.h>

long bed_hw_jitter;   /* of all hardware stamps, rms */
bool bed_no_stamps;   /* a card without hardware stamps; software ones remain */
static bool ptp_only; /* receive filters for PTP only (and none); ALL is refused with ERANGE */
static bool ntp_only; /* likewise for NTP only */
static bool tx_only;  /* no receive filter at all */
static int link_mbps = 1000; /* what the link says of itself; 0: unknown */
module_param_named(hw_jitter, bed_hw_jitter, long, 0644);
module_param_named(no_stamps, bed_no_stamps, bool, 0644);
module_param(ptp_only, bool, 0644);
module_param(ntp_only, bool, 0644);
module_param(tx_only, bool, 0644);
module_param(link_mbps, int, 0644);

static struct net_device *nic_dev;

/* The filter that the card sets when this one is asked for, or an error. */
static int nic_filter(int wanted)
{
	if (wanted == HWTSTAMP_FILTER_NONE)
		return wanted;
	if (tx_only)
		return -ERANGE;
	if (ptp_only) {
		if (wanted == HWTSTAMP_FILTER_ALL || wanted == HWTSTAMP_FILTER_SOME ||
		    wanted == HWTSTAMP_FILTER_NTP_ALL ||
		    wanted <= HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ)
			return -ERANGE;
		return HWTSTAMP_FILTER_PTP_V2_EVENT;
	}
	if (ntp_only)
		return wanted == HWTSTAMP_FILTER_NTP_ALL ? wanted : -ERANGE;
	return HWTSTAMP_FILTER_ALL;
}

static int nic_set(struct bed_nic *nic, struct ifreq *ifr)
{
	struct hwtstamp_config config;
	int filter;

	if (copy_from_user(&config, ifr->ifr_data, sizeof(config)))
		return -EFAULT;
	if (config.tx_type != HWTSTAMP_TX_OFF && config.tx_type != HWTSTAMP_TX_ON)
		return -ERANGE;
	filter = nic_filter(config.rx_filter);
	if (filter < 0)
		return filter;
	config.rx_filter = filter;
	nic->config = config;
	return copy_to_user(ifr->ifr_data, &config, sizeof(config)) ? -EFAULT : 0;
}

static int nic_ioctl(struct net_device *dev, struct ifreq *ifr, int cmd)
{
	struct bed_nic *nic = netdev_priv(dev);

	if (bed_no_stamps)
		return -EOPNOTSUPP;
	if (cmd == SIOCGHWTSTAMP)
		return copy_to_user(ifr->ifr_data, &nic->config, sizeof(nic->config)) ? -EFAULT : 0;
	if (cmd != SIOCSHWTSTAMP)
		return -EOPNOTSUPP;
	return nic_set(nic, ifr);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define kernel_ethtool_ts_info ethtool_ts_info
#endif

static int nic_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info)
{
	info->so_timestamping = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE |
				SOF_TIMESTAMPING_SOFTWARE;
	info->phc_index = -1;
	if (bed_no_stamps)
		return 0;
	info->so_timestamping |= SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RX_HARDWARE |
				 SOF_TIMESTAMPING_RAW_HARDWARE;
	info->phc_index = bed_phc_index();
	info->tx_types = BIT(HWTSTAMP_TX_OFF) | BIT(HWTSTAMP_TX_ON);
	info->rx_filters = BIT(HWTSTAMP_FILTER_NONE);
	if (ptp_only)
		info->rx_filters |= BIT(HWTSTAMP_FILTER_PTP_V2_L4_EVENT) |
				    BIT(HWTSTAMP_FILTER_PTP_V2_L2_EVENT) |
				    BIT(HWTSTAMP_FILTER_PTP_V2_EVENT);
	else if (ntp_only)
		info->rx_filters |= BIT(HWTSTAMP_FILTER_NTP_ALL);
	else if (!tx_only)
		info->rx_filters |= BIT(HWTSTAMP_FILTER_ALL);
	return 0;
}

static int nic_link_settings(struct net_device *dev, struct ethtool_link_ksettings *cmd)
{
	cmd->base.speed = link_mbps > 0 ? link_mbps : SPEED_UNKNOWN;
	cmd->base.duplex = DUPLEX_FULL;
	cmd->base.port = PORT_TP;
	return 0;
}

static void nic_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "bedclk", sizeof(info->driver));
}

static const char nic_counters[BED_NIC_COUNTERS][ETH_GSTRING_LEN] = {
	"tx_hwtstamp_delivered", "tx_hwtstamp_skipped", "tx_hwtstamp_lost", "tx_hwtstamp_late",
	"rx_hwtstamp_delivered", "rx_hwtstamp_lost",	"rx_held",	    "rx_corrected",
};

static int nic_counter_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? BED_NIC_COUNTERS : -EOPNOTSUPP;
}

static void nic_counter_names(struct net_device *dev, u32 set, u8 *data)
{
	if (set == ETH_SS_STATS)
		memcpy(data, nic_counters, sizeof(nic_counters));
}

static void nic_counter_values(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	struct bed_nic *nic = netdev_priv(dev);

	memcpy(data, &nic->tx_stamped, BED_NIC_COUNTERS * sizeof(*data));
}

static const struct ethtool_ops nic_ethtool_ops = {
	.get_ts_info = nic_ts_info,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = nic_link_settings,
	.get_drvinfo = nic_drvinfo,
	.get_sset_count = nic_counter_count,
	.get_strings = nic_counter_names,
	.get_ethtool_stats = nic_counter_values,
};

static const struct net_device_ops nic_netdev_ops = {
	.ndo_start_xmit = bed_transmit,
	.ndo_eth_ioctl = nic_ioctl,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

/*
 * A NAPI of our own, which never runs: SCM_TIMESTAMPING_PKTINFO finds the interface through
 * skb->napi_id.
 */
static int nic_poll(struct napi_struct *napi, int budget)
{
	napi_complete(napi);
	return 0;
}

/* with the rtnl lock held */
static int nic_stack(struct net_device *dev, const char *lower_name)
{
	struct net_device *lower = __dev_get_by_name(&init_net, lower_name);
	struct bed_nic *nic = netdev_priv(dev);
	int err;

	if (!lower)
		return -ENODEV;
	nic->lower = lower;
	dev->netdev_ops = &nic_netdev_ops;
	dev->ethtool_ops = &nic_ethtool_ops;
	dev->mtu = lower->mtu;
	dev->needed_headroom = lower->needed_headroom;
	eth_hw_addr_set(dev, lower->dev_addr);
	netif_napi_add(dev, &nic->napi, nic_poll);
	bed_transmit_start();
	bed_receive_start();

	err = register_netdevice(dev);
	if (err)
		return err;
	err = netdev_rx_handler_register(lower, bed_receive, dev);
	if (err) {
		unregister_netdevice(dev);
		return err;
	}
	dev_set_promiscuity(lower, 1);
	dev_open(lower, NULL);
	return 0;
}

/* A write to the parameter "lower" makes hw0 on the device of that name, once. */
static int lower_set(const char *val, const struct kernel_param *kp)
{
	char name[IFNAMSIZ];
	struct net_device *dev;
	int err;

	if (nic_dev)
		return -EBUSY;
	strscpy(name, val, sizeof(name));
	strim(name);

	dev = alloc_netdev(sizeof(struct bed_nic), "hw0", NET_NAME_ENUM, ether_setup);
	if (!dev)
		return -ENOMEM;
	rtnl_lock();
	err = nic_stack(dev, name);
	rtnl_unlock();
	if (err) {
		free_netdev(dev);
		return err;
	}
	nic_dev = dev;
	return 0;
}

static int lower_get(char *buf, const struct kernel_param *kp)
{
	struct bed_nic *nic = nic_dev ? netdev_priv(nic_dev) : NULL;

	return sprintf(buf, "%s\n", nic ? nic->lower->name : "");
}

static const struct kernel_param_ops lower_ops = {.set = lower_set, .get = lower_get};
module_param_cb(lower, &lower_ops, NULL, 0644);

void bed_nic_stop(void)
{
	struct bed_nic *nic;

	if (!nic_dev)
		return;
	nic = netdev_priv(nic_dev);
	rtnl_lock();
	netdev_rx_handler_unregister(nic->lower);
	dev_set_promiscuity(nic->lower, -1);
	rtnl_unlock();
	bed_transmit_stop();
	bed_receive_stop();
	netif_napi_del(&nic->napi);
	unregister_netdev(nic_dev);
	free_netdev(nic_dev);
}
