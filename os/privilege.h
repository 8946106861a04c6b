/*
 * privilege: give up rights.
 * It must never give up half: either the process runs as `user` with only the named
 * capabilities, or an error comes back (and the process should end).
 */
#ifndef DS_OS_PRIVILEGE_H
#define DS_OS_PRIVILEGE_H

#include <stdbool.h>

#include "os/socket.h"

/* Become `user` (NULL, "" or "root": stay who we are, and what a service manager gave us beyond
 * what is wanted is given up unless we are root), with its groups; keep CAP_SYS_TIME if steer, and
 * CAP_NET_BIND_SERVICE if bind_low_ports (for sources and listeners opened later), as far as we
 * hold them, and nothing else; set no_new_privs. Without any right (no root, no capability) nothing
 * changes but no_new_privs, and that is no error. To be called before any thread is started.
 * Returns 0 or a negative errno with a sentence: no such user, no right to become it, or something
 * that stayed. */
int ds_privilege_drop(const char *user, bool steer, bool bind_low_ports, char why[DS_WHY]);
/* Give up CAP_SYS_TIME for good, whoever we are: out of all sets, and out of what a child could
 * get. 0 or a negative errno with a sentence; then it may still be held. */
int ds_privilege_forgo_clock(char why[DS_WHY]);
/* Is CAP_SYS_TIME in force? */
bool ds_privilege_may_set_clock(void);

#endif
