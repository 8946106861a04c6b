/*
 * stamp: which of two stamps of one packet is the better, and the words for their sources.
 * It must never read a clock or prefer a stamp for its value alone.
 */
#include "core/exchange/stamp.h"

bool ds_tx_stamp_improves(const struct ds_tx_stamp *held, const struct ds_tx_stamp *better)
{
	int64_t later_ns;

	if (held->source == DS_STAMP_NONE || !ds_is_drivestamp(better))
		return false;
	if (better->source <= held->source)
		return false;
	if (__builtin_sub_overflow(better->raw_ns, held->raw_ns, &later_ns))
		return false;
	if (later_ns > DS_DRIVESTAMP_MAX_NS)
		return false;
	return later_ns >= (ds_is_drivestamp(held) ? -DS_DRIVESTAMP_MAX_NS : 0);
}

enum ds_reason ds_tx_stamp_take(struct ds_tx_stamp *held, uint32_t held_id, uint32_t tx_id,
				const struct ds_tx_stamp *tx)
{
	if (held->source == DS_STAMP_NONE || tx_id != held_id)
		return DS_R_STAMP_WRONG_ID;
	if (ds_is_drivestamp(held) && tx->source <= held->source)
		return DS_R_STAMP_DOUBLE;
	if (!ds_tx_stamp_improves(held, tx))
		return DS_R_STAMP_IMPLAUSIBLE;
	*held = *tx;
	return DS_R_OK;
}

char ds_stamp_letter(enum ds_stamp_source source)
{
	switch (source) {
	case DS_STAMP_DAEMON:
		return 'D';
	case DS_STAMP_KERNEL:
		return 'K';
	case DS_STAMP_HARDWARE:
		return 'H';
	case DS_STAMP_NONE:
	default:
		return '-';
	}
}

const char *ds_stamp_word(enum ds_stamp_source source)
{
	switch (source) {
	case DS_STAMP_DAEMON:
		return "daemon";
	case DS_STAMP_KERNEL:
		return "kernel";
	case DS_STAMP_HARDWARE:
		return "hardware";
	case DS_STAMP_NONE:
	default:
		return "none";
	}
}
