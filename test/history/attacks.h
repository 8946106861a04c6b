/*
 * attacks: the lists that find_attack() looks through; each ends with a name of NULL.
 * It must never name an attack twice.
 */
#ifndef TEST_HISTORY_ATTACKS_H
#define TEST_HISTORY_ATTACKS_H

#include "stage.h"

extern const struct attack attacks_key[];  /* on keys and symmetric mode */
extern const struct attack attacks_many[]; /* on broadcast */

#endif
