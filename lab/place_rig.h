/*
 * place_rig: what a rig is to place.c: a table of functions, and what they share. For place.c and
 * the rigs alone; the rooms of the lab use place.h.
 * A rig must never be asked for a host or a program that there is not: place.c sees to that, and
 * to the host's name at the beginning of what is said in `why`.
 */
#ifndef DS_LAB_PLACE_RIG_H
#define DS_LAB_PLACE_RIG_H

#include "lab/place.h"
#include "lab/rig.h"

#define DS_PLACE_FILE_MAX (256u << 20) /* bytes of a file that is fetched or put; more is cut */

struct ds_place_program {
	int host;
	int slot; /* the rig's own number for it */
	bool ended;
	char how[64];
};

/* Each as its namesake in place.h. Names of files were checked: they stay below our folder. */
struct ds_place_rig {
	/* Fills place->says and place->directory[]. On an error close() is called. */
	int (*open)(struct ds_place *place, char why[DS_LAB_WHY]);
	void (*close)(struct ds_place *place);
	void (*endpoint)(const struct ds_place *place, int host, enum ds_lab_mode mode,
			 struct ds_place_endpoint *endpoint);
	/* NULL: the endpoint's, whoever the other is. */
	void (*link)(const struct ds_place *place, int host, int other,
		     char interface[DS_LAB_NAME]);
	int (*put)(struct ds_place *place, int host, const char *name, const char *text,
		   size_t size, bool executable, char why[DS_LAB_WHY]);
	int (*get)(struct ds_place *place, int host, const char *name, char **text, size_t *size,
		   char why[DS_LAB_WHY]);
	int (*ask)(struct ds_place *place, int host, const char *line, int timeout_ms, char *output,
		   size_t size, char why[DS_LAB_WHY]);
	/* Fills program->slot. */
	int (*start)(struct ds_place *place, struct ds_place_program *program, const char *line,
		     const char *output, char why[DS_LAB_WHY]);
	/* Of one that had not ended when last looked at: fills ended and how. 0, or negative. */
	int (*look)(struct ds_place *place, struct ds_place_program *program, char why[DS_LAB_WHY]);
	/* NULL: it is asked when it is stopped. */
	void (*ask_to_end)(struct ds_place *place, struct ds_place_program *program);
	/* Fills ended and how. */
	void (*stop)(struct ds_place *place, struct ds_place_program *program, int grace_ms);
	bool (*clock_error)(struct ds_place *place, int host, double *error_ns, double *within_ns);
	/* NULL: clock_error() is all there is. */
	void (*clock_readings)(struct ds_place *place, int host, ds_place_reading *take,
			       void *context);
	bool (*ways)(const struct ds_place *place, int host, struct ds_place_way ways[2]);
};

extern const struct ds_place_rig ds_place_local; /* namespaces and loopback */
extern const struct ds_place_rig ds_place_ssh;
extern const struct ds_place_rig ds_place_uml;

struct ds_place {
	const struct ds_place_rig *table;
	struct ds_lab_plan plan;
	struct ds_rig rig; /* also of the rig remote: its ssh clients are programs on loopback */
	char says[DS_LAB_WHY];
	char directory[DS_LAB_HOSTS][DS_LAB_PATH];
	struct ds_place_program *programs; /* owned; by the numbers given out */
	int program_count, program_room;
	uint16_t port; /* of the rigs where it is one for all hosts and modes */
	void *own;     /* the table's */
};

/* What is still to be read of a file, into memory of the caller's (free(), also after an error);
 * a 0 stands behind it. 0 or a negative errno. */
int ds_place_read(int fd, char **text, size_t *size);

/* Of rigs whose hosts have their folders on this machine. With `keep` they stay in the plan's
 * directory; else they go with the rig's. Fills place->directory[]. */
#define DS_PLACE_PATH ((size_t)2 * DS_LAB_PATH)
int ds_place_files_make(struct ds_place *place, char why[DS_LAB_WHY]);
void ds_place_files_path(const struct ds_place *place, int host, const char *name,
			 char path[DS_PLACE_PATH]);
/* mkdir -p of what stands before the last slash of path, which is as it was afterwards. 0 or a
 * negative errno. */
int ds_place_files_folders(char *path);
/* As put and get of the table. */
int ds_place_files_put(struct ds_place *place, int host, const char *name, const char *text,
		       size_t size, bool executable, char why[DS_LAB_WHY]);
int ds_place_files_get(struct ds_place *place, int host, const char *name, char **text,
		       size_t *size, char why[DS_LAB_WHY]);

#endif
