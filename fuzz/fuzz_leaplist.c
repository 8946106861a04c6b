/*
 * fuzz_leaplist: a list of leap seconds, or where it begins as one does a compiled time zone.
 * Whatever it holds, there is a table that makes sense or a sentence of bounded length, and a table
 * from before is as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/leaplist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct ds_leap_table *table)
{
	if (table->count == 0 || table->count > DS_LEAP_ENTRIES)
		abort();
	for (int i = 0; i < table->count; i++) {
		const struct ds_leap_entry *e = &table->entries[i];

		if (e->at_s % 86400 != 0 || e->tai_minus_utc_s < 1 || e->tai_minus_utc_s > 999)
			abort();
		if (i > 0 &&
		    (e->at_s <= e[-1].at_s || abs(e->tai_minus_utc_s - e[-1].tai_minus_utc_s) != 1))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ds_leap_table before = {.count = 77, .expires_s = 77};
	struct ds_leap_table table = before;
	char why[DS_LEAPLIST_WHY] = "";
	bool good;

	if (size >= 4 && memcmp(data, "TZif", 4) == 0)
		good = ds_leaplist_parse_zone(data, size, &table, why);
	else
		good = ds_leaplist_parse((const char *)data, size, &table, why);
	if (good)
		check(&table);
	else if (why[0] == '\0' || memchr(why, '\0', sizeof why) == NULL ||
		 memcmp(&table, &before, sizeof table) != 0)
		abort();
	return 0;
}
