/*
 * packets: what forged packets are made of.
 * It must never know more of the world than it is told.
 */
#ifndef TEST_HISTORY_PACKETS_H
#define TEST_HISTORY_PACKETS_H

#include "stage.h"

#define SHIFT  (UINT64_C(1) << 31) /* 0.5 s: what a forged answer would move the victim by */
#define KEY_ID 4

void set_mode(struct bytes *p, unsigned int version, unsigned int mode);

/* What a good server would say half a second later, for this origin. */
struct bytes lie(uint64_t origin);
/* The same with the true time: what is wrong with it must lie elsewhere. */
struct bytes plausible(uint64_t origin);
struct bytes kiss(uint64_t origin, const char *code);

/* Nothing but a key identifier behind the header: a crypto-NAK. */
void add_nak(struct bytes *p, uint32_t key);
/* A MAC that no key made. */
void add_bad_mac(struct bytes *p, uint32_t key, size_t digest);
/* A true MAC by that key (OUR_KEY, OTHER_KEY), saying that it is of the key `says`. */
void sign_as(struct bytes *p, uint32_t key, uint32_t says);
void sign(struct bytes *p, uint32_t key);

#endif
