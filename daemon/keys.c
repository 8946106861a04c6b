/* keys: see keys.h. What held a key on its way into the table is wiped. */
#include "daemon/keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "os/file.h"

#define BLANKS	     " \t\r\v\f"
#define ID_SIZE	     4
#define DIGEST_V4    20 /* RFC 7822: a MAC has at most 24 bytes in version 4 */
#define SECURE_BYTES 10 /* 80 bits */

struct reader {
	struct ds_keys *keys;
	ds_conf_say *say;
	void *context;
	const char *file;
	int line;
	bool failed;
};

__attribute__((format(printf, 3, 4))) static void complain(struct reader *r, bool error,
							   const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	r->failed |= error;
	r->say(r->context, error, r->file, r->line, text);
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

	return c != '\0' && at != NULL ? (int)(at - digits) : -1;
}

/* Bytes of a key as it is written; 0 after saying why it is none. */
static size_t decode(struct reader *r, const char *text, uint8_t key[DS_MAC_KEY_MOST])
{
	bool hex = strncmp(text, "HEX:", 4) == 0;
	size_t length;

	if (hex)
		text += 4;
	else if (strncmp(text, "ASCII:", 6) == 0)
		text += 6;
	length = strlen(text);
	if (hex && length % 2 != 0) {
		complain(r, true, "an odd number of hexadecimal digits");
		return 0;
	}
	if (hex)
		length /= 2;
	if (length < 1 || length > DS_MAC_KEY_MOST) {
		complain(r, true, "a key has 1 to %d bytes, not %zu", DS_MAC_KEY_MOST, length);
		return 0;
	}
	if (!hex)
		memcpy(key, text, length);
	for (size_t i = 0; hex && i < length; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0) {
			complain(r, true, "digit %zu of the key is not hexadecimal",
				 2 * i + (high < 0 ? 1 : 2));
			return 0;
		}
		key[i] = (uint8_t)(high << 4 | low);
	}
	return length;
}

/* 0: no identifier. */
static uint32_t parse_id(const char *text)
{
	uint64_t id = 0;

	if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0' || strlen(text) > 10)
		return 0;
	for (; *text != '\0'; text++)
		id = 10 * id + (uint64_t)(*text - '0');
	return id <= UINT32_MAX ? (uint32_t)id : 0;
}

static void add(struct reader *r, uint32_t id, const struct ds_mac_type *type, const uint8_t *bytes,
		size_t length)
{
	struct ds_keys *keys = r->keys;
	char why[DS_WHY];
	struct ds_key key = {.id = id, .line = r->line};
	uint16_t at = keys->count;

	key.mac = ds_mac_new(type, bytes, length, why);
	if (key.mac == NULL) {
		complain(r, true, "%s", why);
		return;
	}
	key.cost_ns = ds_mac_measure_ns(key.mac);
	while (at > 0 && keys->list[at - 1].id > id)
		at--;
	memmove(&keys->list[at + 1], &keys->list[at],
		(size_t)(keys->count - at) * sizeof keys->list[0]);
	keys->list[at] = key;
	keys->count++;
	if (type->broken)
		complain(r, false, "%s is broken, and only for what knows no better: use AES128",
			 type->name);
	if (length < SECURE_BYTES)
		complain(r, false, "a key of %zu bytes can be guessed: use %d or more", length,
			 SECURE_BYTES);
}

static void read_key(struct reader *r, const char *id_text, const char *type_text,
		     const char *key_text)
{
	uint8_t bytes[DS_MAC_KEY_MOST];
	const struct ds_key *same;
	const struct ds_mac_type *type;
	char why[DS_WHY];
	uint32_t id = parse_id(id_text);
	size_t length;

	if (id == 0) {
		complain(r, true, "a line begins with the key's number, from 1 to 4294967295");
		return;
	}
	type = ds_mac_type_find(type_text, why);
	if (type == NULL) {
		complain(r, true, "%s", why);
		return;
	}
	same = ds_keys_find(r->keys, id);
	if (same != NULL) {
		complain(r, true, "key %u stands in line %d, too", (unsigned)id, same->line);
		return;
	}
	if (r->keys->count == DS_KEYS_MOST) {
		complain(r, true, "more than %d keys", DS_KEYS_MOST);
		return;
	}
	length = decode(r, key_text, bytes);
	if (length > 0)
		add(r, id, type, bytes, length);
	explicit_bzero(bytes, sizeof bytes);
}

static void read_line(struct reader *r, char *text)
{
	char *words[4];
	size_t count = 0;
	char *rest;

	for (char *word = strtok_r(text, BLANKS, &rest); word != NULL && count < 4;
	     word = strtok_r(NULL, BLANKS, &rest))
		words[count++] = word;
	if (count == 0 || strchr("#%;!", words[0][0]) != NULL)
		return;
	if (count == 2)
		read_key(r, words[0], "MD5", words[1]);
	else if (count == 3)
		read_key(r, words[0], words[1], words[2]);
	else
		complain(r, true, "a line has the key's number, its type, and the key, not %s",
			 count == 1 ? "one word" : "more than three words");
}

bool ds_keys_parse(struct ds_keys *keys, char *text, size_t length, const char *file,
		   ds_conf_say *say, void *context)
{
	struct reader r = {.keys = keys, .say = say, .context = context, .file = file};

	if (strlen(text) != length) {
		complain(&r, true, "is no text: it holds a zero byte");
	} else {
		for (char *line = text, *next; line != NULL; line = next) {
			next = strchr(line, '\n');
			if (next != NULL)
				*next++ = '\0';
			r.line++;
			read_line(&r, line);
		}
	}
	explicit_bzero(text, length);
	return !r.failed;
}

bool ds_keys_load(struct ds_keys *keys, const char *path, ds_conf_say *say, void *context)
{
	static char text[DS_KEYS_FILE + 2];
	struct reader r = {.keys = keys, .say = say, .context = context, .file = path};
	struct stat status;
	ssize_t length = ds_file_read(path, text, sizeof text);
	bool good;

	if (length < 0)
		complain(&r, true, "cannot read the keys: %s", strerror((int)-length));
	else if (length > DS_KEYS_FILE)
		complain(&r, true, "longer than %d bytes", DS_KEYS_FILE);
	if (r.failed) {
		explicit_bzero(text, sizeof text);
		return false;
	}
	if (stat(path, &status) == 0 && (status.st_mode & S_IROTH) != 0)
		complain(&r, false, "everybody may read the keys: chmod o-r");
	good = ds_keys_parse(keys, text, (size_t)length, path, say, context);
	explicit_bzero(text, sizeof text);
	return good;
}

void ds_keys_free(struct ds_keys *keys)
{
	for (uint16_t i = 0; i < keys->count; i++)
		ds_mac_free(keys->list[i].mac);
	memset(keys, 0, sizeof *keys);
}

const struct ds_key *ds_keys_find(const struct ds_keys *keys, uint32_t id)
{
	size_t low = 0;
	size_t high = keys->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (keys->list[middle].id == id)
			return &keys->list[middle];
		if (keys->list[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool ds_keys_require(const struct ds_keys *keys, uint32_t id, const char *file, int line,
		     ds_conf_say *say, void *context)
{
	struct reader r = {.say = say, .context = context, .file = file, .line = line};

	if (id != 0 && ds_keys_find(keys, id) == NULL)
		complain(&r, true, "key %u is not in the keyfile", (unsigned)id);
	return !r.failed;
}

/* digest: how many bytes of it, at most as many as the type has. */
static size_t sign(const struct ds_key *key, uint8_t *packet, size_t length, size_t digest)
{
	uint8_t mac[DS_MAC_MOST];

	if (key == NULL || digest > ds_mac_type(key->mac)->length ||
	    !ds_mac_make(key->mac, packet, length, mac))
		return 0;
	for (unsigned i = 0; i < ID_SIZE; i++)
		packet[length + i] = (uint8_t)(key->id >> (24 - 8 * i));
	memcpy(packet + length + ID_SIZE, mac, digest);
	return length + ID_SIZE + digest;
}

size_t ds_keys_sign(const struct ds_keys *keys, uint32_t id, uint8_t *packet, size_t length,
		    uint8_t version)
{
	const struct ds_key *key = ds_keys_find(keys, id);
	size_t digest = key != NULL ? ds_mac_type(key->mac)->length : 0;

	if (version == 4 && digest > DIGEST_V4)
		digest = DIGEST_V4;
	return sign(key, packet, length, digest);
}

size_t ds_keys_sign_answer(const struct ds_keys *keys, uint32_t id, uint8_t *packet, size_t length,
			   size_t mac_length)
{
	return sign(ds_keys_find(keys, id), packet, length, mac_length - ID_SIZE);
}

int64_t ds_keys_cost_ns(const struct ds_keys *keys, uint32_t id)
{
	const struct ds_key *key = ds_keys_find(keys, id);

	return key != NULL ? key->cost_ns : 0;
}

enum ds_auth ds_keys_check(const struct ds_keys *keys, const uint8_t *data,
			   const struct ds_frame *frame, uint32_t required)
{
	size_t digest = (size_t)frame->mac_length - ID_SIZE;
	const struct ds_key *key;
	uint8_t mac[DS_MAC_MOST];
	size_t whole;

	if (frame->mac_length == 0)
		return DS_AUTH_ABSENT;
	if (frame->mac_length == ID_SIZE || (required != 0 && frame->key_id != required))
		return DS_AUTH_BAD;
	key = ds_keys_find(keys, frame->key_id);
	if (key == NULL)
		return DS_AUTH_BAD;
	whole = ds_mac_type(key->mac)->length;
	if (digest != whole &&
	    !(frame->packet.version == 4 && digest == DIGEST_V4 && whole > DIGEST_V4))
		return DS_AUTH_BAD;
	if (!ds_mac_make(key->mac, data, frame->mac_offset, mac) ||
	    !ds_mac_equal(mac, data + frame->mac_offset + ID_SIZE, digest))
		return DS_AUTH_BAD;
	return DS_AUTH_GOOD;
}
