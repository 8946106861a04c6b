/*
 * conf: the configuration, read from files in chrony's grammar into one plain structure.
 * It must never act on what it reads, and never guess what a word may have meant.
 *
 * One directive a line; words separated by blanks; '#', '%', ';' or '!' begin a comment line;
 * words are compared without regard to case. `include`, `confdir` and `sourcedir` are followed as
 * they stand. An unknown word, a value out of range, a missing or superfluous word is an error that
 * names file, line and cause, and for an unknown word the nearest known one. A word of chrony's
 * grammar that is not supported is a warning where leaving it out is harmless, and an error
 * where it would weaken security or change the time. All errors are reported, not only the first.
 */
#ifndef DS_DAEMON_CONF_H
#define DS_DAEMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/access.h"
#include "os/address.h"

#define DS_CONF_CMD_SOCKET     "/run/drivestamp/chronyd.sock"
#define DS_CONF_CONTROL_SOCKET "/run/drivestamp/control.sock"
#define DS_CONF_SOURCES	       64
#define DS_CONF_BROADCASTS     16
#define DS_CONF_LISTENS	       8
#define DS_CONF_REFCLOCKS      16
#define DS_CONF_SOURCE_DIRS    10
#define DS_CONF_CARDS	       16
#define DS_CONF_REF_ID	       5 /* four characters and the end */
#define DS_CONF_FROM	       8 /* subnets a `from` */
#define DS_CONF_PATH	       256
#define DS_CONF_NAME	       256
#define DS_CONF_BINDS	       2  /* one address a family */
#define DS_CONF_DEVICE	       16 /* an interface's name and its end: IF_NAMESIZE */

/* What a source is, and so which room looks after it. */
enum ds_source_kind {
	DS_SOURCE_CLIENT,    /* `server`, `pool`: we ask, it answers */
	DS_SOURCE_PEER,	     /* `peer`: symmetric mode */
	DS_SOURCE_EPHEMERAL, /* `ephemeral`: places for peers that are in no line */
	DS_SOURCE_LISTENER,  /* `broadcastclient`, `multicastclient` */
	DS_SOURCE_REFCLOCK,  /* `refclock` */
};

enum ds_refclock_driver {
	DS_REFCLOCK_PHC,  /* a card's clock */
	DS_REFCLOCK_PPS,  /* pulses that the kernel stamps */
	DS_REFCLOCK_RTC,  /* the machine's real-time clock */
	DS_REFCLOCK_SHM,  /* shared memory */
	DS_REFCLOCK_SOCK, /* a UNIX socket */
};

/* `authselectmode`: what sources without a key are for. */
enum ds_auth_select {
	DS_AUTH_SELECT_MIX,	/* followed where those with one agree; the default */
	DS_AUTH_SELECT_IGNORE,	/* the same as those with one */
	DS_AUTH_SELECT_PREFER,	/* measured only, where any source has a key */
	DS_AUTH_SELECT_REQUIRE, /* measured only */
};

/* `sandbox`: what confines the daemon, once it has started. */
enum ds_sandbox_wanted {
	DS_SANDBOX_ALL, /* the default */
	DS_SANDBOX_SECCOMP,
	DS_SANDBOX_LANDLOCK,
	DS_SANDBOX_OFF,
};

/* local_wait_unsynced_s where it is not written: 300 in orphan mode, else 0. */
#define DS_CONF_WAIT_BY_KIND (-1.0)

/* `leapsecmode`: who corrects the clock for a leap second. */
enum ds_leap_mode {
	DS_LEAP_BY_KERNEL, /* system; a virtual clock is stepped */
	DS_LEAP_BY_STEP,
	DS_LEAP_BY_SLEW,
	DS_LEAP_BY_NOBODY, /* ignore: the next update finds it wrong */
};

struct ds_conf_source {
	char name[DS_CONF_NAME]; /* host name or numeric address, as written; ephemeral: none */
	uint8_t kind;		 /* enum ds_source_kind */
	bool pool;		 /* `pool`: up to max_sources addresses */
	bool from_sourcedir;	 /* replaced by `reload sources` */
	uint16_t port;		 /* 123 */
	int8_t minpoll, maxpoll; /* 6, 10; log2 seconds, -6..24 */
	bool iburst, burst, xleave, noselect, prefer, trust, require, offline_;
	bool corrections;	/* `extfield 10A`: ask for those of transparent clocks */
	bool trust_corrections; /* ... and use them although no key covers them */
	bool any_interface;	/* answers may come by another interface than requests leave by */
	uint8_t version;	/* 4 */
	uint8_t min_stratum;	/* 0; a lower one of the source counts as this */
	uint32_t key;		/* requests are signed with it, answers must be; 0: none */
	double offset_s;	/* added to measured offsets */
	double max_delay_s;	/* 3 */
	int8_t presend;		/* send a packet ahead at this and longer polls; 100: never */
	uint8_t min_samples, max_samples; /* 0: the global value */
	uint8_t max_sources;		  /* pool: 4, 1..16 */
	uint8_t max_peers;		  /* ephemeral: 1, 1..16 */
	sa_family_t family;		  /* ipv4, ipv6, or AF_UNSPEC */
	char file[DS_CONF_PATH];	  /* where it stands */
	int line;
};

/* `broadcast`: packets that we send to many. */
struct ds_conf_broadcast {
	double interval_s;
	union ds_address address; /* with the port */
	uint16_t port;		  /* 123 */
	uint32_t key;		  /* 0: none */
	bool xleave;
	uint8_t ttl, version;	  /* 1, 4 */
	char dev[DS_CONF_DEVICE]; /* "": where routes lead */
	char file[DS_CONF_PATH];
	int line;
};

struct ds_conf_subnet {
	union ds_address net;
	uint8_t bits;
};

/* `broadcastclient`, `multicastclient`: packets to many that we take for measurements. */
struct ds_conf_listen {
	struct ds_conf_source source; /* of the associations that are made; key, max_sources too */
	union ds_address group;	      /* family 0: broadcasts */
	bool unauthenticated;	      /* said in plain words that no key is wanted */
	struct ds_conf_subnet from[DS_CONF_FROM]; /* none: from everywhere */
	uint8_t from_count;
	char dev[DS_CONF_DEVICE]; /* "": all interfaces */
};

/* `refclock`: a clock at this host. */
struct ds_conf_refclock {
	struct ds_conf_source source; /* name: the reference ID; minpoll and maxpoll: `poll` */
	uint8_t driver;		      /* enum ds_refclock_driver */
	uint8_t unit;		      /* of SHM */
	char path[DS_CONF_PATH];      /* device, interface or socket */
	uint16_t perm;		      /* 0600; of SHM and SOCK */
	char owner[64], group[64];    /* of SOCK; "": as we are */
	bool nocrossts, extpps;	      /* of PHC */
	uint8_t pin, channel;	      /* likewise */
	bool clear;		      /* of PPS and PHC: the falling edge */
	bool utc;		      /* of RTC */
	char ref_id[DS_CONF_REF_ID];
	char lock[DS_CONF_REF_ID];    /* "": to none */
	int8_t poll_log2, dpoll_log2; /* 4, 0 */
	uint16_t filter;	      /* 64, samples */
	uint16_t max_lock_age;	      /* 2, pulses */
	uint8_t stratum;	      /* 0 */
	bool pps;		      /* treat samples as pulses */
	bool tai;		      /* it keeps TAI */
	double offset_s;	      /* added to each sample */
	double delay_s;		      /* 1e-9 */
	double precision_s;	      /* 0: the clock's own */
	double max_dispersion_s;      /* 0: no limit */
	double rate_hz, width_s;      /* of pulses: 1, 0 (any edge) */
};

/* `clock`: which clock is kept right. */
struct ds_conf_clock {
	char path[DS_CONF_PATH]; /* a PHC's device, or the interface of its card; "": the system
				    clock */
	bool tai;		 /* it keeps TAI, not UTC */
	bool nocrossts;		 /* as of `refclock PHC` */
	char file[DS_CONF_PATH]; /* where it stands */
	int line;
};

/* `rxfilter`: which received packets a card is to stamp. */
enum ds_conf_filter {
	DS_CONF_FILTER_BEST, /* of what it can, the first of ntp, all, none */
	DS_CONF_FILTER_NONE,
	DS_CONF_FILTER_PTP,
	DS_CONF_FILTER_ALL,
	DS_CONF_FILTER_NTP,
};

#define DS_CONF_CARD_MAXPOLL_BY_MINPOLL INT8_MIN /* while the line is read: one above */

/* `hwtimestamp`: a network card that stamps for us. */
struct ds_conf_card {
	char interface[DS_CONF_DEVICE];	  /* "*": each that can, and that no other line names */
	int8_t minpoll, maxpoll;	  /* 0, 1; log2 seconds between readings of its clock */
	uint8_t min_samples, max_samples; /* 2, 16 readings */
	uint8_t filter;			  /* enum ds_conf_filter */
	bool nocrossts;
	double precision_s;	   /* 1e-7; of such a reading */
	double txcomp_s, rxcomp_s; /* added to transmit stamps, taken from receive stamps */
	char file[DS_CONF_PATH];
	int line;
};

struct ds_conf {
	struct ds_conf_clock clock;
	struct ds_conf_source sources[DS_CONF_SOURCES];
	size_t source_count;
	char source_dirs[DS_CONF_SOURCE_DIRS][DS_CONF_PATH]; /* `sourcedir`, in their order */
	uint8_t source_dir_of[DS_CONF_SOURCE_DIRS]; /* which directive named it; they rise */
	uint8_t source_dir_count;
	struct ds_conf_broadcast broadcasts[DS_CONF_BROADCASTS];
	uint8_t broadcast_count;
	struct ds_conf_listen listens[DS_CONF_LISTENS];
	uint8_t listen_count;
	struct ds_conf_refclock refclocks[DS_CONF_REFCLOCKS];
	uint8_t refclock_count;

	struct ds_conf_card cards[DS_CONF_CARDS];
	uint8_t card_count;
	double hwts_timeout_s; /* 0.01; so long an answer waits for the card's stamp of its request
				*/

	struct ds_access access;    /* allow, deny: who may ask us */
	bool local;		    /* `local`: serve without sources */
	uint8_t local_stratum;	    /* 10 */
	bool local_orphan;	    /* of all that do so, the others follow one */
	double local_distance_s;    /* 1; not before the root distance is this, once synchronised */
	double local_activate_s;    /* 0; not before it was below this once; 0: at once */
	double local_wait_synced_s; /* 0; not before so long after the last update */
	double local_wait_unsynced_s; /* the same from the start on, see DS_CONF_WAIT_BY_KIND */
	uint16_t port;		      /* 123; 0: serve nobody */
	uint16_t ptp_port;	   /* 0; there NTP goes in PTP messages, see core/exchange/ptp.h */
	uint8_t ptp_domain;	   /* 123 */
	uint16_t acquisition_port; /* 0: a new one for each request */
	union ds_address bind[DS_CONF_BINDS]; /* family 0: wildcard. [0] IPv4, [1] IPv6 */
	union ds_address bind_acq[DS_CONF_BINDS];
	char bind_device[DS_CONF_DEVICE];     /* the interface served; "": all */
	char bind_acq_device[DS_CONF_DEVICE]; /* ... that requests leave by; "": as the routes say
					       */
	bool ipv4, ipv6;		      /* -4, -6 switch the other off */

	uint64_t client_log_limit; /* bytes; 524288: 4096 slots. 128 bytes of chrony's are one slot
				      here */
	bool no_client_log;	   /* keep nothing of clients: no interleaved answers */
	char drift_file[DS_CONF_PATH];
	char key_file[DS_CONF_PATH];	   /* "": no keys */
	char pid_file[DS_CONF_PATH];	   /* "" : none; default /run/drivestamp/drivestampd.pid */
	char bound_file[DS_CONF_PATH];	   /* "": none; default DRIVESTAMP_BOUND_PATH */
	char control_socket[DS_CONF_PATH]; /* "": none; default DS_CONF_CONTROL_SOCKET */
	char control_group[64];		   /* who may ask there; "": the group of `user` */
	char user[64];
	char log_dir[DS_CONF_PATH];
	bool log_measurements, log_raw_measurements, log_statistics, log_tracking, log_shadow;
	bool log_selection, log_stamps;
	bool log_bound, log_refclocks, log_rtc;
	int log_banner; /* 32; a header every so many lines, 0: none */

	double makestep_threshold_s;	  /* 0: never */
	int makestep_limit;		  /* updates; negative: always */
	double max_change_s;		  /* 0: whatever the offset is, it is corrected */
	int max_change_start;		  /* updates before that is looked at */
	int max_change_ignore;		  /* so many are ignored; negative: all */
	double log_change_s;		  /* 1 */
	double max_drift_ppm;		  /* 500000: what the clock can be made to run */
	double max_distance_s;		  /* 3 */
	double max_jitter_s;		  /* 1 */
	double combine_limit;		  /* 3; 0: nothing is combined */
	double reselect_dist_s;		  /* 1e-4 */
	double stratum_weight_s;	  /* 1e-3 */
	double max_slew_ppm;		  /* 83333.333 */
	double max_clock_error_ppm;	  /* 1 */
	double max_asymmetry;		  /* 0, of 1; see core/clock/bound.h */
	double max_update_skew_ppm;	  /* 1000 */
	uint8_t min_samples, max_samples; /* 6, 0 (none) */
	uint8_t min_sources;		  /* 1 */
	uint8_t auth_select;		  /* enum ds_auth_select */
	uint8_t sandbox;		  /* enum ds_sandbox_wanted */
	double clock_precision_s;	  /* 0: measure */
	bool rtc_sync, rtc_utc;
	char rtc_file[DS_CONF_PATH], rtc_device[DS_CONF_PATH]; /* "": not tracked; /dev/rtc */
	char hwclock_file[DS_CONF_PATH]; /* says what the real-time clock keeps; "": none */

	char leap_list[DS_CONF_PATH]; /* leap-seconds.list; "": none */
	char leap_zone[DS_CONF_PATH]; /* the same from a compiled time zone */
	uint8_t leap_mode;	      /* enum ds_leap_mode */
	double smooth_freq_ppm;	      /* `smoothtime`; 0: what is served is our time */
	double smooth_wander_ppm;     /* a second */
	bool smooth_leap_only;

	bool shadow; /* --shadow: set before anything is read; what is refused is left out then */

	char cmd_socket[DS_CONF_PATH]; /* of chrony's protocol; "": none, default DS_CONF_CMD_SOCKET
					*/
	int cmd_port;		       /* 0: none */
	union ds_address cmd_bind[DS_CONF_BINDS]; /* family 0: 127.0.0.1 and ::1 */
};

/* Where messages go: one call a message, without newline, printable ASCII, at most 767 characters.
 * error: the configuration cannot be used; else a warning or a notice. line 0: the file as a whole.
 */
typedef void ds_conf_say(void *context, bool error, const char *file, int line, const char *text);

void ds_conf_defaults(struct ds_conf *conf);
/* Read a file, and what it includes (depth at most 10), into *conf, which has its defaults or what
 * was read before. All errors are reported. False if there was any; then *conf is not to be used.
 * `file` in messages is the path as given, or that of the included file. */
bool ds_conf_read_file(struct ds_conf *conf, const char *path, ds_conf_say *say, void *context);
/* Read one directive given on the command line; `file` in messages is "command line". */
bool ds_conf_read_line(struct ds_conf *conf, const char *text, int line, ds_conf_say *say,
		       void *context);
/* Read one line of a source (server, pool, peer: any other word is an error), as if it stood there.
 * At most one source is added, its from_sourcedir set. */
bool ds_conf_read_source(struct ds_conf *conf, const char *text, const char *file, int line,
			 ds_conf_say *say, void *context);
/* Read the folders of `sourcedir` alone, those that *conf names, into *out, which has its defaults.
 * As above; allocates, and gives back, what opendir() and fopen() need. */
bool ds_conf_read_source_dirs(const struct ds_conf *conf, struct ds_conf *out, ds_conf_say *say,
			      void *context);
/* When all is read: what cannot be seen from one line. `file`: for messages about the whole.
 * False if the configuration cannot be used. */
bool ds_conf_check(const struct ds_conf *conf, const char *file, ds_conf_say *say, void *context);
/* The i-th directive that may name a key, in no order that counts; false behind the last. */
struct ds_conf_key {
	uint32_t id; /* 0: names none */
	uint8_t version;
	const char *file;
	int line;
};
bool ds_conf_key(const struct ds_conf *conf, size_t i, struct ds_conf_key *key);
/* Does anybody but clients live at the server's port: peers, broadcasts? */
bool ds_conf_shares_port(const struct ds_conf *conf);
/* Does this source speak by `ptpport`: is its port that one? */
bool ds_conf_by_ptp(const struct ds_conf *conf, const struct ds_conf_source *source);
/* Is there a broadcastclient? */
bool ds_conf_hears_broadcasts(const struct ds_conf *conf);
/* What selection is to do with a source: its own options, and those that `authselectmode` gives it.
 * A source with `noselect` has its own alone, and counts for nothing there. */
struct ds_conf_select {
	bool noselect, prefer, trust, require;
};
struct ds_conf_select ds_conf_select(const struct ds_conf *conf,
				     const struct ds_conf_source *source);
/* Print it back as directives that give the same configuration (-p): what differs from the
 * defaults. Not in it: ipv4 and ipv6, which are the command line's, and which file a source came
 * from. */
void ds_conf_print(const struct ds_conf *conf, FILE *out);

#endif
