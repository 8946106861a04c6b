/*
 * doctor: what was found on this machine of all that makes time good (the facts), and what follows
 * from it in words (the advice); shared by the looking (doctor_look.c, doctor_host.c,
 * doctor_try.c), the judging (doctor_advice.c) and the telling (doctor_report.c, doctor_json.c). It
 * must never change a setting without --try, nor call a stamp delivered that was only promised.
 *
 * Facts are one plain structure: advice and reports can be made of facts that no machine ever had.
 */
#ifndef DS_TOOL_DOCTOR_H
#define DS_TOOL_DOCTOR_H

#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "os/card.h"
#include "os/phc.h"
#include "os/socket.h"

#define DS_DOCTOR_JSON_SCHEMA 1
#define DS_DOCTOR_INTERFACES  64
#define DS_DOCTOR_CLOCKS      16
#define DS_DOCTOR_PULSES      16
#define DS_DOCTOR_PORTS	      3
#define DS_DOCTOR_PROCESSES   64
#define DS_DOCTOR_TRIAL	      10 /* packets; as many as the daemon gives a card */
#define DS_DOCTOR_ADVICE      64

/* Packets that were sent, and what of them was stamped, by the kernel and by the card. */
struct ds_doctor_trial {
	bool done;
	int sent, tx_kernel, tx_card;
	int heard, rx_kernel, rx_card;
	enum ds_card_filter filter; /* of the card, meanwhile */
	char why[DS_WHY];	    /* why nothing was sent, or the card was not set up; "" */
};

struct ds_doctor_interface {
	struct ds_card card;
	bool has_address;
	bool has_setting; /* the driver tells how the card is set now: */
	struct ds_card_setting setting;
	bool stamps_sent; /* it is: transmissions are stamped */
	enum ds_card_filter receives;
	struct ds_doctor_trial trial; /* lo: always; others: with --try */
	bool left_changed;	      /* after the trial the card could not be put back */
};

/* A device may be seen, and not be for us: then `why` says so. */
struct ds_doctor_clock {
	int number;		/* /dev/ptpN */
	char name[48];		/* as the driver calls it */
	bool has_node, allowed; /* to be opened */
	bool readable;
	char group[32]; /* whose members may read the device; "": none but its owner */
	enum ds_phc_way way;
	int64_t least_ns, median_ns; /* half the width of a reading: what it may be wrong by */
	int64_t offset_ns;	     /* minus CLOCK_REALTIME */
	bool has_rate;
	double rate_ppb; /* against CLOCK_REALTIME, as that is steered now */
	int vclocks, max_vclocks, pins, inputs, outputs, max_adjustment_ppb;
	bool has_pps;
	char why[DS_WHY];
};

struct ds_doctor_pulse {
	int number;    /* /dev/ppsN */
	char name[48]; /* of its driver */
	bool has_node, readable;
	char group[32];
	double watched_s;
	int seen;
	int64_t offset_ns;   /* of the last from the nearest second of CLOCK_REALTIME */
	int64_t interval_ns; /* between the last two; 0: fewer were seen */
	char why[DS_WHY];
};

struct ds_doctor_rtc {
	bool there, told;
	char name[48];
	int64_t minus_system_s; /* to a second; as UTC */
};

struct ds_doctor_kernel {
	char release[64], machine[32];
	bool both_stamps;  /* SOF_TIMESTAMPING_OPT_TX_SWHW */
	bool chosen_ids;   /* SCM_TS_OPT_ID: one came back over lo, where that was tried */
	bool own_filter;   /* SOF_TIMESTAMPING_OPT_RX_FILTER */
	bool card_netlink; /* ETHTOOL_MSG_TSCONFIG_GET */
	bool is_virtual;   /* a hypervisor says that it is there */
	bool user_namespace;
	bool device_tree; /* a board, whose pins can be pulse inputs */
};

struct ds_doctor_system {
	char source[32], sources[128]; /* clock source, and those there are */
	int64_t read_ns;	       /* CLOCK_REALTIME can be read in so long (median) */
	bool told;		       /* adjtimex(2) answered */
	bool synchronised, pll;
	int leap;	 /* enum ds_leap of core/clock */
	int tai_s;	 /* TAI minus UTC as the kernel has it; 0: not told */
	double rate_ppb; /* as set */
	int64_t max_error_ns, est_error_ns;
};

struct ds_doctor_rights {
	unsigned uid;
	bool net_admin, net_raw, sys_time, bind_service;
};

/* Processes that have to do with clocks, by their names. */
enum ds_doctor_role {
	DS_DOCTOR_KEEPS = 1,	/* known to set a clock */
	DS_DOCTOR_MAY_KEEP = 2, /* and holds the right to */
	DS_DOCTOR_SETS_CARDS = 4,
	DS_DOCTOR_GPSD = 8,
};
struct ds_doctor_process {
	const char *name; /* static */
	long pid;
	unsigned roles;
	char unit[48]; /* of systemd, which ends it by that name; "": of none that can be seen */
};

struct ds_doctor_port {
	int port; /* UDP: 123, 319, 320 */
	bool open;
	char owner[48]; /* "chronyd[412]"; "" where that cannot be seen */
};

struct ds_doctor_facts {
	bool tried;			 /* --try */
	bool all;			 /* no interface was named */
	struct ds_doctor_trial loopback; /* in any case */
	char host[64];			 /* its name */
	int64_t when_ns;		 /* CLOCK_REALTIME */
	struct ds_doctor_kernel kernel;
	struct ds_doctor_system system;
	struct ds_doctor_rights rights;
	struct ds_doctor_rtc rtc;
	struct ds_doctor_interface interfaces[DS_DOCTOR_INTERFACES];
	int interface_count;
	bool more_interfaces; /* than have a place */
	struct ds_doctor_clock clocks[DS_DOCTOR_CLOCKS];
	int clock_count;
	struct ds_doctor_pulse pulses[DS_DOCTOR_PULSES];
	int pulse_count;
	struct ds_doctor_process processes[DS_DOCTOR_PROCESSES];
	int process_count;
	struct ds_doctor_port ports[DS_DOCTOR_PORTS];
};

/* ---- advice: pure ---- */

enum ds_doctor_grade {
	DS_DOCTOR_GOOD,	 /* as good as it can be, or as it should be */
	DS_DOCTOR_NOTE,	 /* worth knowing; nothing can be done, or nothing need be */
	DS_DOCTOR_BETTER /* something can be done */
};

/* One finding. A subject may have several. */
struct ds_doctor_advice {
	enum ds_doctor_grade grade;
	const char *id;	      /* stable, for --json: "card-silent" */
	char subject[24];     /* "eth0", "/dev/ptp0", "clock", "rights", ... */
	char words[512];      /* one sentence or a few */
	char lines[192];      /* for drivestamp.conf, each ended by a newline; "" */
	char command[2][160]; /* for a shell; "" */
};

struct ds_doctor_verdict {
	struct ds_doctor_advice advice[DS_DOCTOR_ADVICE];
	int count;
	struct ds_doctor_advice spare; /* where one goes that has no place */
	char bare[512];		       /* what drivestampd does with an empty configuration */
	char better[512];	       /* and with the lines of the advice */
};

/* What follows from the facts. What does not fit is left out, the most important never. */
void ds_doctor_judge(const struct ds_doctor_facts *facts, struct ds_doctor_verdict *verdict);
/* 0: nothing is to be bettered; 1: something is. */
int ds_doctor_status(const struct ds_doctor_verdict *verdict);

/* What an interface can do, in words: what its driver promises, or what a trial showed. */
#define DS_DOCTOR_WORDS 512
void ds_doctor_say_interface(const struct ds_doctor_facts *facts,
			     const struct ds_doctor_interface *interface,
			     char words[DS_DOCTOR_WORDS]);
void ds_doctor_say_clock(const struct ds_doctor_facts *facts, const struct ds_doctor_clock *clock,
			 char words[DS_DOCTOR_WORDS]);
void ds_doctor_say_pulse(const struct ds_doctor_pulse *pulse, char words[DS_DOCTOR_WORDS]);
/* Did it give nothing of what it promised, in as many packets as decide? */
bool ds_doctor_tx_silent(const struct ds_doctor_interface *interface);
bool ds_doctor_rx_silent(const struct ds_doctor_interface *interface);
/* "chronyd[412] ptp4l[77]" of those with one of these roles; false where there are none. */
bool ds_doctor_names(const struct ds_doctor_facts *facts, unsigned roles, char *text, size_t size);

/* ---- telling: pure ---- */

void ds_doctor_print(const struct ds_doctor_facts *facts, const struct ds_doctor_verdict *verdict,
		     FILE *out);
/* Schema: doc/doctor.schema.json. */
void ds_doctor_print_json(const struct ds_doctor_facts *facts,
			  const struct ds_doctor_verdict *verdict, FILE *out);

/* ---- looking ---- */

/* Look at these interfaces (none named: all), and at everything else. Takes a few seconds where
 * there are pulses or clocks to watch. 0, or a negative errno with a sentence: no such interface.
 */
int ds_doctor_look(struct ds_doctor_facts *facts, const char *const *interfaces, int count,
		   char why[DS_WHY]);
/* doctor_host.c: kernel, rights, system clock, processes and ports. Needs no right. */
void ds_doctor_look_host(struct ds_doctor_facts *facts);
/* doctor_devices.c: clocks of cards, pulses, real-time clock. Opens devices to read them only. */
void ds_doctor_look_devices(struct ds_doctor_facts *facts);
/* doctor_try.c. Over lo, to ourselves: nothing leaves. */
void ds_doctor_try_loopback(struct ds_doctor_trial *trial, bool *chosen_ids);
/* Switch the card's stamps on, send, count, and put the card back, whatever ends this process:
 * *stop is set by a signal that should. */
void ds_doctor_try_interface(struct ds_doctor_interface *interface,
			     volatile const sig_atomic_t *stop);

#endif
