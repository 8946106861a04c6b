/* fake_report: the reports of a result that never was, for the test of the page.
 * usage: fake-report KIND html|json|table */
#include <stdio.h>
#include <string.h>

#include "fake_result.h"
#include "lab/report.h"

static bool table(const struct ds_lab_result *result, FILE *out)
{
	return ds_report_table(result, out, false);
}

int main(int argc, char **argv)
{
	struct ds_lab_result result = {0};
	enum fake_kind kind = argc == 3 ? fake_find(argv[1]) : FAKE_KINDS;
	bool good;

	if (kind == FAKE_KINDS) {
		fputs("usage: fake-report KIND html|json|table\n", stderr);
		return 2;
	}
	good = fake_result(kind, FAKE_SECONDS, &result) &&
	       (strcmp(argv[2], "html") == 0   ? ds_report_html
		: strcmp(argv[2], "json") == 0 ? ds_report_json
					       : table)(&result, stdout);
	ds_result_free(&result);
	return good ? 0 : 1;
}
