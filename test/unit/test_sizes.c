/*
 * test_sizes: what DESIGN allows an association and a slot to take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/exchange/broadcast.h"
#include "core/exchange/client.h"
#include "core/exchange/interleave.h"
#include "core/exchange/peer.h"

/* Seen by the compiler already; the tests below print the figures. */
_Static_assert(sizeof(struct ds_client) <= 256, "an association is at most 256 bytes");
_Static_assert(sizeof(struct ds_slot) <= 16, "a saved server stamp is at most 16 bytes");

static void association_is_small(void **state)
{
	(void)state;
	print_message("# struct ds_client: %zu bytes\n", sizeof(struct ds_client));
	print_message("# struct ds_peer: %zu bytes\n", sizeof(struct ds_peer));
	print_message("# struct ds_listener: %zu bytes\n", sizeof(struct ds_listener));
	assert_in_range(sizeof(struct ds_client), 1, 256);
	assert_in_range(sizeof(struct ds_peer), 1, 256);
	assert_in_range(sizeof(struct ds_listener), 1, 256);
}

static void slot_is_small(void **state)
{
	(void)state;
	print_message("# struct ds_slot: %zu bytes\n", sizeof(struct ds_slot));
	assert_in_range(sizeof(struct ds_slot), 1, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(association_is_small),
		cmocka_unit_test(slot_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
