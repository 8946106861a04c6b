/* mac: see mac.h. */
#include "os/mac.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "os/libcrypto.h"

#define LIBRARY	    "libcrypto.so.3"
#define MEASURED    65 /* odd: a median is one of them */
#define PACKET_SIZE 48

struct ds_mac {
	const struct ds_mac_type *type;
	void *digest; /* its context, and its functions; or */
	ds_ossl_newctx *newctx;
	ds_ossl_init *init;
	ds_ossl_update *update;
	ds_ossl_final *final;
	ds_ossl_freectx *freectx;
	struct evp_mac_ctx_st *cmac;
	size_t key_length;
	uint8_t key[DS_MAC_KEY_MOST]; /* of a digest; a CMAC's is in its context */
};

/* clang-format off */
static const struct ds_mac_type types[] = {
	{"MD5", "MD5", NULL, 0, 16, true},
	{"SHA1", "SHA1", NULL, 0, 20, false},
	{"SHA256", "SHA256", NULL, 0, 32, false},
	{"SHA384", "SHA384", NULL, 0, 48, false},
	{"SHA512", "SHA512", NULL, 0, 64, false},
	{"SHA3-224", "SHA3-224", NULL, 0, 28, false},
	{"SHA3-256", "SHA3-256", NULL, 0, 32, false},
	{"SHA3-384", "SHA3-384", NULL, 0, 48, false},
	{"SHA3-512", "SHA3-512", NULL, 0, 64, false},
	{"AES128", NULL, "AES-128-CBC", 16, 16, false},
	{"AES256", NULL, "AES-256-CBC", 32, 16, false},
};
/* clang-format on */

static struct {
#define X(result, name, arguments) result(*name) arguments;
	DS_LIBCRYPTO(X)
#undef X
} crypto;
static void *library; /* never closed: it would take its own state with it */
static struct ossl_provider_st *provider;

static bool find_function(void *place, const char *name, char why[DS_WHY])
{
	void *found = dlsym(library, name);

	if (found == NULL) {
		snprintf(why, DS_WHY, "%s has no %s", LIBRARY, name);
		return false;
	}
	memcpy(place, &found, sizeof found);
	return true;
}

static bool load(char why[DS_WHY])
{
	bool whole = true;

	if (library != NULL)
		return true;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		snprintf(why, DS_WHY, "keys need OpenSSL 3: %.200s", dlerror());
		return false;
	}
#define X(result, name, arguments) whole = whole && find_function(&crypto.name, #name, why);
	DS_LIBCRYPTO(X)
#undef X
	if (whole)
		provider = crypto.OSSL_PROVIDER_load(NULL, "default");
	if (whole && provider != NULL)
		return true;
	if (whole)
		snprintf(why, DS_WHY, "%s has no default provider", LIBRARY);
	dlclose(library);
	library = NULL;
	return false;
}

const struct ds_mac_type *ds_mac_type_find(const char *name, char why[DS_WHY])
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcasecmp(types[i].name, name) == 0)
			return &types[i];
	if (strcasecmp(name, "TIGER") == 0 || strcasecmp(name, "WHIRLPOOL") == 0)
		snprintf(why, DS_WHY, "type %s is not supported", name);
	else /* without the word: it may be part of a key that holds a blank */
		snprintf(why, DS_WHY,
			 "unknown type: known are MD5, SHA1, SHA256, SHA384, SHA512, "
			 "SHA3-224, SHA3-256, SHA3-384, SHA3-512, AES128, AES256");
	return NULL;
}

static bool has_name(const char *names, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = names; at != NULL; at = strchr(at, ':')) {
		at += *at == ':';
		if (strncasecmp(at, name, length) == 0 && (at[length] == ':' || at[length] == 0))
			return true;
	}
	return false;
}

static void take_function(struct ds_mac *mac, const struct ossl_dispatch_st *f)
{
	switch (f->function_id) {
	case DS_OSSL_DIGEST_NEWCTX:
		mac->newctx = (ds_ossl_newctx *)f->function;
		break;
	case DS_OSSL_DIGEST_INIT:
		mac->init = (ds_ossl_init *)f->function;
		break;
	case DS_OSSL_DIGEST_UPDATE:
		mac->update = (ds_ossl_update *)f->function;
		break;
	case DS_OSSL_DIGEST_FINAL:
		mac->final = (ds_ossl_final *)f->function;
		break;
	case DS_OSSL_DIGEST_FREECTX:
		mac->freectx = (ds_ossl_freectx *)f->function;
		break;
	default:
		break;
	}
}

/* The provider's own functions: see mac.h, why not EVP_DigestInit_ex(). */
static bool begin_digest(struct ds_mac *mac)
{
	int no_cache = 0;
	const struct ossl_algorithm_st *all =
		crypto.OSSL_PROVIDER_query_operation(provider, DS_OSSL_OP_DIGEST, &no_cache);

	for (const struct ossl_algorithm_st *a = all; a != NULL && a->algorithm_names != NULL; a++)
		if (has_name(a->algorithm_names, mac->type->digest))
			for (const struct ossl_dispatch_st *f = a->implementation;
			     f->function_id != 0; f++)
				take_function(mac, f);
	crypto.OSSL_PROVIDER_unquery_operation(provider, DS_OSSL_OP_DIGEST, all);
	if (mac->newctx == NULL || mac->init == NULL || mac->update == NULL || mac->final == NULL ||
	    mac->freectx == NULL)
		return false;
	mac->digest = mac->newctx(crypto.OSSL_PROVIDER_get0_provider_ctx(provider));
	return mac->digest != NULL;
}

static bool begin_cmac(struct ds_mac *mac, const uint8_t *key, size_t length)
{
	struct evp_mac_st *cmac = crypto.EVP_MAC_fetch(NULL, "CMAC", NULL);
	char cipher[16];
	struct ossl_param_st parameters[2];

	if (cmac == NULL)
		return false;
	mac->cmac = crypto.EVP_MAC_CTX_new(cmac);
	crypto.EVP_MAC_free(cmac);
	if (mac->cmac == NULL)
		return false;
	snprintf(cipher, sizeof cipher, "%s", mac->type->cipher);
	parameters[0] = crypto.OSSL_PARAM_construct_utf8_string("cipher", cipher, 0);
	parameters[1] = crypto.OSSL_PARAM_construct_end();
	return crypto.EVP_MAC_init(mac->cmac, key, length, parameters) == 1;
}

struct ds_mac *ds_mac_new(const struct ds_mac_type *type, const uint8_t *key, size_t length,
			  char why[DS_WHY])
{
	uint8_t out[DS_MAC_MOST];
	struct ds_mac *mac;
	bool good;

	if (length < 1 || length > DS_MAC_KEY_MOST ||
	    (type->key_length != 0 && length != type->key_length)) {
		if (type->key_length != 0)
			snprintf(why, DS_WHY, "a key of type %s has %d bytes, not %zu", type->name,
				 type->key_length, length);
		else
			snprintf(why, DS_WHY, "a key has 1 to %d bytes, not %zu", DS_MAC_KEY_MOST,
				 length);
		return NULL;
	}
	if (!load(why))
		return NULL;
	mac = calloc(1, sizeof *mac);
	if (mac == NULL) {
		snprintf(why, DS_WHY, "no memory");
		return NULL;
	}
	mac->type = type;
	if (type->digest != NULL) {
		memcpy(mac->key, key, length);
		mac->key_length = length;
		good = begin_digest(mac);
	} else {
		good = begin_cmac(mac, key, length);
	}
	/* The first use may still allocate. */
	if (good && ds_mac_make(mac, (const uint8_t *)"", 0, out))
		return mac;
	snprintf(why, DS_WHY, "%s does not offer type %s here", LIBRARY, type->name);
	ds_mac_free(mac);
	return NULL;
}

void ds_mac_free(struct ds_mac *mac)
{
	if (mac == NULL)
		return;
	if (mac->digest != NULL)
		mac->freectx(mac->digest);
	if (mac->cmac != NULL)
		crypto.EVP_MAC_CTX_free(mac->cmac);
	explicit_bzero(mac, sizeof *mac);
	free(mac);
}

const struct ds_mac_type *ds_mac_type(const struct ds_mac *mac)
{
	return mac->type;
}

bool ds_mac_make(struct ds_mac *mac, const uint8_t *data, size_t length, uint8_t out[DS_MAC_MOST])
{
	size_t made = 0;

	/* Without a key, a CMAC begins anew with the one it has. */
	if (mac->cmac != NULL)
		return crypto.EVP_MAC_init(mac->cmac, NULL, 0, NULL) == 1 &&
		       crypto.EVP_MAC_update(mac->cmac, data, length) == 1 &&
		       crypto.EVP_MAC_final(mac->cmac, out, &made, DS_MAC_MOST) == 1 &&
		       made == mac->type->length;
	return mac->init(mac->digest, NULL) == 1 &&
	       mac->update(mac->digest, mac->key, mac->key_length) == 1 &&
	       mac->update(mac->digest, data, length) == 1 &&
	       mac->final(mac->digest, out, &made, DS_MAC_MOST) == 1 && made == mac->type->length;
}

bool ds_mac_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
	volatile uint8_t differ = 0;

	for (size_t i = 0; i < n; i++)
		differ = (uint8_t)(differ | (a[i] ^ b[i]));
	return differ == 0;
}

static int compare_ns(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

int64_t ds_mac_measure_ns(struct ds_mac *mac)
{
	static const uint8_t packet[PACKET_SIZE];
	int64_t took_ns[MEASURED];
	uint8_t out[DS_MAC_MOST];

	for (int i = 0; i < MEASURED; i++) {
		int64_t before_ns = now_ns();

		ds_mac_make(mac, packet, sizeof packet, out);
		took_ns[i] = now_ns() - before_ns;
	}
	qsort(took_ns, MEASURED, sizeof took_ns[0], compare_ns);
	return took_ns[MEASURED / 2];
}
