/* nearest: see the header. It must never look at more than the words' beginnings. */
#include "lab/nearest.h"

#include <string.h>

#define WORD_MAX 63
#define FAR	 4

static int least_of(int a, int b, int c)
{
	int least = a < b ? a : b;

	return least < c ? least : c;
}

static int distance(const char *a, const char *b)
{
	int row[WORD_MAX + 1];
	int width = (int)strnlen(b, WORD_MAX);
	int height = (int)strnlen(a, WORD_MAX);

	for (int j = 0; j <= width; j++)
		row[j] = j;
	for (int i = 1; i <= height; i++) {
		int diagonal = row[0];
		row[0] = i;
		for (int j = 1; j <= width; j++) {
			int above = row[j];
			row[j] = least_of(above + 1, row[j - 1] + 1,
					  diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[width];
}

const char *ds_lab_nearest(const char *word, const char *const *words, int count)
{
	const char *nearest = NULL;
	int least = FAR;

	for (int i = 0; i < count; i++) {
		int far = distance(word, words[i]);
		if (far < least && far < (int)strlen(words[i])) {
			least = far;
			nearest = words[i];
		}
	}
	return nearest;
}
