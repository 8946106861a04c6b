/*
 * notify: tells the service manager how we are.
 * It must never wait for it, nor fail because there is none.
 *
 * Source: sd_notify(3): datagrams of lines to the socket that NOTIFY_SOCKET names, a path or, with
 * '@' in front, a name of the abstract space. By hand: it is the whole protocol.
 */
#ifndef DS_OS_NOTIFY_H
#define DS_OS_NOTIFY_H

#include <stdbool.h>

/* At start-up, before the environment is touched: takes NOTIFY_SOCKET out of it, so that no child
 * speaks for us, and opens what is needed to speak. False: nobody wants to be told. */
bool ds_notify_open(void);
/* In a name of the abstract space, which a sandbox may have to leave open? */
bool ds_notify_is_abstract(void);

void ds_notify_ready(void);
void ds_notify_stopping(void);
/* Begin and end of reading the configuration again. */
void ds_notify_reloading(void);
/* One line for people, shown by `systemctl status`; the same one again is not sent. */
void ds_notify_status(const char *text);

#endif
