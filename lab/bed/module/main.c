// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* main: see bedclk.h. */
#include "bedclk.h"

static int __init bedclk_init(void)
{
	int error = bed_truetime_start();

	if (!error)
		error = bed_phc_start();
	if (error)
		return error;
	error = bed_pulse_start();
	if (error)
		bed_phc_stop();
	return error;
}

static void __exit bedclk_exit(void)
{
	bed_nic_stop();
	bed_pulse_stop();
	bed_phc_stop();
}

/* late, for the case that it is built in: after the PTP and PPS classes */
late_initcall(bedclk_init);
module_exit(bedclk_exit);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("clock test bed: PPS, PHC and hardware-stamping network device");
