/* identity: see identity.h. */
#include "daemon/identity.h"

#include <string.h>

#include "os/address.h"

void ds_identity_init(struct ds_identity *i, const struct ds_conf *conf,
		      const struct ds_route *route)
{
	memset(i, 0, sizeof *i);
	i->conf = conf;
	i->route = route;
	i->again_ns = INT64_MIN;
}

static void add(struct ds_identity *i, const union ds_address *address)
{
	if (address->family != 0 && !ds_address_is_loopback(address) && i->count < DS_IDENTITY_MAX)
		i->ids[i->count++] = ds_address_ref_id(address);
}

/* Where the kernel does not say, what it said before stays. */
static void look_up(struct ds_identity *i)
{
	union ds_address list[DS_IDENTITY_MAX];
	int n = ds_route_addresses(i->route, list, DS_IDENTITY_MAX);

	if (n < 0 && i->again_ns != INT64_MIN)
		return;
	i->count = 0;
	for (int k = 0; k < DS_CONF_BINDS; k++) {
		add(i, &i->conf->bind[k]);
		add(i, &i->conf->bind_acq[k]);
	}
	for (int k = 0; k < n; k++)
		add(i, &list[k]);
}

bool ds_identity_is_ours(struct ds_identity *i, uint32_t ref_id, int64_t now_ns)
{
	if (now_ns >= i->again_ns) {
		look_up(i);
		i->again_ns = now_ns + DS_IDENTITY_AGAIN_NS;
	}
	for (int k = 0; k < i->count; k++)
		if (i->ids[k] == ref_id)
			return true;
	return false;
}
