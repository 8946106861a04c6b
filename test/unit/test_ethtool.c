/*
 * Tests of os/ethtool against a kernel that is played: answers are put into the socket before the
 * question is asked, the question is read behind it. And against the real one, which has a loopback
 * interface at least.
 */
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/genetlink.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>

#include "os/ethtool.h"

#define FAMILY 21

static int kernel = -1;
static struct ds_ethtool e;
static uint8_t message[2048];
static size_t length;

static int set_up(void **state)
{
	int pair[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
		return -1;
	e = (struct ds_ethtool){.fd = pair[0], .family = FAMILY};
	kernel = pair[1];
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ds_ethtool_close(&e);
	return close(kernel);
}

/* ---- what the kernel writes ---- */

static void begin(uint16_t type, uint32_t sequence)
{
	const struct nlmsghdr header = {.nlmsg_type = type, .nlmsg_seq = sequence};

	memset(message, 0, sizeof message);
	memcpy(message, &header, sizeof header);
	length = NLMSG_LENGTH(GENL_HDRLEN);
}

static size_t put(uint16_t type, const void *data, size_t size)
{
	const struct nlattr attribute = {.nla_len = (uint16_t)(sizeof attribute + size),
					 .nla_type = type};
	const size_t at = length;

	memcpy(message + at, &attribute, sizeof attribute);
	if (size > 0)
		memcpy(message + at + sizeof attribute, data, size);
	length += sizeof attribute + (size + 3) / 4 * 4;
	return at;
}

static void end_nest(size_t at)
{
	const uint16_t size = (uint16_t)(length - at);

	memcpy(message + at, &size, sizeof size);
}

static void put_u32(uint16_t type, uint32_t value)
{
	put(type, &value, sizeof value);
}

static void put_bits(uint16_t type, uint32_t bits, uint32_t size)
{
	size_t nest = put(type | NLA_F_NESTED, NULL, 0);

	put(1, NULL, 0); /* no mask */
	put_u32(2, size);
	put_u32(4, bits);
	end_nest(nest);
}

static void answer(void)
{
	const uint32_t size = (uint32_t)length;

	memcpy(message, &size, sizeof size);
	assert_int_equal(send(kernel, message, length, 0), length);
}

static void answer_error(uint32_t sequence, int error)
{
	begin(NLMSG_ERROR, sequence);
	memcpy(message + NLMSG_HDRLEN, &error, sizeof error);
	length = NLMSG_LENGTH(sizeof(struct nlmsgerr));
	answer();
}

static void put_info(uint32_t sequence)
{
	begin(FAMILY, sequence);
	put(1, NULL, 0);
	put_bits(2, SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE, 19);
	put_bits(3, 1U << HWTSTAMP_TX_OFF | 1U << HWTSTAMP_TX_ON, 4);
	put_bits(4, 1U << HWTSTAMP_FILTER_NONE | 1U << HWTSTAMP_FILTER_NTP_ALL, 16);
}

/* ---- what it was asked ---- */

static uint8_t asked[512];

static size_t read_question(uint8_t *command)
{
	struct nlmsghdr header;
	ssize_t n = recv(kernel, asked, sizeof asked, MSG_DONTWAIT);

	assert_true(n >= (ssize_t)NLMSG_LENGTH(GENL_HDRLEN));
	memcpy(&header, asked, sizeof header);
	assert_int_equal(header.nlmsg_len, n);
	assert_int_equal(header.nlmsg_type, FAMILY);
	*command = asked[NLMSG_HDRLEN];
	return (size_t)n;
}

/* Does this attribute, as it must be on the wire, stand in the question? */
static bool asks(size_t size, const void *attribute, size_t attribute_size)
{
	for (size_t at = NLMSG_LENGTH(GENL_HDRLEN); at + attribute_size <= size; at += 4)
		if (memcmp(asked + at, attribute, attribute_size) == 0)
			return true;
	return false;
}

/* ---- tests ---- */

static void test_abilities(void **state)
{
	const struct {
		struct nlattr attribute;
		uint32_t index;
	} interface = {{8, 1}, 7};
	struct ds_ethtool_info info;
	uint8_t command;
	size_t nest;
	uint64_t lost = UINT64_C(1) << 40;

	(void)state;
	put_info(1);
	put_u32(5, 3);
	nest = put(6 | NLA_F_NESTED, NULL, 0);
	put_u32(1, 1000);
	put(2, &lost, sizeof lost);
	put_u32(3, 4);
	end_nest(nest);
	answer();
	assert_int_equal(ds_ethtool_info(&e, 7, &info), 0);
	assert_int_equal(info.so_timestamping,
			 SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE);
	assert_int_equal(info.tx_types, 3);
	assert_int_equal(info.rx_filters, 0x8001);
	assert_int_equal(info.phc_index, 3);
	assert_true(info.has_counts);
	assert_int_equal(info.tx_stamped, 1000);
	assert_true(info.tx_lost == lost);
	assert_int_equal(info.tx_errors, 4);
	assert_true(asks(read_question(&command), &interface, sizeof interface));
	assert_int_equal(command, 25);
	/* less is told */
	put_info(2);
	answer();
	assert_int_equal(ds_ethtool_info(&e, 7, &info), 0);
	assert_int_equal(info.phc_index, -1);
	assert_false(info.has_counts);
}

static void test_an_older_kernel_is_asked_for_less(void **state)
{
	struct ds_ethtool_info info;
	uint8_t command;

	(void)state;
	answer_error(1, -EINVAL);
	put_info(2);
	answer();
	assert_int_equal(ds_ethtool_info(&e, 7, &info), 0);
	assert_int_equal(info.rx_filters, 0x8001);
	read_question(&command);
	read_question(&command);
	answer_error(3, -ENODEV);
	info.phc_index = 77;
	assert_int_equal(ds_ethtool_info(&e, 7, &info), -ENODEV);
	assert_int_equal(info.phc_index, 77);
}

static void test_the_setting(void **state)
{
	struct ds_ethtool_config config;
	uint8_t command;

	(void)state;
	begin(FAMILY, 1);
	put_bits(3, 1U << HWTSTAMP_TX_ON, 4);
	put_bits(4, 1U << HWTSTAMP_FILTER_PTP_V2_L4_EVENT, 16);
	put_bits(5, 1, 1);
	answer();
	assert_int_equal(ds_ethtool_get(&e, 7, &config), 0);
	assert_int_equal(config.tx_type, HWTSTAMP_TX_ON);
	assert_int_equal(config.rx_filter, HWTSTAMP_FILTER_PTP_V2_L4_EVENT);
	assert_int_equal(config.flags, 1);
	read_question(&command);
	assert_int_equal(command, 46);
	/* nothing at all is said where all is off */
	begin(FAMILY, 2);
	put(1, NULL, 0);
	answer();
	assert_int_equal(ds_ethtool_get(&e, 7, &config), 0);
	assert_int_equal(config.tx_type, HWTSTAMP_TX_OFF);
	assert_int_equal(config.rx_filter, HWTSTAMP_FILTER_NONE);
	assert_int_equal(config.flags, 0);
}

static void test_setting_it(void **state)
{
	/* a set of bits: nested, no mask, size, value */
	const struct {
		struct nlattr nest, no_mask, size;
		uint32_t bits;
		struct nlattr value;
		uint32_t set;
	} tx = {{24, 3 | NLA_F_NESTED}, {4, 1}, {8, 2}, 4, {8, 4}, 1U << HWTSTAMP_TX_ON},
	  rx = {{24, 4 | NLA_F_NESTED}, {4, 1}, {8, 2}, 16, {8, 4}, 1U << HWTSTAMP_FILTER_NTP_ALL};
	const struct ds_ethtool_config config = {HWTSTAMP_TX_ON, HWTSTAMP_FILTER_NTP_ALL, 0};
	struct ds_ethtool_config wrong = config;
	uint8_t command;
	size_t size;

	(void)state;
	answer_error(1, 0);
	assert_int_equal(ds_ethtool_set(&e, 7, &config), 0);
	size = read_question(&command);
	assert_int_equal(command, 47);
	assert_true(asks(size, &tx, sizeof tx));
	assert_true(asks(size, &rx, sizeof rx));
	answer_error(2, -EPERM);
	assert_int_equal(ds_ethtool_set(&e, 7, &config), -EPERM);
	/* a reply comes first, and the acknowledgment of the last question after it */
	begin(FAMILY, 3);
	answer();
	answer_error(3, 0);
	assert_int_equal(ds_ethtool_set(&e, 7, &config), 0);
	answer_error(4, -EOPNOTSUPP);
	assert_int_equal(ds_ethtool_set(&e, 7, &config), -EOPNOTSUPP);
	wrong.rx_filter = 99;
	assert_int_equal(ds_ethtool_set(&e, 7, &wrong), -ERANGE);
	wrong.rx_filter = -1;
	assert_int_equal(ds_ethtool_set(&e, 7, &wrong), -ERANGE);
}

static void test_virtual_clocks(void **state)
{
	const int32_t clocks[] = {2, 5, 6};
	int indices[2] = {-1, -1};

	(void)state;
	begin(FAMILY, 1);
	put_u32(2, 3);
	put(3, clocks, sizeof clocks);
	answer();
	assert_int_equal(ds_ethtool_vclocks(&e, 7, indices, 2), 3);
	assert_int_equal(indices[0], 2);
	assert_int_equal(indices[1], 5);
	begin(FAMILY, 2);
	put_u32(2, 400000000); /* lies */
	put(3, clocks, sizeof clocks);
	answer();
	assert_int_equal(ds_ethtool_vclocks(&e, 7, indices, 2), -EBADMSG);
	begin(FAMILY, 3);
	answer();
	assert_int_equal(ds_ethtool_vclocks(&e, 7, indices, 2), 0);
}

/* Every answer that is cut off, at every place, and every one with a length that lies. */
static void test_answers_that_are_cut_off(void **state)
{
	struct ds_ethtool_info info;
	uint8_t whole[sizeof message];
	size_t whole_length;

	(void)state;
	put_info(0);
	put_u32(5, 3);
	memcpy(whole, message, length);
	whole_length = length;
	for (size_t cut = 0; cut < whole_length; cut++) {
		struct nlmsghdr header;

		memcpy(message, whole, whole_length);
		memcpy(&header, message, sizeof header);
		header.nlmsg_seq = e.sequence + 1;
		header.nlmsg_len = (uint32_t)whole_length;
		memcpy(message, &header, sizeof header);
		assert_int_equal(send(kernel, message, cut, 0), cut);
		assert_int_not_equal(ds_ethtool_info(&e, 7, &info), 0);
		/* its header says how long it is, the attributes are cut */
		if (cut < NLMSG_LENGTH(GENL_HDRLEN))
			continue;
		header.nlmsg_seq = e.sequence + 1;
		header.nlmsg_len = (uint32_t)cut;
		memcpy(message, &header, sizeof header);
		assert_int_equal(send(kernel, message, cut, 0), cut);
		info.phc_index = -2;
		(void)ds_ethtool_info(&e, 7, &info);
		assert_in_range(info.phc_index + 2, 0, 1); /* -1: not known; or not written */
	}
}

static void test_strays_and_silence(void **state)
{
	struct ds_ethtool_info info;

	(void)state;
	assert_int_equal(ds_ethtool_info(&e, 7, &info), -EAGAIN);
	/* late, that answer comes; it is of another question */
	put_info(1);
	answer();
	put_info(2);
	put_u32(5, 9);
	answer();
	assert_int_equal(ds_ethtool_info(&e, 7, &info), 0);
	assert_int_equal(info.phc_index, 9);
	for (uint32_t i = 0; i < 8; i++)
		answer_error(1000 + i, 0);
	assert_int_equal(ds_ethtool_info(&e, 7, &info), -ENOMSG);
	ds_ethtool_close(&e);
	assert_int_equal(ds_ethtool_info(&e, 7, &info), -EBADF);
	ds_ethtool_close(&e);
}

static void test_the_real_kernel(void **state)
{
	struct ds_ethtool real;
	struct ds_ethtool_info info;
	struct ds_ethtool_config config;
	int lo = (int)if_nametoindex("lo");
	int error = ds_ethtool_open(&real);

	(void)state;
	if (error != 0 || lo == 0) {
		print_message("# no netlink for ethtool here: %s\n", strerror(-error));
		assert_int_equal(real.fd, error != 0 ? -1 : real.fd);
		ds_ethtool_close(&real);
		skip();
	}
	assert_int_equal(ds_ethtool_info(&real, lo, &info), 0);
	assert_int_equal(info.phc_index, -1);
	assert_int_equal(info.so_timestamping & SOF_TIMESTAMPING_RAW_HARDWARE, 0);
	assert_int_equal(ds_ethtool_get(&real, lo, &config), -EOPNOTSUPP);
	assert_int_equal(ds_ethtool_vclocks(&real, lo, NULL, 0), 0);
	assert_int_equal(ds_ethtool_info(&real, 0x7ffffff0, &info), -ENODEV);
	ds_ethtool_close(&real);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_abilities, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_older_kernel_is_asked_for_less, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_the_setting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_setting_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_virtual_clocks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_answers_that_are_cut_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strays_and_silence, set_up, tear_down),
		cmocka_unit_test(test_the_real_kernel),
	};

	return cmocka_run_group_tests_name("ethtool", tests, NULL, NULL);
}
