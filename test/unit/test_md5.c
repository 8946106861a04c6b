/*
 * md5: the test suite of RFC 1321, appendix A.5, as far as its messages fit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "os/md5.h"

static void the_suite(void **state)
{
	static const char *const suite[][2] = {
		{"", "d41d8cd98f00b204e9800998ecf8427e"},
		{"a", "0cc175b9c0f1b6a831c399e269772661"},
		{"abc", "900150983cd24fb0d6963f7d28e17f72"},
		{"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
		{"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
	};
	uint8_t digest[DS_MD5_SIZE];
	char text[2 * DS_MD5_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(suite) / sizeof(suite[0]); i++) {
		ds_md5((const uint8_t *)suite[i][0], strlen(suite[i][0]), digest);
		for (size_t k = 0; k < DS_MD5_SIZE; k++)
			snprintf(text + 2 * k, 3, "%02x", digest[k]);
		assert_string_equal(text, suite[i][1]);
	}
}

static void what_is_too_long_is_cut(void **state)
{
	uint8_t message[100], cut[DS_MD5_SIZE], whole[DS_MD5_SIZE];

	(void)state;
	memset(message, 7, sizeof(message));
	ds_md5(message, sizeof(message), cut);
	ds_md5(message, DS_MD5_MAX, whole);
	assert_memory_equal(cut, whole, sizeof(cut));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_suite),
		cmocka_unit_test(what_is_too_long_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
