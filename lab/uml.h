/*
 * uml: what the rooms of the rig uml share (place_uml.c): the hosts, which are user-mode Linux
 * kernels of the bed; how they are started (uml_kernel.c), given orders (uml_orders.c), and how
 * wrong their clocks are (uml_clock.c). For these rooms alone; the lab knows places (place.h). It
 * must never be used before open() of the rig or after its close(). All that can fail return 0, a
 * number or a negative errno, with the cause in `why`.
 */
#ifndef DS_LAB_UML_H
#define DS_LAB_UML_H

#include <sys/types.h>

#include "lab/place_rig.h"

#define DS_UML_BOOT_MS 30000
#define DS_UML_SETTLED 15 /* readings in a row, 3 s of them, near the truth: the clock is right */
#define DS_UML_WORD    DS_PLACE_PATH /* room for a path, or a word of a kernel's command line */

struct ds_uml_host {
	int kernel;    /* the rig's program; -1 */
	int orders_fd; /* the guest's console; -1 */
	int next;      /* number of the next order */
	off_t heard;   /* of its log of the clock */
	int right;     /* readings near the truth, in a row */
	uint64_t least_bracket;
	/* the last two readings, and what those between others were off their line */
	double at_s[2], error_ns[2];
	int readings;
	double bends, bends_squared;
	char gone[DS_LAB_WHY]; /* why; empty: it is there */
};

struct ds_uml {
	char bed[DS_LAB_PATH]; /* the folder of the bed */
	char kernel[DS_LAB_PATH], tools[DS_LAB_PATH], work[DS_LAB_PATH];
	uint64_t tsc0; /* true time: utc0_ns at tsc0, and so many ticks a second */
	int64_t utc0_ns;
	double tsc_hz;
	struct ds_uml_host host[DS_LAB_HOSTS];
};

struct ds_uml *ds_uml_own(const struct ds_place *place);
/* Fills why. Returns -error. */
int ds_uml_refuse(char why[DS_LAB_WHY], int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void ds_uml_pause_ms(int ms); /* less if a signal comes */

/* uml_kernel.c. The bed is looked for in the source and where it was installed, and built if that
 * was not done before; what is missing for it goes into why, all of it. */
int ds_uml_find_bed(struct ds_uml *uml, char why[DS_LAB_WHY]);
int ds_uml_prepare_bed(struct ds_place *place, char why[DS_LAB_WHY]);
/* A bridge, with a tap for each host, in the rig's namespace. */
int ds_uml_make_network(struct ds_place *place, char why[DS_LAB_WHY]);
/* From now on true time is what the TSC says. */
int ds_uml_define_truth(struct ds_place *place, char why[DS_LAB_WHY]);
int ds_uml_start_kernel(struct ds_place *place, int host, char why[DS_LAB_WHY]);
/* -ENOTCONN if its kernel is gone. */
int ds_uml_check_host(struct ds_place *place, int host, char why[DS_LAB_WHY]);

/* uml_orders.c. A script for bash in the guest. Returns its number. */
int ds_uml_give_order(struct ds_place *place, int host, const char *script, char why[DS_LAB_WHY]);
/* Returns its exit status; -EINTR when a signal asked us to end. */
int ds_uml_await_order(struct ds_place *place, int host, int order, int ms, char why[DS_LAB_WHY]);
/* Removes its files. */
void ds_uml_forget_order(struct ds_place *place, int host, int order);
/* As their namesakes in the table of a rig (place_rig.h). */
int ds_uml_ask(struct ds_place *place, int host, const char *line, int timeout_ms, char *output,
	       size_t size, char why[DS_LAB_WHY]);
int ds_uml_start(struct ds_place *place, struct ds_place_program *program, const char *line,
		 const char *output, char why[DS_LAB_WHY]);
int ds_uml_look(struct ds_place *place, struct ds_place_program *program, char why[DS_LAB_WHY]);
void ds_uml_ask_to_end(struct ds_place *place, struct ds_place_program *program);
void ds_uml_stop(struct ds_place *place, struct ds_place_program *program, int grace_ms);

/* uml_clock.c: the same. */
void ds_uml_clock_readings(struct ds_place *place, int host, ds_place_reading *take, void *context);
bool ds_uml_clock_error(struct ds_place *place, int host, double *error_ns, double *within_ns);

#endif
