/*
 * md5: the message digest of RFC 1321, for the one place where NTP still wants it without a secret.
 * It must never be used where anybody gains by a collision: keys have a room of their own (mac).
 */
#ifndef DS_OS_MD5_H
#define DS_OS_MD5_H

#include <stddef.h>
#include <stdint.h>

#define DS_MD5_SIZE 16
#define DS_MD5_MAX  55 /* bytes of a message: one block, its padding and its length */

/* Messages of at most DS_MD5_MAX bytes; what is beyond is left out. */
void ds_md5(const uint8_t *bytes, size_t length, uint8_t digest[DS_MD5_SIZE]);

#endif
