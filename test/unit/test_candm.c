/* Chrony's protocol: its numbers, and that no answer is longer than its question, whatever comes.
 * Fields are compared with what chronyc prints in test/interop/chronyc.sh. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs those above */
#include <cmocka.h>

#include "daemon/candm.h"
#include "daemon/daemon.h"
#include "daemon/start.h"

static struct ds_daemon the_daemon;

/* As the Go package of the description reads them. */
static double read_float(uint32_t x)
{
	int32_t e = (int32_t)(x >> 25), c = (int32_t)(x & 0x1ffffff);

	e -= e >= 64 ? 128 : 0;
	c -= c >= 1 << 24 ? 1 << 25 : 0;
	return ldexp(c, e - 25);
}

static void numbers(void **state)
{
	static const double values[] = {0.0,   1.0,  -1.0,    0.5,  1e-9,	-1e-9, 3.14159e-6,
					-50.0, 1e10, -2.5e17, 1e17, 16777215.0, 0.1};

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		double back = read_float(ds_candm_float(values[i]));

		assert_true(fabs(back - values[i]) <= fabs(values[i]) * 0x1p-23);
	}
	/* Seen from chronyd: 1 s is 0x04800000. */
	assert_int_equal(ds_candm_float(1.0), 0x04800000);
	assert_int_equal(ds_candm_float(NAN), 0);
	assert_int_equal(ds_candm_float(1e-40), 0);
	assert_true(read_float(ds_candm_float(INFINITY)) > 4e18);
	assert_true(read_float(ds_candm_float(-INFINITY)) < -4e18);
	assert_true(read_float(ds_candm_float(1e300)) > 4e18);
	/* the smallest ones, and where rounding carries */
	assert_true(read_float(ds_candm_float(0x1p-88)) == 0x1p-88);
	assert_true(read_float(ds_candm_float(1.0 - 0x1p-40)) == 1.0);
	assert_true(read_float(ds_candm_float(-1.0 + 0x1p-40)) == -1.0);
}

static const uint8_t sequence[4] = {1, 2, 3, 4};

static void ask(uint8_t *request, unsigned command)
{
	memset(request, 0, DS_CANDM_MOST);
	request[0] = 6;
	request[1] = 1;
	request[4] = (uint8_t)(command >> 8);
	request[5] = (uint8_t)command;
	memcpy(request + 8, sequence, sizeof sequence);
	if (command == 57 || command == 65 || command == 67) { /* of the source: 127.0.0.1 */
		request[20] = 127;
		request[23] = 1;
		request[37] = 1;
	}
}

/* Nobody gains by asking: all commands, all lengths, all rights. */
static void no_answer_is_longer(void **state)
{
	uint8_t request[DS_CANDM_MOST], reply[DS_CANDM_MOST];
	static const unsigned telling[] = {0, 14, 15, 33, 34, 41, 44, 54, 57, 65, 67, 69};
	bool answered[300] = {false};

	(void)state;
	for (unsigned command = 0; command < 300; command++) {
		ask(request, command);
		for (size_t length = 0; length <= DS_CANDM_MOST; length += 4) {
			for (int right = DS_CANDM_PUBLIC; right <= DS_CANDM_READ; right++) {
				size_t got = ds_candm_answer(&the_daemon, request, length,
							     (enum ds_candm_right)right, reply);

				assert_true(got <= length);
				if (got == 0) {
					assert_true(length < 28);
					continue;
				}
				assert_true(got >= 28);
				assert_int_equal(reply[0], 6);
				assert_int_equal(reply[1], 2);
				assert_memory_equal(reply + 4, request + 4, 2);
				assert_memory_equal(reply + 16, sequence, sizeof sequence);
				answered[command] |= reply[9] == 0;
			}
		}
	}
	/* Each that has something to say has said it; 68 has not: nobody is served here. */
	for (size_t i = 0; i < sizeof telling / sizeof telling[0]; i++)
		assert_true(answered[telling[i]]);
}

static unsigned status_of(unsigned command, size_t length, enum ds_candm_right right)
{
	uint8_t request[DS_CANDM_MOST], reply[DS_CANDM_MOST];

	ask(request, command);
	assert_true(ds_candm_answer(&the_daemon, request, length, right, reply) >= 28);
	return reply[9];
}

static void refusals(void **state)
{
	uint8_t request[DS_CANDM_MOST], reply[DS_CANDM_MOST];

	(void)state;
	assert_int_equal(status_of(33, 104, DS_CANDM_PUBLIC), 0);
	assert_int_equal(status_of(33, 100, DS_CANDM_PUBLIC), 19);
	assert_int_equal(status_of(54, 72, DS_CANDM_PUBLIC), 2);
	assert_int_equal(status_of(54, 72, DS_CANDM_READ), 0);
	assert_int_equal(status_of(43, 28, DS_CANDM_READ), 2);
	assert_int_equal(status_of(62, 28, DS_CANDM_WRITE), 3); /* shutdown: not here */
	assert_int_equal(status_of(15, 76, DS_CANDM_PUBLIC), 0);
	assert_int_equal(status_of(57, 152, DS_CANDM_READ), 0);
	assert_int_equal(status_of(57, 148, DS_CANDM_READ), 19);
	assert_int_equal(status_of(51, 52, DS_CANDM_PUBLIC), 6);
	assert_int_equal(status_of(35, 56, DS_CANDM_PUBLIC), 13);
	ask(request, 33);
	request[0] = 5;
	assert_int_equal(ds_candm_answer(&the_daemon, request, 104, DS_CANDM_READ, reply), 28);
	assert_int_equal(reply[9], 18);
	ask(request, 33);
	request[1] = 2; /* a reply */
	assert_int_equal(ds_candm_answer(&the_daemon, request, 104, DS_CANDM_READ, reply), 0);
	ask(request, 33);
	request[3] = 1;
	assert_int_equal(ds_candm_answer(&the_daemon, request, 104, DS_CANDM_READ, reply), 0);
}

/* The form that whoever asks can read, told by how much is asked: Debian 12's chronyc, 4.6's, and
 * the Go package, which reads all of them. */
static void forms(void **state)
{
	static const struct {
		unsigned command, length, kind, bytes;
	} cases[] = {
		{57, 152, 16, 152}, {57, 168, 16, 152}, {57, 172, 26, 172}, {57, 424, 16, 152},
		{54, 72, 24, 72},   {54, 160, 24, 72},	{54, 164, 25, 164}, {54, 192, 25, 164},
		{54, 196, 25, 196}, {54, 416, 24, 72},
	};
	uint8_t request[DS_CANDM_MOST], reply[DS_CANDM_MOST];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ask(request, cases[i].command);
		assert_int_equal(ds_candm_answer(&the_daemon, request, cases[i].length,
						 DS_CANDM_READ, reply),
				 cases[i].bytes);
		assert_int_equal(reply[7], cases[i].kind);
	}
	/* The fields without a name are unknown, not 0. */
	ask(request, 57);
	ds_candm_answer(&the_daemon, request, 172, DS_CANDM_READ, reply);
	for (int i = 172 - 16; i < 172; i++)
		assert_int_equal(reply[i], 0xff);
}

static void quiet(void *context, bool error, const char *file, int line, const char *text)
{
	(void)context;
	(void)error;
	(void)file;
	(void)line;
	(void)text;
}

/* A daemon with a source, that serves nobody. */
static int begin(void **state)
{
	struct ds_daemon *d = &the_daemon;

	(void)state;
	ds_conf_defaults(&d->conf);
	d->conf.port = 0;
	d->conf.bound_file[0] = d->conf.control_socket[0] = d->conf.cmd_socket[0] = '\0';
	assert_true(ds_conf_read_line(&d->conf, "server 127.0.0.1", 1, quiet, NULL));
	assert_int_equal(ds_clock_open_virtual(&d->clock, 0.0, 0.0), 0);
	assert_true(ds_start_keys(d));
	assert_true(ds_start_open(d));
	ds_start_work(d);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ds_start_close(&the_daemon);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(no_answer_is_longer),
		cmocka_unit_test(refusals),
		cmocka_unit_test(forms),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
