/*
 * machine: what this machine is, how busy its processors are, and whether its disk is full. It
 * must never change anything.
 */
#ifndef DS_LAB_MACHINE_H
#define DS_LAB_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "Linux 6.18.5 x86_64, 2 processors (AMD EPYC), clocksource tsc". Cut to size. */
void ds_machine_describe(char *text, size_t size);

/* Time of all processors since boot, in ticks: in use (by anybody, a hypervisor's other guests
 * too), and at all. */
struct ds_machine_use {
	uint64_t busy, all;
};
/* False where /proc/stat says nothing. */
bool ds_machine_use(struct ds_machine_use *use);

/* Is the file system that holds `path` full? False also where it cannot be asked. */
bool ds_machine_disk_full(const char *path);

#endif
