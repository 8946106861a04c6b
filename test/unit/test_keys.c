/*
 * Tests of daemon/keys: the file and what is said of it, how long MACs are, what is believed, and
 * that nothing said holds a key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/keys.h"

static struct ds_keys keys;
static char said[65536];

static void say(void *context, bool error, const char *file, int line, const char *text)
{
	size_t length = strlen(said);

	(void)context;
	snprintf(said + length, sizeof(said) - length, "%s %s:%d: %s\n",
		 error ? "error" : "warning", file, line, text);
	assert_null(strstr(text, "ecret"));
}

static bool parse_bytes(const char *text, size_t length)
{
	static char copy[2 * DS_KEYS_FILE];
	bool good;

	memcpy(copy, text, length);
	copy[length] = '\0';
	ds_keys_free(&keys);
	said[0] = '\0';
	good = ds_keys_parse(&keys, copy, length, "k", say, NULL);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(copy[i], 0); /* wiped */
	return good;
}

static bool parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void good(const char *text)
{
	if (!parse(text) || said[0] != '\0')
		fail_msg("%s", said);
}

static void message(const char *text, const char *expected)
{
	bool passed = parse(text);

	assert_string_equal(said, expected);
	assert_int_equal(passed, strstr(expected, "error") == NULL);
}

#define K16 "HEX:2b7e151628aed2a6abf7158809cf4f3c"
#define K32 "HEX:603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
#define ALL                                                                                        \
	"# all types\n1 SHA1 ASCII:a-secret-of-20-bytes\n\n2 SHA256 another-secret\n  "            \
	"3\tSHA384 yet-another-secret\r\n4 SHA512 HEX:0102030405060708090a\n% 9 no\n; 9 no\n! 9 "  \
	"no\n5 SHA3-224 a-secret-for-5\n6 SHA3-256 a-secret-for-6\n7 SHA3-384 a-secret-for-7\n8 "  \
	"SHA3-512 a-secret-for-8\n4294967295 AES128 " K16 "\n4294967294 aes256 " K32

static void test_file(void **state)
{
	(void)state;
	good(ALL);
	assert_int_equal(keys.count, 10);
	for (uint16_t i = 1; i < keys.count; i++)
		assert_true(keys.list[i - 1].id < keys.list[i].id);
	assert_string_equal(ds_mac_type(ds_keys_find(&keys, 4294967295)->mac)->name, "AES128");
	assert_int_equal(ds_keys_find(&keys, 3)->line, 5);
	assert_true(ds_keys_find(&keys, 1)->cost_ns > 0);
	assert_null(ds_keys_find(&keys, 9));
	assert_null(ds_keys_find(&keys, 0));
	assert_true(ds_keys_require(&keys, 0, "f", 1, say, NULL));
	assert_true(ds_keys_require(&keys, 8, "f", 1, say, NULL));
	assert_string_equal(said, "");
	assert_false(ds_keys_require(&keys, 9, "f", 11, say, NULL));
	assert_string_equal(said, "error f:11: key 9 is not in the keyfile\n");
	good("");
	assert_int_equal(keys.count, 0);
	good("# 1 secret\n\n");
	assert_int_equal(keys.count, 0);
}

static void test_messages(void **state)
{
	(void)state;
	message("1 secret-of-mine",
		"warning k:1: MD5 is broken, and only for what knows no better: use AES128\n");
	message("1 SHA1 secret", "warning k:1: a key of 6 bytes can be guessed: use 10 or more\n");
	message("secret",
		"error k:1: a line has the key's number, its type, and the key, not one word\n");
	message("1 SHA1 secret with blanks",
		"error k:1: a line has the key's number, its type, and "
		"the key, not more than three words\n");
	message("1 secret phrase",
		"error k:1: unknown type: known are MD5, SHA1, SHA256, SHA384, SHA512, SHA3-224, "
		"SHA3-256, SHA3-384, SHA3-512, AES128, AES256\n");
	message("\n1 TIGER secret", "error k:2: type TIGER is not supported\n");
	message("secret 1", "error k:1: a line begins with the key's number, from 1 to "
			    "4294967295\n");
	for (int i = 0; i < 5; i++) {
		static const char *const ids[] = {"0", "-1", "4294967296", "1x", "99999999999"};
		char text[64];

		snprintf(text, sizeof(text), "%s SHA1 a-long-secret", ids[i]);
		message(text, "error k:1: a line begins with the key's number, from 1 to "
			      "4294967295\n");
	}
	message("1 SHA1 HEX:secret0", "error k:1: an odd number of hexadecimal digits\n");
	message("1 SHA1 HEX:5ecret", "error k:1: digit 4 of the key is not hexadecimal\n");
	message("1 SHA1 HEX:", "error k:1: a key has 1 to 512 bytes, not 0\n");
	message("1 SHA1 ASCII:", "error k:1: a key has 1 to 512 bytes, not 0\n");
	message("1 AES128 secret", "error k:1: a key of type AES128 has 16 bytes, not 6\n");
	message("1 AES256 " K16, "error k:1: a key of type AES256 has 32 bytes, not 16\n");
	message("1 SHA1 a-long-secret\n2 SHA1 a-long-secret\n1 SHA256 a-long-secret",
		"error k:3: key 1 stands in line 1, too\n");
	/* Every mistake, not only the first. */
	message("x\n0 y", "error k:1: a line has the key's number, its type, and the key, not one "
			  "word\nerror k:2: a line begins with the key's number, from 1 to "
			  "4294967295\n");
	assert_false(parse_bytes("1 SHA1 a-long\0secret", 20));
	assert_string_equal(said, "error k:0: is no text: it holds a zero byte\n");
}

static void test_bounds(void **state)
{
	static char text[DS_KEYS_FILE + 1];
	size_t length = 0;
	char key[DS_MAC_KEY_MOST + 2];

	(void)state;
	for (int i = 1; i <= DS_KEYS_MOST; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
					   "%d SHA1 a-long-secret\n", i * 7 % 257);
	good(text);
	assert_int_equal(keys.count, DS_KEYS_MOST);
	for (uint32_t i = 1; i <= DS_KEYS_MOST; i++)
		assert_int_equal(ds_keys_find(&keys, i)->id, i);
	snprintf(text + length, sizeof(text) - length, "1000 SHA1 a-long-secret\n");
	message(text, "error k:257: more than 256 keys\n");
	memset(key, 'k', sizeof(key));
	key[DS_MAC_KEY_MOST + 1] = '\0';
	snprintf(text, sizeof(text), "1 SHA1 %s", key);
	message(text, "error k:1: a key has 1 to 512 bytes, not 513\n");
	key[DS_MAC_KEY_MOST] = '\0';
	snprintf(text, sizeof(text), "1 SHA1 %s", key);
	good(text);
}

static char path[64];

static void write_keys(const char *text, size_t length, mode_t mode)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, length, out), length);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static bool load(void)
{
	ds_keys_free(&keys);
	said[0] = '\0';
	return ds_keys_load(&keys, path, say, NULL);
}

static void test_load(void **state)
{
	static char text[DS_KEYS_FILE + 1];
	char expected[256];

	(void)state;
	strcpy(path, "/tmp/drivestamp-keys-XXXXXX");
	close(mkstemp(path));
	write_keys("1 SHA1 a-long-secret", 20, 0640);
	assert_true(load());
	assert_string_equal(said, "");
	assert_int_equal(keys.count, 1);
	write_keys("1 SHA1 a-long-secret", 20, 0644);
	assert_true(load());
	snprintf(expected, sizeof(expected),
		 "warning %s:0: everybody may read the keys: chmod o-r\n", path);
	assert_string_equal(said, expected);
	memset(text, '#', sizeof(text));
	write_keys(text, DS_KEYS_FILE, 0600);
	assert_true(load());
	write_keys(text, DS_KEYS_FILE + 1, 0600);
	assert_false(load());
	snprintf(expected, sizeof(expected), "error %s:0: longer than 65535 bytes\n", path);
	assert_string_equal(said, expected);
	unlink(path);
	assert_false(load());
	snprintf(expected, sizeof(expected),
		 "error %s:0: cannot read the keys: No such file or directory\n", path);
	assert_string_equal(said, expected);
}

/* ---- packets ---- */

static void header(uint8_t version, uint8_t out[DS_WIRE_HEADER_SIZE])
{
	struct ds_packet p = {.version = version, .mode = DS_MODE_CLIENT, .transmit = 0x1234567890};

	ds_wire_write(&p, out);
}

static enum ds_auth check(const uint8_t *bytes, size_t length, uint32_t required)
{
	struct ds_frame frame;

	assert_int_equal(ds_wire_read(bytes, length, &frame), DS_R_OK);
	return ds_keys_check(&keys, bytes, &frame, required);
}

static void test_lengths(void **state)
{
	static const struct {
		uint32_t id;
		size_t v4, v3;
	} cases[] = {{1, 24, 24},	   {2, 24, 36},		{3, 24, 52}, {4, 24, 68},
		     {5, 24, 32},	   {6, 24, 36},		{7, 24, 52}, {8, 24, 68},
		     {4294967295, 20, 20}, {4294967294, 20, 20}};

	(void)state;
	good(ALL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint8_t version = 3; version <= 4; version++) {
			uint8_t packet[DS_KEYS_PACKET], answer[DS_KEYS_PACKET];
			size_t mac = version == 4 ? cases[i].v4 : cases[i].v3;
			struct ds_frame frame;
			size_t length;

			header(version, packet);
			length = ds_keys_sign(&keys, cases[i].id, packet, DS_WIRE_HEADER_SIZE,
					      version);
			assert_int_equal(length, DS_WIRE_HEADER_SIZE + mac);
			assert_int_equal(check(packet, length, 0), DS_AUTH_GOOD);
			assert_int_equal(check(packet, length, cases[i].id), DS_AUTH_GOOD);
			assert_int_equal(check(packet, length, 9), DS_AUTH_BAD);
			assert_int_equal(ds_wire_read(packet, length, &frame), DS_R_OK);
			memcpy(answer, packet, DS_WIRE_HEADER_SIZE);
			answer[0] = (uint8_t)(version << 3 | DS_MODE_SERVER);
			assert_int_equal(ds_keys_sign_answer(&keys, frame.key_id, answer,
							     DS_WIRE_HEADER_SIZE, frame.mac_length),
					 length);
			assert_int_equal(check(answer, length, cases[i].id), DS_AUTH_GOOD);
			/* Each bit of the packet counts, and of the digest. */
			for (size_t bit = 0; bit < 8 * length; bit++) {
				if (bit / 8 == 0) /* another version or mode */
					continue;
				packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
				assert_int_equal(check(packet, length, 0), DS_AUTH_BAD);
				packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			}
		}
}

/* In version 4 a digest may come whole, too; in version 3 it may not be cut. */
static void test_whole_and_cut(void **state)
{
	uint8_t packet[DS_KEYS_PACKET];
	struct ds_frame frame;
	size_t length;

	(void)state;
	good(ALL);
	header(4, packet);
	length = ds_keys_sign(&keys, 2, packet, DS_WIRE_HEADER_SIZE, 3);
	assert_int_equal(length, DS_WIRE_HEADER_SIZE + 36);
	assert_int_equal(check(packet, length, 2), DS_AUTH_GOOD);
	assert_int_equal(ds_wire_read(packet, length, &frame), DS_R_OK);
	assert_int_equal(
		ds_keys_sign_answer(&keys, 2, packet, DS_WIRE_HEADER_SIZE, frame.mac_length),
		length);
	header(3, packet);
	length = ds_keys_sign(&keys, 2, packet, DS_WIRE_HEADER_SIZE, 4);
	assert_int_equal(check(packet, length, 2), DS_AUTH_BAD);
	/* Nor to anything else: 16 of 20 bytes, 16 of 32; nor 20 of 16. */
	header(4, packet);
	ds_keys_sign(&keys, 1, packet, DS_WIRE_HEADER_SIZE, 4);
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE + 20, 1), DS_AUTH_BAD);
	ds_keys_sign(&keys, 2, packet, DS_WIRE_HEADER_SIZE, 4);
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE + 20, 2), DS_AUTH_BAD);
	memset(packet + DS_WIRE_HEADER_SIZE, 0, DS_KEYS_MAC_MOST);
	ds_keys_sign(&keys, 4294967295, packet, DS_WIRE_HEADER_SIZE, 4);
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE + 24, 4294967295), DS_AUTH_BAD);
}

static void test_what_is_not_believed(void **state)
{
	uint8_t packet[DS_KEYS_PACKET] = {0};

	(void)state;
	good(ALL);
	header(4, packet);
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE, 0), DS_AUTH_ABSENT);
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE, 1), DS_AUTH_ABSENT);
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE + 4, 0), DS_AUTH_BAD); /* crypto-NAK */
	packet[51] = 1; /* ... that names a key */
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE + 4, 1), DS_AUTH_BAD);
	/* CVE-2015-7974: right, by a key of ours, but not the association's. */
	ds_keys_sign(&keys, 2, packet, DS_WIRE_HEADER_SIZE, 4);
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE + 24, 0), DS_AUTH_GOOD);
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE + 24, 2), DS_AUTH_GOOD);
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE + 24, 1), DS_AUTH_BAD);
	/* The same digest under another number. */
	packet[51] = 1;
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE + 24, 0), DS_AUTH_BAD);
	packet[51] = 99;
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE + 24, 0), DS_AUTH_BAD);
	assert_int_equal(check(packet, DS_WIRE_HEADER_SIZE + 24, 99), DS_AUTH_BAD);
	assert_int_equal(ds_keys_sign(&keys, 99, packet, DS_WIRE_HEADER_SIZE, 4), 0);
	assert_int_equal(ds_keys_sign_answer(&keys, 99, packet, DS_WIRE_HEADER_SIZE, 24), 0);
	assert_int_equal(ds_keys_sign_answer(&keys, 1, packet, DS_WIRE_HEADER_SIZE, 28), 0);
	assert_true(ds_keys_cost_ns(&keys, 1) > 0 && ds_keys_cost_ns(&keys, 99) == 0);
	/* Extension fields are under the MAC. */
	header(4, packet);
	memset(packet + 48, 0, 28);
	packet[48] = 0xf3;
	packet[51] = 28;
	assert_int_equal(ds_keys_sign(&keys, 1, packet, 48 + 28, 4), 48 + 28 + 24);
	assert_int_equal(check(packet, 48 + 28 + 24, 1), DS_AUTH_GOOD);
	packet[60] ^= 1;
	assert_int_equal(check(packet, 48 + 28 + 24, 1), DS_AUTH_BAD);
	/* Without any key all of them are strangers'. */
	ds_keys_free(&keys);
	assert_int_equal(check(packet, 48 + 28 + 24, 0), DS_AUTH_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_whole_and_cut),
		cmocka_unit_test(test_what_is_not_believed),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	ds_keys_free(&keys);
	return failed;
}
