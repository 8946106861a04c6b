/*
 * privilege: give up rights.
 * It must never give up half: either the process runs as `user` with only the named
 * capabilities, or an error comes back.
 */
#ifndef DS_OS_PRIVILEGE_H
#define DS_OS_PRIVILEGE_H

#include <stdbool.h>

#include "os/socket.h"

/* Become `user` (NULL or "root": stay), keep CAP_SYS_TIME if steer and CAP_NET_BIND_SERVICE if bind_low_ports (for
 * sources and listeners opened later), set no_new_privs. Not being root to begin with is no error if there is nothing to give up.
 * Returns 0 or a negative errno with a sentence. */
int ds_privilege_drop(const char *user, bool steer, bool bind_low_ports, char why[DS_WHY]);
bool ds_privilege_may_set_clock(void);

#endif
