/*
 * fuzz_keys: a key file, and behind its first zero byte a datagram that is checked with it.
 * Whatever the file holds, messages are printable and bounded, the text is wiped, and the table is
 * in order. A verdict is good for a MAC that signing gives, and for no other.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void say(void *context, bool error, const char *file, int line, const char *text)
{
	size_t length = strlen(text);

	*(bool *)context |= error;
	MUST(length > 0 && length <= 767 && strcmp(file, "fuzz") == 0 && line >= 0);
	for (size_t i = 0; i < length; i++)
		MUST(text[i] >= 0x20 && text[i] <= 0x7e);
}

static void check(const struct ds_keys *keys, const uint8_t *data, size_t length)
{
	struct ds_frame frame;
	uint8_t again[DS_WIRE_MAX_SIZE + DS_KEYS_MAC_MOST];
	enum ds_auth auth;

	if (ds_wire_read(data, length, &frame) != DS_R_OK)
		return;
	auth = ds_keys_check(keys, data, &frame, 0);
	MUST((auth == DS_AUTH_ABSENT) == (frame.mac_length == 0));
	if (frame.mac_length == 0)
		return;
	MUST(ds_keys_check(keys, data, &frame, frame.key_id == 1 ? 2 : 1) == DS_AUTH_BAD);
	memcpy(again, data, frame.mac_offset);
	if (auth == DS_AUTH_GOOD)
		MUST(ds_keys_sign_answer(keys, frame.key_id, again, frame.mac_offset,
					 frame.mac_length) == length &&
		     memcmp(again, data, length) == 0);
	/* And what is signed is good. */
	length = ds_keys_sign(keys, frame.key_id, again, frame.mac_offset, frame.packet.version);
	MUST((length != 0) == (ds_keys_find(keys, frame.key_id) != NULL));
	if (length != 0)
		MUST(ds_wire_read(again, length, &frame) == DS_R_OK &&
		     ds_keys_check(keys, again, &frame, 0) == DS_AUTH_GOOD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ds_keys keys;
	static char text[4096];
	const uint8_t *zero = memchr(data, 0, size);
	size_t length = zero != NULL ? (size_t)(zero - data) : size;
	bool failed = false;

	if (length >= sizeof text)
		return 0;
	memcpy(text, data, length);
	text[length] = '\0';
	MUST(ds_keys_parse(&keys, text, length, "fuzz", say, &failed) == !failed);
	for (size_t i = 0; i < length; i++)
		MUST(text[i] == '\0');
	for (uint16_t i = 1; i < keys.count; i++)
		MUST(keys.list[i - 1].id < keys.list[i].id);
	if (zero != NULL)
		check(&keys, zero + 1, size - length - 1);
	ds_keys_free(&keys);
	return 0;
}
