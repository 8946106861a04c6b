/*
 * test_leaplist: lists as they are published, lists that are damaged, and SHA-1 by its examples.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/leaplist.h"
#include "os/sha1.h"

#define S	 INT64_C(1000000000)
#define JAN_2017 (INT64_C(1483228800) * S)

/* The examples that NIST gives for FIPS 180. */
static void digests_are_those_of_the_standard(void **state)
{
	static const struct {
		const char *text;
		int times;
		uint32_t digest[DS_SHA1_WORDS];
	} examples[] = {
		{"abc", 1, {0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c, 0x9cd0d89d}},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 1,
		 {0x84983e44, 0x1c3bd26e, 0xbaae4aa1, 0xf95129e5, 0xe54670f1}},
		{"a", 1000000, {0x34aa973c, 0xd4c4daa4, 0xf61eeb2b, 0xdbad2731, 0x6534016f}},
		{"", 1, {0xda39a3ee, 0x5e6b4b0d, 0x3255bfef, 0x95601890, 0xafd80709}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		uint32_t digest[DS_SHA1_WORDS];
		struct ds_sha1 sha;

		ds_sha1_begin(&sha);
		for (int n = 0; n < examples[i].times; n++)
			ds_sha1_add(&sha, examples[i].text, strlen(examples[i].text));
		ds_sha1_end(&sha, digest);
		assert_memory_equal(digest, examples[i].digest, sizeof(digest));
	}
}

/* The head and the end of the list that IERS published on 7 July 2025 (public domain), its hash
 * worked out over what is left. */
static const char list[] = "#	ATOMIC TIME\n"
			   "#$	3960835200\n"
			   "#@	3991593600\n"
			   "#\n"
			   "#hash is below\n"
			   "3550089600      35      # 1 Jul 2012\n"
			   "3644697600      36      # 1 Jul 2015\r\n"
			   "\n"
			   "  3692217600 37\n";

static bool parse(const char *text, struct ds_leap_table *table, char why[DS_LEAPLIST_WHY])
{
	why[0] = '\0';
	return ds_leaplist_parse(text, strlen(text), table, why);
}

static void a_list_is_read(void **state)
{
	struct ds_leap_table t;
	char why[DS_LEAPLIST_WHY];

	(void)state;
	assert_true(parse(list, &t, why));
	assert_int_equal(t.count, 3);
	assert_int_equal(t.updated_s, INT64_C(3960835200) - INT64_C(2208988800));
	assert_int_equal(t.expires_s, INT64_C(3991593600) - INT64_C(2208988800));
	assert_int_equal(ds_leap_table_tai_s(&t, JAN_2017 - 1), 36);
	assert_int_equal(ds_leap_table_tai_s(&t, JAN_2017), 37);
	assert_int_equal(ds_leap_table_day(&t, JAN_2017 - 1), 1);
	/* The last line need not end; times after 2036 go on counting. */
	assert_true(parse("3692217600 37\n4307472000 38", &t, why));
	assert_int_equal(t.entries[1].at_s, INT64_C(2098483200));
	assert_int_equal(t.expires_s, INT64_MAX);
}

static void its_hash_is_checked(void **state)
{
	char text[sizeof(list) + 100];
	struct ds_leap_table t;
	char why[DS_LEAPLIST_WHY];
	uint32_t h[DS_SHA1_WORDS];
	struct ds_sha1 sha;

	(void)state;
	ds_sha1_begin(&sha);
	ds_sha1_add(&sha, "39608352003991593600355008960035364469760036369221760037", 56);
	ds_sha1_end(&sha, h);
	snprintf(text, sizeof(text), "%s#h\t%x %X %08x %x %x\n", list, h[0], h[1], h[2], h[3],
		 h[4]);
	assert_true(parse(text, &t, why));
	*strstr(text, "35 ") = '4';
	assert_false(parse(text, &t, why));
	assert_string_equal(why, "7: not a midnight, not later than the line before, or not one "
				 "second from it");
	snprintf(text, sizeof(text), "%s#h\t%x %x %x %x %x\n", list, h[0], h[1], h[2], h[3],
		 h[4] ^ 1);
	assert_false(parse(text, &t, why));
	assert_string_equal(why, "10: the hash is not that of the lines above it");
	assert_int_equal(t.count, 3); /* as it was */
}

static void errors_name_the_line(void **state)
{
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{"", "0: no leap second in it"},
		{"# nothing\n", "0: no leap second in it"},
		{"3692217600\n", "1: not NTP seconds and TAI - UTC"},
		{"\n3692217600 37 38\n", "2: not NTP seconds and TAI - UTC"},
		{"3692217600 -37\n", "1: not NTP seconds and TAI - UTC"},
		{"36922176001 37\n", "1: not NTP seconds and TAI - UTC"},
		{"99999999999999999999 37\n", "1: not NTP seconds and TAI - UTC"},
		{"leap 37\n", "1: not NTP seconds and TAI - UTC"},
		{"3692217601 37\n", "1: not a midnight, "},
		{"3692217600 37\n3692217600 38\n", "2: not a midnight, "},
		{"#$ soon\n", "1: not a number of NTP seconds"},
		{"#@\n", "1: not a number of NTP seconds"},
		{"3692217600 37\n#h 1 2 3 4\n", "2: not a hash of five words"},
		{"3692217600 37\n#h 1 2 3 4 000000005\n", "2: not a hash of five words"},
		{"3692217600 37\n#h 1 2 3 4 x\n", "2: not a hash of five words"},
	};
	static const char nul[] = "3692217600 37\n\0\n";
	char *long_line = malloc(2000);
	struct ds_leap_table t;
	char why[DS_LEAPLIST_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(parse(wrong[i].text, &t, why));
		assert_memory_equal(why, wrong[i].why, strlen(wrong[i].why));
	}
	assert_false(ds_leaplist_parse(nul, sizeof(nul) - 1, &t, why));
	assert_string_equal(why, "2: a NUL byte, or too long a line");
	assert_non_null(long_line);
	memset(long_line, '#', 1999);
	long_line[1999] = '\0';
	assert_false(parse(long_line, &t, why));
	assert_string_equal(why, "1: a NUL byte, or too long a line");
	free(long_line);
}

/* Every byte of a good list replaced in turn: a table, or a reason; nothing else. */
static void damage_is_survived(void **state)
{
	static const char bytes[] = {'\0', '\n', ' ', '#', '9', '@', '-', (char)0xff};
	char text[sizeof(list)];
	struct ds_leap_table t;
	char why[DS_LEAPLIST_WHY];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(list); i++)
		for (size_t k = 0; k < sizeof(bytes); k++) {
			memcpy(text, list, sizeof(list));
			text[i] = bytes[k];
			why[0] = '\0';
			if (!ds_leaplist_parse(text, sizeof(list) - 1, &t, why))
				assert_true(why[0] != '\0');
			(void)ds_leaplist_parse(text, i, &t, why);
		}
}

/* A compiled zone: version, leap records. An empty 32-bit block lies ahead in version 2 and up. */
static size_t make_zone(uint8_t *out, char version, const int64_t (*leaps)[2], size_t count)
{
	uint8_t *p = out;
	int blocks = version != '\0' ? 2 : 1;

	for (int block = 1; block <= blocks; block++) {
		size_t here = block == blocks ? count : 0;
		size_t time = block == 2 ? 8 : 4;

		memset(p, 0, 44);
		memcpy(p, "TZif", 4);
		p[4] = (uint8_t)version;
		p[31] = (uint8_t)here;
		p[39] = 1; /* types */
		p[43] = 4; /* characters */
		memcpy(p + 44, "\0\0\0\0\0\0UTC\0", 10);
		p += 54;
		for (size_t i = 0; i < here; i++) {
			for (size_t b = 0; b < time; b++)
				*p++ = (uint8_t)((uint64_t)leaps[i][0] >> 8 * (time - 1 - b));
			for (size_t b = 0; b < 4; b++)
				*p++ = (uint8_t)((uint64_t)leaps[i][1] >> 8 * (3 - b));
		}
	}
	return (size_t)(p - out);
}

static void a_zone_is_read(void **state)
{
	/* 1972-07-01, 1973-01-01, then one deleted before 1974-01-01 (there was none). */
	static const int64_t leaps[][2] = {
		{78796800, 1}, {94694401, 2}, {126230401, 1}, {157766401, 1}};
	uint8_t data[400];
	struct ds_leap_table t;
	char why[DS_LEAPLIST_WHY];

	(void)state;
	for (int i = 0; i < 3; i++) {
		char version = "\0002"[i != 0];
		size_t count = 3;

		if (i == 2) {
			version = '4'; /* its last record says when it expires */
			count = 4;
		}
		memset(&t, 0, sizeof(t));
		assert_true(ds_leaplist_parse_zone(data, make_zone(data, version, leaps, count), &t,
						   why));
		assert_int_equal(t.count, 4);
		assert_int_equal(t.entries[0].at_s, 63072000);
		assert_int_equal(t.entries[0].tai_minus_utc_s, 10);
		assert_int_equal(t.entries[1].at_s, 78796800);
		assert_int_equal(t.entries[2].at_s, 94694400);
		assert_int_equal(t.entries[2].tai_minus_utc_s, 12);
		assert_int_equal(t.entries[3].at_s, 126230400);
		assert_int_equal(t.entries[3].tai_minus_utc_s, 11);
		assert_int_equal(t.expires_s, i == 2 ? 157766400 : INT64_MAX);
	}
}

static void a_zone_without_leap_seconds_says_so(void **state)
{
	static const int64_t leaps[][2] = {{78796800, 1}, {94694401, 3}};
	uint8_t data[400];
	struct ds_leap_table t;
	char why[DS_LEAPLIST_WHY];
	size_t length = make_zone(data, '2', leaps, 0);

	(void)state;
	assert_false(ds_leaplist_parse_zone(data, length, &t, why));
	assert_non_null(strstr(why, "leapseclist"));
	length = make_zone(data, '2', leaps, 2);
	assert_false(ds_leaplist_parse_zone(data, length, &t, why));
	assert_string_equal(why, "leap seconds that do not follow each other");
	/* Cut off anywhere; any count wrong. */
	length = make_zone(data, '2', leaps, 1);
	assert_true(ds_leaplist_parse_zone(data, length, &t, why));
	for (size_t cut = 0; cut < length; cut++) {
		uint8_t *part = malloc(cut + 1);

		assert_non_null(part);
		memcpy(part, data, cut);
		assert_false(ds_leaplist_parse_zone(part, cut, &t, why));
		free(part);
	}
	for (size_t i = 0; i < length; i++)
		for (int bit = 0; bit < 8; bit++) {
			data[i] ^= (uint8_t)(1 << bit);
			(void)ds_leaplist_parse_zone(data, length, &t, why);
			data[i] ^= (uint8_t)(1 << bit);
		}
}

static void files_are_read(void **state)
{
	char path[] = "/tmp/test-leaplist-XXXXXX";
	struct ds_leap_table t;
	char why[DS_LEAPLIST_WHY];
	char expected[DS_LEAPLIST_WHY];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, list, sizeof(list) - 1), sizeof(list) - 1);
	assert_int_equal(ds_leaplist_read(path, &t, why), 0);
	assert_int_equal(t.count, 3);
	assert_int_equal(write(fd, "what?\n", 6), 6);
	assert_int_equal(ds_leaplist_read(path, &t, why), -EBADMSG);
	snprintf(expected, sizeof(expected), "%s:10: not NTP seconds and TAI - UTC", path);
	assert_string_equal(why, expected);
	assert_int_equal(ds_leaplist_read_zone(path, &t, why), -EBADMSG);
	assert_int_equal(ftruncate(fd, 2L * DS_LEAPLIST_MOST), 0);
	assert_int_equal(ds_leaplist_read(path, &t, why), -EFBIG);
	close(fd);
	unlink(path);
	assert_int_equal(ds_leaplist_read(path, &t, why), -ENOENT);
	snprintf(expected, sizeof(expected), "%s: No such file or directory", path);
	assert_string_equal(why, expected);
	assert_int_equal(ds_leaplist_read_zone("right/No/Such_Place", &t, why), -ENOENT);
	assert_non_null(
		strstr(why, "No such file or directory (is there a list for 'leapseclist'?)"));
}

/* Both files of tzdata, where they are installed: the same until the list's end. */
static void what_is_installed_agrees(void **state)
{
	struct ds_leap_table from_list;
	struct ds_leap_table from_zone;
	char why[DS_LEAPLIST_WHY];

	(void)state;
	if (access("/usr/share/zoneinfo/leap-seconds.list", R_OK) != 0 ||
	    access("/usr/share/zoneinfo/right/UTC", R_OK) != 0)
		skip();
	if (ds_leaplist_read("/usr/share/zoneinfo/leap-seconds.list", &from_list, why) != 0)
		fail_msg("%s", why);
	if (ds_leaplist_read_zone("right/UTC", &from_zone, why) != 0)
		fail_msg("%s", why);
	assert_true(from_list.count >= 28);
	assert_int_equal(from_list.count, from_zone.count);
	for (uint8_t i = 0; i < from_list.count; i++) {
		assert_int_equal(from_list.entries[i].at_s, from_zone.entries[i].at_s);
		assert_int_equal(from_list.entries[i].tai_minus_utc_s,
				 from_zone.entries[i].tai_minus_utc_s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_those_of_the_standard),
		cmocka_unit_test(a_list_is_read),
		cmocka_unit_test(its_hash_is_checked),
		cmocka_unit_test(errors_name_the_line),
		cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(a_zone_is_read),
		cmocka_unit_test(a_zone_without_leap_seconds_says_so),
		cmocka_unit_test(files_are_read),
		cmocka_unit_test(what_is_installed_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
