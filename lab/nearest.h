/*
 * nearest: the known word that a wrong one was probably meant to be.
 * It must never name one that resembles it only as far as any word does.
 */
#ifndef DS_LAB_NEAREST_H
#define DS_LAB_NEAREST_H

/* By edit distance (Levenshtein 1966), at most three; words of 63 characters at most. NULL: none.
 */
const char *ds_lab_nearest(const char *word, const char *const *words, int count);

#endif
