/* packets: see packets.h. */
#include "packets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/mac.h"

void set_mode(struct bytes *p, unsigned int version, unsigned int mode)
{
	p->b[0] = (uint8_t)(version << 3 | mode);
}

struct bytes plausible(uint64_t origin)
{
	struct bytes p = {.b = {4 << 3 | 4, 1, POLL_LOG2, 0xe8}, .n = HEADER};
	uint64_t now = now_ntp();

	memcpy(p.b + 12, "LIES", 4);
	write64(p.b + 16, now & ~UINT64_C(0xffffffff));
	write64(p.b + AT_ORIGIN, origin);
	write64(p.b + AT_RECEIVE, now);
	write64(p.b + AT_XMT, now + 65536);
	return p;
}

struct bytes lie(uint64_t origin)
{
	struct bytes p = plausible(origin);
	uint64_t then = now_ntp() + SHIFT;

	p.b[AT_POLL] = 0;
	write64(p.b + 16, then & ~UINT64_C(0xffffffff));
	write64(p.b + AT_RECEIVE, then);
	write64(p.b + AT_XMT, then + 65536);
	return p;
}

struct bytes kiss(uint64_t origin, const char *code)
{
	struct bytes p = lie(origin);

	p.b[0] |= 3 << 6;
	p.b[1] = 0;
	memcpy(p.b + 12, code, 4);
	return p;
}

static void add_key(struct bytes *p, uint32_t key)
{
	for (unsigned int i = 0; i < KEY_ID; i++)
		p->b[p->n++] = (uint8_t)(key >> (24 - 8 * i));
}

void add_nak(struct bytes *p, uint32_t key)
{
	add_key(p, key);
}

void add_bad_mac(struct bytes *p, uint32_t key, size_t digest)
{
	add_key(p, key);
	memset(p->b + p->n, 0x5a, digest);
	p->n += digest;
}

static struct ds_mac *key_of(uint32_t id)
{
	static const uint8_t secrets[2][16] = {
		{0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf,
		 0x4f, 0x3c},
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	};
	static struct ds_mac *made[2];
	unsigned int i = id == OUR_KEY ? 0 : 1;
	char why[DS_WHY] = "";

	if (made[i] == NULL)
		made[i] = ds_mac_new(ds_mac_type_find("AES128", why), secrets[i], 16, why);
	if (made[i] == NULL) {
		fprintf(stderr, "stage: no key: %s\n", why);
		exit(2);
	}
	return made[i];
}

void sign_as(struct bytes *p, uint32_t key, uint32_t says)
{
	uint8_t mac[DS_MAC_MOST];

	if (!ds_mac_make(key_of(key), p->b, p->n, mac)) {
		fputs("stage: cannot sign\n", stderr);
		exit(2);
	}
	add_key(p, says);
	memcpy(p->b + p->n, mac, MAC_SIZE - KEY_ID);
	p->n += MAC_SIZE - KEY_ID;
}

void sign(struct bytes *p, uint32_t key)
{
	sign_as(p, key, key);
}
