/* leaplist: see leaplist.h. Lines are read where they stand; numbers are held to 64 bits. */
#include "daemon/leaplist.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/file.h"
#include "os/sha1.h"

#define UNIX_IN_NTP INT64_C(2208988800) /* RFC 5905 figure 4 */
#define NTP_MOST    INT64_C(9999999999) /* 2216: in nanoseconds still 64 bits */
#define BLANKS	    " \t\r"
#define LINE_MOST   512
#define ZONES	    "/usr/share/zoneinfo"

/* ---- leap-seconds.list ---- */

struct list {
	struct ds_leap_table table;
	struct ds_sha1 sha;
	uint32_t digest[DS_SHA1_WORDS];
	int digest_line; /* 0: none */
};

/* Cut the next word off *rest; "" at the end. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, BLANKS);

	*rest = word + strcspn(word, BLANKS);
	if (**rest != '\0')
		*(*rest)++ = '\0';
	return word;
}

static bool read_number(const char *word, int64_t most, int64_t *value)
{
	size_t digits = strspn(word, "0123456789");

	if (digits == 0 || digits > 10 || word[digits] != '\0')
		return false;
	*value = strtoll(word, NULL, 10);
	return *value <= most;
}

/* "#$ N" and "#@ N": UTC of it in *utc_s. */
static const char *read_moment(struct list *l, char *rest, int64_t *utc_s)
{
	char *word = next_word(&rest);
	int64_t ntp_s;

	if (!read_number(word, NTP_MOST, &ntp_s))
		return "not a number of NTP seconds";
	ds_sha1_add(&l->sha, word, strlen(word));
	*utc_s = ntp_s - UNIX_IN_NTP;
	return NULL;
}

static const char *read_digest(struct list *l, char *rest)
{
	for (int i = 0; i < DS_SHA1_WORDS; i++) {
		char *word = next_word(&rest);
		size_t digits = strspn(word, "0123456789abcdefABCDEF");

		/* NIST leaves zeros at the front of a word out. */
		if (digits == 0 || digits > 8 || word[digits] != '\0')
			return "not a hash of five words of hexadecimal digits";
		l->digest[i] = (uint32_t)strtoul(word, NULL, 16);
	}
	return NULL;
}

static const char *read_entry(struct list *l, char *rest)
{
	char *at = next_word(&rest);
	char *offset = next_word(&rest);
	char *more = next_word(&rest);
	int64_t ntp_s;
	int64_t tai_s;

	if (!read_number(at, NTP_MOST, &ntp_s) || !read_number(offset, 999, &tai_s) ||
	    (more[0] != '\0' && more[0] != '#'))
		return "not NTP seconds and TAI - UTC";
	ds_sha1_add(&l->sha, at, strlen(at));
	ds_sha1_add(&l->sha, offset, strlen(offset));
	if (l->table.count == DS_LEAP_ENTRIES)
		return "more leap seconds than there is room for";
	if (!ds_leap_table_add(&l->table, ntp_s - UNIX_IN_NTP, (int)tai_s))
		return "not a midnight, not later than the line before, or not one second from it";
	return NULL;
}

static const char *read_line(struct list *l, char *line, int number)
{
	char *text = line + strspn(line, BLANKS);

	if (text[0] == '\0')
		return NULL;
	if (text[0] != '#')
		return read_entry(l, text);
	switch (text[1]) {
	case '$':
		return read_moment(l, text + 2, &l->table.updated_s);
	case '@':
		return read_moment(l, text + 2, &l->table.expires_s);
	case 'h':
		/* "#hash" begins a remark. */
		if (text[2] == '\0' || strchr(BLANKS, text[2]) == NULL)
			return NULL;
		l->digest_line = number;
		return read_digest(l, text + 2);
	default:
		return NULL;
	}
}

static bool is_whole(struct list *l, char why[DS_LEAPLIST_WHY])
{
	uint32_t digest[DS_SHA1_WORDS];

	if (l->table.count == 0) {
		snprintf(why, DS_LEAPLIST_WHY, "0: no leap second in it");
		return false;
	}
	ds_sha1_end(&l->sha, digest);
	if (l->digest_line == 0 || memcmp(digest, l->digest, sizeof(digest)) == 0)
		return true;
	snprintf(why, DS_LEAPLIST_WHY, "%d: the hash is not that of the lines above it",
		 l->digest_line);
	return false;
}

bool ds_leaplist_parse(const char *text, size_t length, struct ds_leap_table *table,
		       char why[DS_LEAPLIST_WHY])
{
	struct list l = {.table.expires_s = INT64_MAX};
	const char *end = text + length;
	char line[LINE_MOST];

	ds_sha1_begin(&l.sha);
	for (int number = 1; text < end; number++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t size = (size_t)((stop != NULL ? stop : end) - text);
		const char *wrong = NULL;

		if (size >= sizeof(line) || memchr(text, '\0', size) != NULL) {
			wrong = "a NUL byte, or too long a line";
		} else {
			memcpy(line, text, size);
			line[size] = '\0';
			wrong = read_line(&l, line, number);
		}
		if (wrong != NULL) {
			snprintf(why, DS_LEAPLIST_WHY, "%d: %s", number, wrong);
			return false;
		}
		text += size + 1;
	}
	if (!is_whole(&l, why))
		return false;
	*table = l.table;
	return true;
}

/* ---- TZif ---- */

#define HEADER	  44
#define TAI_IN_72 10
#define DAY_1972  INT64_C(730) /* of 1 January, since 1970 */

struct zone {
	const uint8_t *data;
	size_t left;
	size_t leaps, times, types, chars, is_std, is_ut;
	uint8_t version; /* 0, or the character '2' and up */
};

static uint64_t big_endian(const uint8_t *p, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | p[i];
	return value;
}

static void skip(struct zone *z, size_t bytes)
{
	z->data += bytes;
	z->left -= bytes;
}

/* RFC 9636 section 3.1. */
static bool read_header(struct zone *z)
{
	const uint8_t *p = z->data;

	if (z->left < HEADER || memcmp(p, "TZif", 4) != 0)
		return false;
	z->version = p[4];
	z->is_ut = big_endian(p + 20, 4);
	z->is_std = big_endian(p + 24, 4);
	z->leaps = big_endian(p + 28, 4);
	z->times = big_endian(p + 32, 4);
	z->types = big_endian(p + 36, 4);
	z->chars = big_endian(p + 40, 4);
	skip(z, HEADER);
	return true;
}

/* Section 3.2: what lies before the leap seconds, and behind them. time: bytes of a moment. False:
 * the file is shorter than it says. Each count has 32 bits: nothing overflows in 64. */
static bool skip_block(struct zone *z, size_t time, bool to_leaps)
{
	size_t before = z->times * (time + 1) + z->types * 6 + z->chars;
	size_t leaps = z->leaps * (time + 4);
	size_t all = before + leaps + z->is_std + z->is_ut;

	if (all > z->left)
		return false;
	skip(z, to_leaps ? before : all);
	return true;
}

/* A record says when, on a count that has leap seconds in it, and how many there are then. The
 * midnight that follows is that less those before: a second more if one is left out. */
static const char *read_leaps(const struct zone *z, size_t time, struct ds_leap_table *table)
{
	int64_t before = 0;

	ds_leap_table_add(table, DAY_1972 * INT64_C(86400), TAI_IN_72);
	for (size_t i = 0; i < z->leaps; i++) {
		const uint8_t *p = z->data + i * (time + 4);
		int64_t at =
			time == 8 ? (int64_t)big_endian(p, 8) : (int32_t)(uint32_t)big_endian(p, 4);
		int64_t total = (int32_t)(uint32_t)big_endian(p + time, 4);

		if (at < 0 || at > NTP_MOST || total < -900 || total > 900)
			return "a leap second that is out of all bounds";
		if (total == before && i + 1 == z->leaps && z->version >= '4') {
			table->expires_s = at - before; /* section 6 */
			break;
		}
		if (!ds_leap_table_add(table, at - before + (total < before), 10 + (int)total))
			return "leap seconds that do not follow each other";
		before = total;
	}
	return NULL;
}

bool ds_leaplist_parse_zone(const uint8_t *data, size_t length, struct ds_leap_table *table,
			    char why[DS_LEAPLIST_WHY])
{
	struct ds_leap_table read = {.expires_s = INT64_MAX};
	struct zone z = {.data = data, .left = length};
	const char *wrong = "not a compiled time zone (TZif)";
	size_t time = 4;
	bool good = read_header(&z);

	if (good && z.version >= '2') {
		time = 8;
		good = skip_block(&z, 4, false) && read_header(&z);
	}
	if (good && skip_block(&z, time, true))
		wrong = z.leaps > 0 ? read_leaps(&z, time, &read)
				    : "no leap seconds in it: those below right/ have; "
				      "or use 'leapseclist'";
	if (wrong != NULL) {
		snprintf(why, DS_LEAPLIST_WHY, "%s", wrong);
		return false;
	}
	*table = read;
	return true;
}

/* ---- files ---- */

static char contents[DS_LEAPLIST_MOST + 1]; /* one thread reads such files */

static ssize_t read_whole(const char *path, char why[DS_LEAPLIST_WHY])
{
	ssize_t length = ds_file_read(path, contents, sizeof(contents));

	if (length == DS_LEAPLIST_MOST)
		length = -EFBIG;
	if (length < 0)
		snprintf(why, DS_LEAPLIST_WHY, "%.250s: %s", path, strerror((int)-length));
	return length;
}

int ds_leaplist_read(const char *path, struct ds_leap_table *table, char why[DS_LEAPLIST_WHY])
{
	ssize_t length = read_whole(path, why);
	char cause[DS_LEAPLIST_WHY];

	if (length < 0)
		return (int)length;
	if (ds_leaplist_parse(contents, (size_t)length, table, cause))
		return 0;
	snprintf(why, DS_LEAPLIST_WHY, "%.250s:%.200s", path, cause);
	return -EBADMSG;
}

int ds_leaplist_read_zone(const char *zone, struct ds_leap_table *table, char why[DS_LEAPLIST_WHY])
{
	const char *folder = getenv("TZDIR");
	char path[512];
	char cause[DS_LEAPLIST_WHY];
	ssize_t length;

	if (folder == NULL || folder[0] != '/')
		folder = ZONES;
	if (zone[0] == '/')
		snprintf(path, sizeof(path), "%s", zone);
	else
		snprintf(path, sizeof(path), "%.240s/%.240s", folder, zone);
	length = read_whole(path, cause);
	if (length < 0) {
		snprintf(why, DS_LEAPLIST_WHY, "%.400s (is there a list for 'leapseclist'?)",
			 cause);
		return (int)length;
	}
	if (ds_leaplist_parse_zone((const uint8_t *)contents, (size_t)length, table, cause))
		return 0;
	snprintf(why, DS_LEAPLIST_WHY, "%.250s: %.200s", path, cause);
	return -EBADMSG;
}
