/*
 * libcrypto: the few functions of OpenSSL 3 that os/mac.c opens by name.
 * It must never be included by anything but os/mac.c and its test, which compares each of these
 * types with OpenSSL's own headers where they are installed.
 *
 * Written down here so that no OpenSSL header is needed to build. All of it is public interface of
 * OpenSSL 3 (OSSL_PROVIDER(3), provider-digest(7), EVP_MAC(3), OSSL_PARAM(3)), stable for
 * libcrypto.so.3.
 */
#ifndef DS_OS_LIBCRYPTO_H
#define DS_OS_LIBCRYPTO_H

#include <stddef.h>

struct evp_mac_st;
struct evp_mac_ctx_st;
struct ossl_lib_ctx_st;
struct ossl_provider_st;

#ifndef OPENSSL_CORE_H
struct ossl_param_st {
	const char *key;
	unsigned int data_type;
	void *data;
	size_t data_size;
	size_t return_size;
};

struct ossl_dispatch_st { /* a list of them ends with function_id 0 */
	int function_id;
	void (*function)(void);
};

struct ossl_algorithm_st {	     /* a list of them ends with NULL */
	const char *algorithm_names; /* separated by colons */
	const char *property_definition;
	const struct ossl_dispatch_st *implementation;
	const char *algorithm_description;
};
#endif

/* core_dispatch.h: the functions of a provider's digest. */
#define DS_OSSL_OP_DIGEST 1
enum ds_ossl_digest { /* function_id */
		      DS_OSSL_DIGEST_NEWCTX = 1,
		      DS_OSSL_DIGEST_INIT = 2,
		      DS_OSSL_DIGEST_UPDATE = 3,
		      DS_OSSL_DIGEST_FINAL = 4,
		      DS_OSSL_DIGEST_FREECTX = 6,
};
typedef void *ds_ossl_newctx(void *provider);
typedef int ds_ossl_init(void *context, const struct ossl_param_st *);
typedef int ds_ossl_update(void *context, const unsigned char *, size_t);
typedef int ds_ossl_final(void *context, unsigned char *out, size_t *length, size_t size);
typedef void ds_ossl_freectx(void *context);

/* X(result, name, arguments) */
#define DS_LIBCRYPTO(X)                                                                            \
	X(struct ossl_provider_st *, OSSL_PROVIDER_load,                                           \
	  (struct ossl_lib_ctx_st *, const char *name))                                            \
	X(void *, OSSL_PROVIDER_get0_provider_ctx, (const struct ossl_provider_st *))              \
	X(const struct ossl_algorithm_st *, OSSL_PROVIDER_query_operation,                         \
	  (const struct ossl_provider_st *, int operation, int *no_cache))                         \
	X(void, OSSL_PROVIDER_unquery_operation,                                                   \
	  (const struct ossl_provider_st *, int operation, const struct ossl_algorithm_st *))      \
	X(struct evp_mac_st *, EVP_MAC_fetch,                                                      \
	  (struct ossl_lib_ctx_st *, const char *algorithm, const char *properties))               \
	X(void, EVP_MAC_free, (struct evp_mac_st *))                                               \
	X(struct evp_mac_ctx_st *, EVP_MAC_CTX_new, (struct evp_mac_st *))                         \
	X(void, EVP_MAC_CTX_free, (struct evp_mac_ctx_st *))                                       \
	X(int, EVP_MAC_init,                                                                       \
	  (struct evp_mac_ctx_st *, const unsigned char *key, size_t,                              \
	   const struct ossl_param_st *))                                                          \
	X(int, EVP_MAC_update, (struct evp_mac_ctx_st *, const unsigned char *, size_t))           \
	X(int, EVP_MAC_final, (struct evp_mac_ctx_st *, unsigned char *, size_t *, size_t))        \
	X(struct ossl_param_st, OSSL_PARAM_construct_utf8_string,                                  \
	  (const char *key, char *buffer, size_t))                                                 \
	X(struct ossl_param_st, OSSL_PARAM_construct_end, (void))

#endif
