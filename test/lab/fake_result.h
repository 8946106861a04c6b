/*
 * fake_result: results of a run of the lab that never was, for tests of what is made of results:
 * the same on every machine, with noise as measured between daemons on one machine.
 * It must never be taken for a measurement: nothing but tests may link it.
 */
#ifndef DS_TEST_FAKE_RESULT_H
#define DS_TEST_FAKE_RESULT_H

#include <stdbool.h>

#include "lab/result.h"

enum fake_kind {
	FAKE_HEALTHY, /* four hosts, all modes, four repeats */
	FAKE_LOADED,  /* the same, load by turns */
	FAKE_PARTIAL, /* ended early; a daemon died, a mode that some do not know */
	FAKE_HOSTILE, /* names and texts that would be markup, figures that are none */
	FAKE_EMPTY,   /* not one sample */
	FAKE_SMALL,   /* two hosts, few samples */
	FAKE_LARGE,   /* eight hosts */
	FAKE_KINDS
};

/* "healthy", ...; FAKE_KINDS for what is none. */
enum fake_kind fake_find(const char *name);
const char *fake_name(enum fake_kind kind);

#define FAKE_SECONDS 14 /* of a repeat, as a run has them; tests that need no such sizes take 3 */

/* Fills result, findings too; ds_result_free() it. False without memory. */
bool fake_result(enum fake_kind kind, int seconds, struct ds_lab_result *result);

#endif
