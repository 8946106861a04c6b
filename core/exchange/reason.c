/*
 * reason: the names and sentences of the one list in the header.
 * It must never hold a word that is not in that list.
 */
#include "core/exchange/reason.h"

static const char *const names[DS_REASON_COUNT] = {
#define X(symbol, name, sentence) [DS_R_##symbol] = name,
	DS_REASONS(X)
#undef X
};

static const char *const sentences[DS_REASON_COUNT] = {
#define X(symbol, name, sentence) [DS_R_##symbol] = sentence,
	DS_REASONS(X)
#undef X
};

const char *ds_reason_name(enum ds_reason reason)
{
	if ((unsigned int)reason >= DS_REASON_COUNT)
		return "unknown";
	return names[reason];
}

const char *ds_reason_sentence(enum ds_reason reason)
{
	if ((unsigned int)reason >= DS_REASON_COUNT)
		return "unknown";
	return sentences[reason];
}
