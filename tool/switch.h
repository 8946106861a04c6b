/*
 * switch: what keeps the time on this machine today, and the steps from there to drivestampd.
 * It must never do any of them, nor leave out how each is undone.
 *
 * Facts are one plain structure that switch_look.c fills; steps are made of it by switch_steps.c,
 * which looks at nothing else: they can be made of machines that never were.
 */
#ifndef DS_TOOL_SWITCH_H
#define DS_TOOL_SWITCH_H

#include <stdbool.h>
#include <stdio.h>

#define DS_SWITCH_JSON_SCHEMA 1
#define DS_SWITCH_PATH	      256
#define DS_SWITCH_HOOKS	      16
#define DS_SWITCH_SOCKETS     8
#define DS_SWITCH_STEPS	      16
#define DS_SWITCH_WARNINGS    8

/* The daemons that we know how to leave. */
enum ds_switch_kind {
	DS_SWITCH_CHRONY,
	DS_SWITCH_NTPSEC, /* and ntpd, which has the same program's name */
	DS_SWITCH_OPENNTPD,
	DS_SWITCH_TIMESYNCD,
	DS_SWITCH_NTPD_RS,
	DS_SWITCH_KINDS,
};
extern const char *const ds_switch_names[DS_SWITCH_KINDS]; /* the words of --from */

struct ds_switch_daemon {
	bool installed;			  /* its package, as dpkg has it */
	bool enabled;			  /* its unit is wanted by a target */
	long pid;			  /* 0: does not run, or cannot be seen */
	bool holds_port;		  /* UDP 123 */
	char package[32];		  /* "": by none */
	char unit[48];			  /* the unit that there is, "": none */
	char config[DS_SWITCH_PATH];	  /* the file that there is, "": none */
	char drift[DS_SWITCH_PATH];	  /* likewise */
	char init_script[DS_SWITCH_PATH]; /* /etc/init.d/..., likewise */
};

struct ds_switch_facts {
	char root[DS_SWITCH_PATH]; /* "": this machine; else files below it alone were looked at */
	bool systemd;		   /* runs, or, of a root, is installed */
	bool dpkg;
	bool container;
	bool is_root; /* we are */
	struct ds_switch_daemon daemons[DS_SWITCH_KINDS];
	bool port_open; /* UDP 123 */
	char port_owner[64];
	struct {
		bool tools, package;	      /* drivestamp-tools, drivestamp */
		bool unit;		      /* drivestamp.service */
		bool config;		      /* /etc/drivestamp/drivestamp.conf */
		long pid;		      /* of drivestampd */
		char program[DS_SWITCH_PATH]; /* drivestampd: "": not found */
	} ours;
	char hooks[DS_SWITCH_HOOKS][DS_SWITCH_PATH]; /* scripts that tell the old daemon things */
	int hook_count;
	char sockets[DS_SWITCH_SOCKETS][DS_SWITCH_PATH]; /* that gpsd feeds */
	int socket_count;
	bool gpsd;
	bool has_keys;			  /* the old configuration names a file with keys */
	char chrony_keys[DS_SWITCH_PATH]; /* the file that chrony's names, and that is there; "" */
	/* Drop-ins of our unit that what it becomes needs, by kind; see ds_import_drop_ins(). */
	unsigned drop_ins[DS_SWITCH_KINDS];
};

struct ds_switch_step {
	char title[96];
	char why[320];	   /* "" */
	char command[512]; /* lines for a shell; "": by hand, as `why` says */
	char check[256];   /* how to see that it worked */
	char undo[256];	   /* how to go back; "": nothing has changed */
};

struct ds_switch_plan {
	enum ds_switch_kind from; /* DS_SWITCH_KINDS: there is nothing to leave */
	bool done;		  /* drivestampd keeps the time already */
	struct ds_switch_step steps[DS_SWITCH_STEPS];
	int step_count;
	char warnings[DS_SWITCH_WARNINGS][256];
	int warning_count;
};

/* Look at this machine, or at the files below a root ("" or NULL: this machine). Reads files of
 * /etc, /var/lib/dpkg, /lib/systemd, /proc; runs nothing. */
void ds_switch_look(struct ds_switch_facts *facts, const char *root);
/* from: DS_SWITCH_KINDS: the one that runs, else is enabled, else has a configuration. */
void ds_switch_plan(const struct ds_switch_facts *facts, enum ds_switch_kind from,
		    struct ds_switch_plan *plan);
void ds_switch_print(const struct ds_switch_facts *facts, const struct ds_switch_plan *plan,
		     FILE *out);
/* Schema: doc/switch.schema.json. */
void ds_switch_print_json(const struct ds_switch_facts *facts, const struct ds_switch_plan *plan,
			  FILE *out);

#endif
