/*
 * Tests of os/mac: published vectors, digests computed elsewhere, what is refused, and that
 * computing allocates nothing. Where OpenSSL's headers are installed, the prototypes in
 * os/libcrypto.h are compared with them as this file is compiled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#if defined(__has_include)
#if __has_include(<openssl/evp.h>)
#include <openssl/core_dispatch.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#if OPENSSL_VERSION_MAJOR >= 3
#define HAS_OPENSSL_HEADERS 1
#endif
#endif
#endif

#include "os/libcrypto.h"
#include "os/mac.h"

#ifdef HAS_OPENSSL_HEADERS
#define X(result, name, arguments)                                                                 \
	_Static_assert(                                                                            \
		__builtin_types_compatible_p(__typeof__(&name), __typeof__(result(*) arguments)),  \
		#name " is declared otherwise by OpenSSL");
DS_LIBCRYPTO(X)
#undef X

#define SAME(a, b) _Static_assert(__builtin_types_compatible_p(a, b), #a " is another type")
SAME(ds_ossl_newctx, OSSL_FUNC_digest_newctx_fn);
SAME(ds_ossl_init, OSSL_FUNC_digest_init_fn);
SAME(ds_ossl_update, OSSL_FUNC_digest_update_fn);
SAME(ds_ossl_final, OSSL_FUNC_digest_final_fn);
SAME(ds_ossl_freectx, OSSL_FUNC_digest_freectx_fn);
_Static_assert(DS_OSSL_OP_DIGEST == OSSL_OP_DIGEST &&
		       DS_OSSL_DIGEST_NEWCTX == OSSL_FUNC_DIGEST_NEWCTX &&
		       DS_OSSL_DIGEST_INIT == OSSL_FUNC_DIGEST_INIT &&
		       DS_OSSL_DIGEST_UPDATE == OSSL_FUNC_DIGEST_UPDATE &&
		       DS_OSSL_DIGEST_FINAL == OSSL_FUNC_DIGEST_FINAL &&
		       DS_OSSL_DIGEST_FREECTX == OSSL_FUNC_DIGEST_FREECTX,
	       "another number");
#endif

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned int byte;

	for (; sscanf(hex, " %2x", &byte) == 1; hex += 2) {
		hex += strspn(hex, " ");
		out[n++] = (uint8_t)byte;
	}
	return n;
}

static struct ds_mac *mac_of(const char *type, const uint8_t *key, size_t length)
{
	char why[DS_WHY] = "";
	const struct ds_mac_type *t = ds_mac_type_find(type, why);
	struct ds_mac *mac;

	if (t == NULL)
		fail_msg("%s", why);
	mac = ds_mac_new(t, key, length, why);
	if (mac == NULL)
		fail_msg("%s: %s", type, why);
	return mac;
}

static void check(const char *type, const char *key_hex, const char *message_hex,
		  const char *expected_hex)
{
	uint8_t key[64], message[80], expected[64], out[DS_MAC_MOST];
	size_t key_length = from_hex(key_hex, key), length = from_hex(message_hex, message);
	size_t expected_length = from_hex(expected_hex, expected);
	struct ds_mac *mac = mac_of(type, key, key_length);

	assert_int_equal(ds_mac_type(mac)->length, expected_length);
	for (int again = 0; again < 3; again++) {
		memset(out, 0, sizeof(out));
		assert_true(ds_mac_make(mac, message, length, out));
		assert_memory_equal(out, expected, expected_length);
	}
	ds_mac_free(mac);
}

#define M16 "6bc1bee22e409f96e93d7e117393172a"
#define M40 M16 "ae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
#define M64                                                                                        \
	M16 "ae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17"     \
	    "ad2b417be66c3710"

/* RFC 4493 section 4, which RFC 8573 section 5 refers to; AES-256: NIST SP 800-38B appendix D.3. */
static void test_cmac_vectors(void **state)
{
	static const char k128[] = "2b7e151628aed2a6abf7158809cf4f3c";
	static const char k256[] =
		"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";

	(void)state;
	check("AES128", k128, "", "bb1d6929e95937287fa37d129b756746");
	check("AES128", k128, M16, "070a16b46b4d4144f79bdd9dd04a287c");
	check("AES128", k128, M40, "dfa66747de9ae63030ca32611497c827");
	check("AES128", k128, M64, "51f0bebf7e3b9d92fc49741779363cfe");
	check("AES256", k256, "", "028962f61b7bf89efc6b551f4667d983");
	check("AES256", k256, M16, "28a7023f452e8f82bd4bf28d8c37c35c");
	check("AES256", k256, M40, "aaf3d8f1de5640c232f5b169b9c911e6");
	check("AES256", k256, M64, "e1992190549f6ed5696a2c056c315410");
}

/* H("ab" || "c"): the digests of "abc" in FIPS 180-4 and 202 and RFC 1321, whose examples these
 * are. */
static void test_digests(void **state)
{
	(void)state;
	check("MD5", "6162", "63", "900150983cd24fb0d6963f7d28e17f72");
	check("SHA1", "6162", "63", "a9993e364706816aba3e25717850c26c9cd0d89d");
	check("SHA256", "61", "6263",
	      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check("SHA384", "616263", "",
	      "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
	      "8086072ba1e7cc2358baeca134c825a7");
	check("SHA512", "6162", "63",
	      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	check("SHA3-224", "6162", "63", "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf");
	check("SHA3-256", "6162", "63",
	      "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
	check("SHA3-384", "6162", "63",
	      "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b2"
	      "98d88cea927ac7f539f1edf228376d25");
	check("sha3-512", "6162", "63",
	      "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
	      "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0");
}

static const char *const all[] = {"MD5",      "SHA1",	  "SHA256",   "SHA384",
				  "SHA512",   "SHA3-224", "SHA3-256", "SHA3-384",
				  "SHA3-512", "AES128",	  "AES256"};
#define ALL (sizeof(all) / sizeof(all[0]))

static struct ds_mac *mac_of_any(const char *type)
{
	static const uint8_t key[32] = "0123456789abcdef0123456789abcde";
	char why[DS_WHY];
	size_t wanted = ds_mac_type_find(type, why)->key_length;

	return mac_of(type, key, wanted != 0 ? wanted : 20);
}

/* Contexts side by side do not disturb each other, and what a key has computed before makes no
 * difference. */
static void test_keys_are_apart(void **state)
{
	struct ds_mac *macs[2 * ALL];
	uint8_t first[DS_MAC_MOST], again[DS_MAC_MOST];
	uint8_t packet[48] = {0x23};

	(void)state;
	for (size_t i = 0; i < 2 * ALL; i++)
		macs[i] = mac_of_any(all[i % ALL]);
	for (size_t i = 0; i < ALL; i++) {
		assert_true(ds_mac_make(macs[i], packet, sizeof(packet), first));
		assert_true(ds_mac_make(macs[(i + 1) % ALL], packet, 7, again));
		assert_true(ds_mac_make(macs[i + ALL], packet, 17, again));
		assert_false(ds_mac_equal(first, again, ds_mac_type(macs[i])->length));
		assert_true(ds_mac_make(macs[i + ALL], packet, sizeof(packet), again));
		assert_true(ds_mac_equal(first, again, ds_mac_type(macs[i])->length));
	}
	for (size_t i = 0; i < 2 * ALL; i++)
		ds_mac_free(macs[i]);
	ds_mac_free(NULL);
}

static void test_what_is_refused(void **state)
{
	static const uint8_t key[DS_MAC_KEY_MOST + 1] = {1};
	char why[DS_WHY];

	(void)state;
	assert_null(ds_mac_type_find("TIGER", why));
	assert_string_equal(why, "type TIGER is not supported");
	assert_null(ds_mac_type_find("whirlpool", why));
	assert_null(ds_mac_type_find("M", why));
	assert_memory_equal(why, "unknown type: known are MD5, ", 29);
	assert_null(ds_mac_new(ds_mac_type_find("AES128", why), key, 15, why));
	assert_string_equal(why, "a key of type AES128 has 16 bytes, not 15");
	assert_null(ds_mac_new(ds_mac_type_find("AES256", why), key, 16, why));
	assert_null(ds_mac_new(ds_mac_type_find("SHA1", why), key, 0, why));
	assert_null(ds_mac_new(ds_mac_type_find("SHA1", why), key, sizeof(key), why));
	assert_string_equal(why, "a key has 1 to 512 bytes, not 513");
}

static void test_equal(void **state)
{
	uint8_t a[20] = {0}, b[20] = {0};

	(void)state;
	assert_true(ds_mac_equal(a, b, sizeof(a)));
	for (size_t i = 0; i < 8 * sizeof(a); i++) {
		b[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(ds_mac_equal(a, b, sizeof(a)));
		assert_true(ds_mac_equal(a, b, i / 8));
		b[i / 8] = 0;
	}
}

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1 /* it has an allocator of its own */
#endif
#endif

/* Every call of the C library's allocator, the library's own included, passes here. */
static unsigned long allocations;
#ifndef SANITIZED
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}
void *calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}
void *realloc(void *p, size_t size)
{
	allocations++;
	return __libc_realloc(p, size);
}
#endif

static void test_computing_allocates_nothing(void **state)
{
	uint8_t packet[48] = {0x23};
	uint8_t out[DS_MAC_MOST];
	unsigned long before;

	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		struct ds_mac *mac = mac_of_any(all[i]);
		size_t used = mallinfo2().uordblks;
		bool good = true;

		before = allocations;
		for (int n = 0; n < 20000; n++) {
			packet[40] = (uint8_t)n;
			good &= ds_mac_make(mac, packet, sizeof(packet), out);
		}
		assert_true(good);
		assert_int_equal(allocations - before, 0);
		assert_int_equal(mallinfo2().uordblks, used);
		print_message("# %s: %lld ns\n", all[i], (long long)ds_mac_measure_ns(mac));
		ds_mac_free(mac);
	}
	before = allocations;
	ds_mac_free(mac_of_any("SHA1"));
#ifndef SANITIZED
	assert_true(allocations > before); /* the counter counts */
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cmac_vectors),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_keys_are_apart),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_computing_allocates_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
