/*
 * labconf: the hosts of the rig remote, read from lab.conf.
 * It must never connect to one, and never guess what a word may have meant.
 *
 * A host a line, in the grammar of drivestampd's configuration: words separated by blanks, compared
 * without regard to case where they are the grammar's; '#', '%', ';' or '!' begin a comment line.
 *
 *	host NAME old|new ssh DESTINATION [WORD VALUE]...
 *
 * NAME		letters, digits, '.', '_' and '-', at most 31; each once
 * old|new	the side it is on: it runs the daemon of --old or --new
 * ssh		USER@HOST, or a name in ~/.ssh/config. It has to let us in without asking (a key)
 * address	the numeric address by which the other hosts reach it; left out: HOST, if that is
 *one interface	by which it does so (for PTP and broadcast); left out: not said kind
 *what it runs instead: a kind of daemon as after --old pps		a file of the kernel that
 *holds the last pulse: /sys/class/pps/pps0/assert. How wrong its clock is, is read from it; it must
 *be right within half a second port		of its ssh server; left out: as ssh has it identity
 *file of our key for it sshconfig	file that ssh reads instead of ~/.ssh/config
 * load		cpu, net or both: as --load
 *
 * Two hosts at least, DS_LAB_HOSTS at most. For example:
 *
 *	host alba old ssh ntp@192.0.2.1 interface eth0 pps /sys/class/pps/pps0/assert
 *	host bern new ssh lab@bern.example.net address 192.0.2.2
 */
#ifndef DS_LAB_LABCONF_H
#define DS_LAB_LABCONF_H

#include "lab/experiment.h"

/* Fill plan's rig, hosts, and in host[] all but what the command line says of their kinds. A value
 * with no room in its field is an error. 0, or a negative errno with a sentence in why: "FILE:LINE:
 * cause", and for an unknown word the nearest known one. */
int ds_labconf_read(struct ds_lab_plan *plan, const char *path, char why[DS_LAB_WHY]);

#endif
