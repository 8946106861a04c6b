/* stamps: bytes of packets, figures by hand, and which clock is nearer. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/errqueue.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "lab/stamps_card.h"
#include "lab/stamps_figures.h"

static void assert_close(double a, double b)
{
	assert_true(fabs(a - b) < 1e-9 * (1 + fabs(b)));
}

static void a_packet_tells_its_number(void **state)
{
	uint8_t packet[DS_STAMPS_LENGTH];
	uint32_t number = 7;
	(void)state;

	ds_stamps_write(packet, UINT64_C(0xfedcba9876543210), UINT32_MAX);
	assert_int_equal(packet[0], 0); /* no NTP version, no mode */
	assert_true(ds_stamps_read(packet, sizeof(packet), UINT64_C(0xfedcba9876543210), &number));
	assert_int_equal(number, UINT32_MAX);
	ds_stamps_write(packet, 1, 0);
	assert_true(ds_stamps_read(packet, sizeof(packet), 1, &number));
	assert_int_equal(number, 0);
}

static void a_foreign_packet_has_no_number(void **state)
{
	uint8_t packet[DS_STAMPS_LENGTH];
	uint32_t number = 7;
	(void)state;

	ds_stamps_write(packet, 5, 3);
	assert_false(ds_stamps_read(packet, sizeof(packet), 6, &number));
	assert_false(ds_stamps_read(packet, sizeof(packet) - 1, 5, &number));
	assert_false(ds_stamps_read(packet, 0, 5, &number));
	for (size_t i = 8; i < 28; i++) { /* magic, run, the number's upper half */
		packet[i] ^= 1;
		assert_false(ds_stamps_read(packet, sizeof(packet), 5, &number));
		packet[i] ^= 1;
	}
	assert_int_equal(number, 7);
}

static void two_packets_have_two_cookies(void **state)
{
	uint8_t a[DS_STAMPS_LENGTH], b[DS_STAMPS_LENGTH];
	(void)state;

	ds_stamps_write(a, 5, 3);
	ds_stamps_write(b, 5, 4);
	assert_memory_not_equal(a + 40, b + 40, 8);
}

static const struct ds_stamps_row whole = {
	.before_ns = 1000,
	.kernel_tx_ns = 4000,
	.after_ns = 13000,
	.kernel_rx_ns = 4500,
	.user_rx_ns = 30000,
};

static void gaps_are_later_minus_earlier(void **state)
{
	struct ds_stamps_row row = whole;
	int64_t ns;
	(void)state;

	assert_true(ds_stamps_gap(&row, DS_GAP_BEFORE_TX, &ns) && ns == 3000);
	assert_true(ds_stamps_gap(&row, DS_GAP_TX_AFTER, &ns) && ns == 9000);
	assert_true(ds_stamps_gap(&row, DS_GAP_TX_RX, &ns) && ns == 500);
	assert_true(ds_stamps_gap(&row, DS_GAP_RX_USER, &ns) && ns == 25500);
	assert_true(ds_stamps_gap(&row, DS_GAP_EARLY, &ns) && ns == 3000);
	assert_true(ds_stamps_gap(&row, DS_GAP_LATE, &ns) && ns == 9000);
	assert_false(ds_stamps_gap(&row, DS_GAP_BEFORE_CARD, &ns));
	assert_false(ds_stamps_gap(&row, DS_GAP_TX_CARD, &ns));
	assert_false(ds_stamps_gap(&row, DS_GAPS, &ns));
	row.refused = true;
	assert_false(ds_stamps_gap(&row, DS_GAP_BEFORE_TX, &ns));
}

static void a_missing_moment_leaves_out_its_gaps_only(void **state)
{
	struct ds_stamps_row row = whole;
	int64_t ns;
	(void)state;

	row.kernel_tx_ns = 0;
	assert_false(ds_stamps_gap(&row, DS_GAP_BEFORE_TX, &ns));
	assert_false(ds_stamps_gap(&row, DS_GAP_TX_RX, &ns));
	/* a packet without transmit stamp: when it came is no measure of when it left */
	assert_false(ds_stamps_gap(&row, DS_GAP_EARLY, &ns));
	assert_true(ds_stamps_gap(&row, DS_GAP_RX_USER, &ns));
	row = whole;
	row.kernel_rx_ns = row.user_rx_ns = 0;
	assert_true(ds_stamps_gap(&row, DS_GAP_LATE, &ns) && ns == 9000);
	assert_false(ds_stamps_gap(&row, DS_GAP_RX_USER, &ns));
}

static void truth_is_the_card_or_the_earlier_of_two(void **state)
{
	struct ds_stamps_row row = whole;
	(void)state;

	assert_int_equal(ds_stamps_truth(&row), 4000);
	row.kernel_rx_ns = 3900;
	assert_int_equal(ds_stamps_truth(&row), 3900);
	row.card_ns = 5000;
	assert_int_equal(ds_stamps_truth(&row), 5000);
	row = (struct ds_stamps_row){.kernel_rx_ns = 5};
	assert_int_equal(ds_stamps_truth(&row), 0);
}

static void distributions_by_hand(void **state)
{
	double v[] = {5, -1, 1, 3, 2};
	double one[] = {4};
	struct ds_stamps_distribution d;
	(void)state;

	ds_stamps_distribute(v, 5, &d); /* -1 1 2 3 5 */
	assert_int_equal(d.count, 5);
	assert_close(d.percentile_ns[DS_STAMPS_P50], 2);
	assert_close(d.percentile_ns[2], 1);
	assert_close(d.percentile_ns[4], 3);
	assert_close(d.percentile_ns[DS_STAMPS_P99], 5 - 2 * 0.04);
	assert_close(d.mad_ns, 1); /* 3 1 0 1 3 */
	assert_close(d.mean_ns, 2);
	assert_close(d.sd_ns, sqrt((9 + 1 + 0 + 1 + 9) / 4.0));
	assert_close(d.least_ns, -1);
	assert_close(d.most_ns, 5);
	assert_int_equal(d.negative, 1);
	ds_stamps_distribute(one, 1, &d);
	assert_close(d.percentile_ns[0], 4);
	assert_close(d.mad_ns, 0);
	assert_true(isnan(d.sd_ns));
	ds_stamps_distribute(NULL, 0, &d);
	assert_int_equal(d.count, 0);
	assert_true(isnan(d.percentile_ns[0]) && isnan(d.mad_ns) && isnan(d.mean_ns));
}

/* Rows whose clock before is early_ns early and whose clock after is late_ns late, give or take. */
static void fill(struct ds_stamps_row *rows, size_t count, uint8_t block, int64_t early_ns,
		 int64_t late_ns)
{
	for (size_t i = 0; i < count; i++) {
		int64_t left_ns = 1000000000 + (int64_t)i * 400000;

		rows[i] = (struct ds_stamps_row){
			.before_ns = left_ns - early_ns - (int64_t)(i % 5),
			.kernel_tx_ns = left_ns,
			.after_ns = left_ns + late_ns + 10 * (int64_t)(i % 5),
			.condition = DS_LAB_IDLE,
			.block = block,
			.at_once = i % 2 == 0,
		};
	}
}

static void nearer_is_what_every_block_says(void **state)
{
	static struct ds_stamps_row rows[120];
	struct ds_stamps_seen seen = {.rows = rows, .count = 120};
	struct ds_stamps_figures f;
	char text[DS_STAMPS_SENTENCE];
	(void)state;

	fill(rows, 40, 0, 3000, 9000);
	fill(rows + 40, 40, 2, 3000, 9000);
	fill(rows + 80, 40, 4, 3000, 9000);
	assert_true(ds_stamps_figure(&seen, DS_LAB_IDLE, &f));
	assert_int_equal(f.packets, 120);
	assert_int_equal(f.at_once, 60);
	assert_int_equal(f.comparison[DS_STAMPS_MEDIAN].blocks, 3);
	assert_int_equal(f.comparison[DS_STAMPS_MEDIAN].nearness, DS_STAMPS_BEFORE);
	assert_close(f.comparison[DS_STAMPS_MEDIAN].before_ns, 3002);
	assert_close(f.comparison[DS_STAMPS_MEDIAN].after_ns, 9020);
	assert_close(f.comparison[DS_STAMPS_MAD].after_ns, 10);
	assert_close(f.comparison[DS_STAMPS_TAIL].after_ns, 9040);
	assert_non_null(strstr(ds_stamps_sentence(&f, text), "is farther from the truth than"));
	assert_non_null(
		strstr(text, "median 9.02 us late against 3.00 us early (nearer in 0 of 3"));

	fill(rows + 80, 40, 4, 3000, 600);
	assert_true(ds_stamps_figure(&seen, DS_LAB_IDLE, &f));
	assert_int_equal(f.comparison[DS_STAMPS_MEDIAN].nearness, DS_STAMPS_UNDECIDED);
	assert_int_equal(f.comparison[DS_STAMPS_MEDIAN].after_nearer, 1);
	assert_int_equal(f.comparison[DS_STAMPS_MAD].nearness, DS_STAMPS_BEFORE);
	assert_non_null(strstr(ds_stamps_sentence(&f, text), "neither nearer"));

	fill(rows, 40, 0, 3000, 600);
	fill(rows + 40, 40, 2, 3000, 600);
	assert_true(ds_stamps_figure(&seen, DS_LAB_IDLE, &f));
	assert_int_equal(f.comparison[DS_STAMPS_MEDIAN].nearness, DS_STAMPS_AFTER);
	assert_non_null(strstr(ds_stamps_sentence(&f, text), "is nearer to the truth than"));
}

static void a_clock_after_that_is_early_is_said_to_be(void **state)
{
	static struct ds_stamps_row rows[40];
	struct ds_stamps_seen seen = {.rows = rows, .count = 40};
	struct ds_stamps_figures f;
	char text[DS_STAMPS_SENTENCE];
	(void)state;

	fill(rows, 40, 0, 9000, -2000); /* a queue: the packet left after the send returned */
	assert_true(ds_stamps_figure(&seen, DS_LAB_IDLE, &f));
	assert_int_equal(f.comparison[DS_STAMPS_MEDIAN].nearness, DS_STAMPS_AFTER);
	assert_close(f.comparison[DS_STAMPS_MEDIAN].after_ns, 1980);
	assert_int_equal(f.gap[DS_GAP_TX_AFTER].negative, 40);
	assert_non_null(strstr(ds_stamps_sentence(&f, text), "median 1.98 us early against"));
}

static void conditions_are_never_joined(void **state)
{
	static struct ds_stamps_row rows[80];
	struct ds_stamps_seen seen = {.rows = rows, .count = 80};
	struct ds_stamps_figures f;
	char text[DS_STAMPS_SENTENCE];
	(void)state;

	fill(rows, 40, 0, 3000, 9000);
	fill(rows + 40, 40, 1, 50, 60);
	for (int i = 40; i < 60; i++)
		rows[i].condition = DS_LAB_BETWEEN;
	for (int i = 60; i < 80; i++)
		rows[i].condition = DS_LAB_LOADED;
	assert_true(ds_stamps_figure(&seen, DS_LAB_IDLE, &f));
	assert_int_equal(f.packets, 40);
	assert_close(f.gap[DS_GAP_BEFORE_TX].least_ns, 3000);
	assert_true(ds_stamps_figure(&seen, DS_LAB_LOADED, &f));
	assert_int_equal(f.packets, 20);
	assert_close(f.gap[DS_GAP_BEFORE_TX].most_ns, 54);
	rows[79].kernel_tx_ns = 0; /* one too few for a block */
	assert_true(ds_stamps_figure(&seen, DS_LAB_LOADED, &f));
	assert_int_equal(f.packets, 20);
	assert_int_equal(f.gap[DS_GAP_BEFORE_TX].count, 19);
	assert_int_equal(f.comparison[DS_STAMPS_MEDIAN].nearness, DS_STAMPS_UNKNOWN);
	assert_non_null(strstr(ds_stamps_sentence(&f, text), "nothing can be said"));
}

static void plans_out_of_range_are_refused(void **state)
{
	const struct ds_stamps_plan good = {
		.send_netns = -1,
		.receive_netns = -1,
		.gap_us = 400,
		.blocks = 1,
		.block_seconds = 0.1,
		.send_cpu = -1,
		.receive_cpu = -1,
	};
	struct ds_stamps_plan bad[6];
	struct ds_stamps_seen seen;
	char why[DS_WHY];
	(void)state;

	for (int i = 0; i < 6; i++) {
		bad[i] = good;
		assert_true(ds_address_parse("127.0.0.1", 9, &bad[i].to));
	}
	bad[0].to.family = AF_UNSPEC;
	assert_true(ds_address_parse("::1", 0, &bad[1].from));
	bad[2].blocks = DS_STAMPS_BLOCKS_MAX + 1;
	bad[3].gap_us = 19;
	bad[4].block_seconds = (double)NAN;
	bad[5].card = true;
	for (int i = 0; i < 6; i++) {
		why[0] = '\0';
		assert_true(ds_stamps_measure(&bad[i], &seen, why) < 0);
		assert_true(why[0] != '\0');
		assert_null(seen.rows);
	}
}

struct error_message {
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct msghdr header;
};

static void append(struct error_message *m, int level, int type, const void *data, size_t length)
{
	struct cmsghdr header = {
		.cmsg_len = CMSG_LEN(length), .cmsg_level = level, .cmsg_type = type};
	uint8_t *at = m->control + m->header.msg_controllen;

	assert_true(m->header.msg_controllen + CMSG_SPACE(length) <= sizeof(m->control));
	memcpy(at, &header, sizeof(header));
	memcpy(at + CMSG_LEN(0), data, length);
	m->header.msg_controllen += CMSG_SPACE(length);
}

/* What the kernel puts into the error queue: timestamping.rst 2.1. */
static void stamp_message(struct error_message *m, uint32_t id, long software_ns, long card_ns)
{
	const struct scm_timestamping times = {{{0, software_ns}, {0, 0}, {0, card_ns}}};
	const struct sock_extended_err error = {
		.ee_errno = ENOMSG,
		.ee_origin = SO_EE_ORIGIN_TIMESTAMPING,
		.ee_info = SCM_TSTAMP_SND,
		.ee_data = id,
	};

	memset(m, 0, sizeof(*m));
	m->header.msg_control = m->control;
	append(m, SOL_SOCKET, SCM_TIMESTAMPING, &times, sizeof(times));
	append(m, IPPROTO_IP, IP_RECVERR, &error, sizeof(error));
}

static void a_card_stamps_beside_the_kernel(void **state)
{
	static struct ds_stamps_card_reader reader;
	struct ds_socket socket = {.fd = -1};
	struct ds_stamps_card_stamp stamp;
	struct error_message m;
	uint8_t packet[DS_STAMPS_LENGTH];
	uint32_t id;
	(void)state;

	socket.stamping = (struct ds_stamping){.transmit = true,
					       .join = DS_JOIN_COUNTER,
					       .next_id = 300,
					       .ring_size = DS_STAMPING_OWN};
	reader.clocks = (struct ds_refsample){.local_ns = 7000, .reference_ns = 2000};
	ds_stamps_write(packet, 1, 42);
	assert_true(
		ds_stamping_expect(&socket.stamping, packet, sizeof(packet), true, false, 42, &id));
	assert_int_equal(id, 300);
	ds_stamps_card_sent(&reader, &socket, 42);

	stamp_message(&m, 300, 123, 0);
	assert_true(ds_stamps_card_take(&reader, &socket, &m.header, &stamp));
	assert_false(stamp.by_card);
	assert_int_equal(stamp.number, 42);
	assert_int_equal(stamp.real_ns, 123);
	stamp_message(&m, 300, 0, 2500); /* 500 after the reading, when CLOCK_REALTIME was 7000 */
	assert_true(ds_stamps_card_take(&reader, &socket, &m.header, &stamp));
	assert_true(stamp.by_card);
	assert_int_equal(stamp.number, 42);
	assert_int_equal(stamp.real_ns, 7500);
}

static void a_card_stamp_is_of_its_packet_only_and_once(void **state)
{
	static struct ds_stamps_card_reader reader;
	struct ds_socket socket = {.fd = -1};
	struct ds_stamps_card_stamp stamp;
	struct error_message m;
	(void)state;

	socket.stamping = (struct ds_stamping){.transmit = true,
					       .join = DS_JOIN_COUNTER,
					       .ring_size = DS_STAMPING_OWN,
					       .next_id = 8};
	ds_stamps_card_sent(&reader, &socket, 5); /* id 7 */
	stamp_message(&m, 8, 0, 2500);
	assert_false(ds_stamps_card_take(&reader, &socket, &m.header, &stamp));
	stamp_message(&m, 7 + DS_STAMPS_CARD_IDS, 0, 2500);
	assert_false(ds_stamps_card_take(&reader, &socket, &m.header, &stamp));
	stamp_message(&m, 7, 0, 0);
	assert_false(ds_stamps_card_take(&reader, &socket, &m.header, &stamp));
	stamp_message(&m, 7, 0, 2500);
	assert_true(ds_stamps_card_take(&reader, &socket, &m.header, &stamp));
	assert_int_equal(stamp.number, 5);
	assert_int_equal(stamp.real_ns, 0); /* the clocks were not read: there is no moment */
	assert_false(ds_stamps_card_take(&reader, &socket, &m.header, &stamp));
}

static void no_card_is_said_of_what_has_none(void **state)
{
	struct ds_stamps_card card;
	(void)state;

	ds_stamps_card_ask(&card, "lo");
	assert_false(card.can || card.on);
	assert_non_null(strstr(card.words, "no card"));
	ds_stamps_card_ask(&card, "a name that is far longer than any interface may have");
	assert_false(card.can || card.on);
	assert_int_equal(card.phc, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_tells_its_number),
		cmocka_unit_test(a_foreign_packet_has_no_number),
		cmocka_unit_test(two_packets_have_two_cookies),
		cmocka_unit_test(gaps_are_later_minus_earlier),
		cmocka_unit_test(a_missing_moment_leaves_out_its_gaps_only),
		cmocka_unit_test(truth_is_the_card_or_the_earlier_of_two),
		cmocka_unit_test(distributions_by_hand),
		cmocka_unit_test(nearer_is_what_every_block_says),
		cmocka_unit_test(a_clock_after_that_is_early_is_said_to_be),
		cmocka_unit_test(conditions_are_never_joined),
		cmocka_unit_test(plans_out_of_range_are_refused),
		cmocka_unit_test(a_card_stamps_beside_the_kernel),
		cmocka_unit_test(a_card_stamp_is_of_its_packet_only_and_once),
		cmocka_unit_test(no_card_is_said_of_what_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
