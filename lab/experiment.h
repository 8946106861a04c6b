/*
 * experiment: what `drivestamp lab` is asked to do: which hosts, which modes, for how long, under
 * which conditions. Plain data, filled by the command line and lab.conf, read by all rooms of the
 * lab; it must never hold a result.
 *
 * Hosts are numbered from 0; an ordered pair is (asks, answers): the one that asks measures the
 * other's clock against its own. The clocks of all hosts are known to be right, or how wrong they
 * are is known (see place.h), so that every offset measured is an error.
 */
#ifndef DS_LAB_EXPERIMENT_H
#define DS_LAB_EXPERIMENT_H

#include <stdbool.h>
#include <stdint.h>

#define DS_LAB_HOSTS	   8 /* at most; four is the experiment of 2016 */
#define DS_LAB_NAME	   32
#define DS_LAB_PATH	   256
#define DS_LAB_WHY	   256
#define DS_LAB_POLL_LEAST  (-6)
#define DS_LAB_POLL_MOST   10
#define DS_LAB_REPEATS	   20
#define DS_LAB_SECONDS_MAX 86400

/* How two hosts exchange packets. Each is an instance of the daemon of its own, so that all run at
 * the same time and none stands in another's way. */
enum ds_lab_mode {
	DS_LAB_BASIC,	  /* client/server */
	DS_LAB_XLEAVE,	  /* client/server, interleaved (RFC 9769 section 2) */
	DS_LAB_SYMMETRIC, /* peers */
	DS_LAB_SYMMETRIC_XLEAVE,
	DS_LAB_BROADCAST, /* "asks": listens */
	DS_LAB_BROADCAST_XLEAVE,
	DS_LAB_PTP, /* the yardstick: IEEE 1588, software stamps, the same link */
	/* As the first two, with the stamps of the network card. */
	DS_LAB_BASIC_HARDWARE,
	DS_LAB_XLEAVE_HARDWARE,
	DS_LAB_MODES
};

/* "basic", "xleave", "symmetric", "symmetric-xleave", "broadcast", "broadcast-xleave", "ptp",
 * "basic-hardware", "xleave-hardware": as on the command line, in adapters and in JSON. NULL beyond
 * DS_LAB_MODES. */
const char *ds_lab_mode_name(enum ds_lab_mode mode);
/* DS_LAB_MODES for what is none. */
enum ds_lab_mode ds_lab_mode_find(const char *name);
/* Are the stamps of a network card asked for? */
bool ds_lab_mode_hardware(enum ds_lab_mode mode);
/* What the daemons do on the wire in it: of modes with a card's stamps, their twin without. */
enum ds_lab_mode ds_lab_mode_plain(enum ds_lab_mode mode);
/* Its twin with a card's stamps; DS_LAB_MODES where it has none. */
enum ds_lab_mode ds_lab_mode_with_card(enum ds_lab_mode mode);
/* Is there any mode with a card's stamps among these (1 << mode)? */
bool ds_lab_any_hardware(unsigned modes);
/* Is T3 in this mode a drivestamp (xleave, and two-step ptp)? */
bool ds_lab_mode_tells_departure(enum ds_lab_mode mode);

enum ds_lab_rig_kind {
	DS_LAB_RIG_NETNS,    /* namespaces on this machine, a bridge between; needs root */
	DS_LAB_RIG_LOOPBACK, /* no rights: all hosts are 127.x addresses; no broadcast, no ptp */
	DS_LAB_RIG_REMOTE,   /* machines over ssh, named in lab.conf */
	DS_LAB_RIG_UML,	     /* user-mode Linux: a kernel, a clock, a PPS and a card each */
};

enum ds_lab_load {
	DS_LAB_LOAD_NONE = 0,
	DS_LAB_LOAD_CPU = 1,
	DS_LAB_LOAD_NET = 2 /* or both: 3 */
};

struct ds_lab_host {
	char name[DS_LAB_NAME]; /* "old1", "new2", or as lab.conf says */
	bool is_new;		/* on the side of --new */
	char kind[DS_LAB_PATH]; /* as asked for: "chrony", "drivestamp@v0.1", "ntpd=/opt/bin/ntpd"
				 */
	unsigned load; /* enum ds_lab_load: while the loaded half of the alternation lasts */
	/* of the rig remote, from lab.conf; empty where not given */
	char ssh[DS_LAB_PATH]; /* "user@host" and options, as words for ssh */
	char address[64];      /* by which the others reach it */
	char interface[DS_LAB_NAME];
	char pps[DS_LAB_PATH]; /* "/sys/class/pps/pps0/assert": its clock's error is read from it */
};

/* What a link does to packets on top of what it is: both directions of a host's own link. */
struct ds_lab_link {
	double out_delay_us; /* of packets that leave the host */
	double in_delay_us;  /* of packets that come to it: what differs is asymmetry */
	double jitter_us;    /* exponential, its mean, in each direction */
	double loss_percent; /* in each direction */
};

struct ds_lab_plan {
	enum ds_lab_rig_kind rig;
	int hosts; /* 2..DS_LAB_HOSTS */
	struct ds_lab_host host[DS_LAB_HOSTS];
	struct ds_lab_link link[DS_LAB_HOSTS]; /* all zero: no relay is in the way */
	unsigned modes;			       /* 1 << enum ds_lab_mode, those wanted */
	int poll_log2; /* of all that ask; a kind that cannot go so low takes its least */
	int seconds;   /* of one repeat, warm-up not counted */
	int warmup_seconds;
	int repeats; /* daemons are started anew in each; the intervals come from them */
	int alternation_seconds; /* idle and loaded by turns, each so long; only where a host has
				    load */
	bool keep;		 /* leave configurations and logs in `directory` */
	char directory[DS_LAB_PATH]; /* the lab's own, made by it; removed unless `keep` */
};

#endif
