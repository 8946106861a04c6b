/*
 * driftfile: two numbers there and back, and files that are none.
 * It must never write outside a directory of its own.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/driftfile.h"
#include "os/file.h"

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/ds-drift-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/drift", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void there_and_back(void **state)
{
	double freq = 0.0;
	double sd = 0.0;
	char text[64];

	(void)state;
	ds_driftfile_write(path, -12345.678, 34.5);
	assert_true(ds_file_read(path, text, sizeof(text)) > 0);
	assert_string_equal(text, "           12.345678             0.034500\n");
	assert_true(ds_driftfile_read(path, &freq, &sd));
	assert_true(fabs(freq + 12345.678) < 1e-6 && fabs(sd - 34.5) < 1e-6);
	/* Nobody knows a frequency to nothing. */
	ds_driftfile_write(path, 0.0, 0.0);
	assert_true(ds_driftfile_read(path, &freq, &sd));
	assert_true(sd == 1.0);
}

static void what_is_none(void **state)
{
	static const char *const texts[] = {"",	       "\n",	    "12.5\n",  "x 1\n",
					    "1 x\n",   "nan 1\n",   "inf 1\n", "1 -0.5\n",
					    "1 inf\n", "100001 1\n"};
	double freq = 7.0;
	double sd = 8.0;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(ds_file_replace(path, texts[i], 0644), 0);
		assert_false(ds_driftfile_read(path, &freq, &sd));
		assert_true(freq == 7.0 && sd == 8.0);
	}
	unlink(path);
	assert_false(ds_driftfile_read(path, &freq, &sd));
	assert_false(ds_driftfile_read("", &freq, &sd));
	ds_driftfile_write("", 1.0, 1.0);
	ds_driftfile_write("/nowhere/at/all/drift", 1.0, 1.0);
	assert_true(freq == 7.0 && sd == 8.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
