/* auth: see auth.h. */
#include "core/exchange/auth.h"

#define NAK_LENGTH 4 /* RFC 5905 section 7.3: a key identifier alone */

static bool is_good(const struct ds_frame *frame, enum ds_auth auth)
{
	return auth == DS_AUTH_GOOD && frame->mac_length != NAK_LENGTH;
}

bool ds_auth_accepts(bool keyed, const struct ds_frame *frame, enum ds_auth auth)
{
	if (keyed)
		return is_good(frame, auth);
	return auth != DS_AUTH_BAD && frame->mac_length == 0;
}

bool ds_auth_answers(const struct ds_frame *frame, enum ds_auth auth)
{
	if (frame->mac_length != 0)
		return is_good(frame, auth);
	return auth != DS_AUTH_BAD;
}
