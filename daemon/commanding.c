/* commanding: see commanding.h. */
#include "daemon/commanding.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/candm.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "os/unix_socket.h"

#define UNIX	    0
#define SOCKET_MODE 0660

/* Where a request came from, and what its sender may. */
struct sender {
	union {
		struct sockaddr sa;
		struct sockaddr_un un;
		struct sockaddr_in6 in6;
		union ds_address address;
	} name;
	socklen_t length;
	bool may_write;
};

void ds_commanding_none(struct ds_commanding *c)
{
	memset(c, 0, sizeof *c);
	for (int i = 0; i < DS_COMMANDING_SOCKETS; i++)
		c->fds[i] = -1;
}

static void open_unix(struct ds_commanding *c, const struct ds_conf *conf)
{
	const struct ds_unix_socket wanted = {
		.path = conf->cmd_socket,
		.type = SOCK_DGRAM,
		.mode = SOCKET_MODE,
		.user = conf->user,
		.group = conf->control_group,
	};
	bool is_default = strcmp(conf->cmd_socket, DS_CONF_CMD_SOCKET) == 0;
	char why[DS_WHY];
	int on = 1;
	int rc;

	if (conf->cmd_socket[0] == '\0')
		return;
	rc = ds_unix_socket_open(&wanted, why);
	if (rc < 0) {
		/* Without that user the daemon will not start, and says why. */
		if (rc != -ESRCH &&
		    (!is_default || (rc != -ENOENT && rc != -EACCES && rc != -EROFS)))
			ds_log(DS_LOG_WARNING, "bindcmdaddress %s; chronyc cannot ask there", why);
		return;
	}
	c->fds[UNIX] = rc;
	snprintf(c->path, sizeof c->path, "%s", conf->cmd_socket);
	if (setsockopt(rc, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
		ds_log(DS_LOG_WARNING, "bindcmdaddress %s: senders are not known: no orders",
		       conf->cmd_socket);
}

/* Bound to the address and to lo: what comes by another interface is nobody's. */
static int open_udp(const union ds_address *address)
{
	int fd = socket(address->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;
	int error;

	if (fd < 0)
		return -errno;
	if ((address->family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0 ||
	    bind(fd, &address->sa, ds_address_length(address)) != 0) {
		error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

static void open_family(struct ds_commanding *c, const struct ds_conf *conf, int i)
{
	static const char *const usual[] = {"127.0.0.1", "::1"};
	union ds_address address = conf->cmd_bind[i];
	char text[DS_ADDRESS_TEXT];
	int rc;

	if (address.family == 0)
		ds_address_parse(usual[i], 0, &address);
	ds_address_set_port(&address, (uint16_t)conf->cmd_port);
	rc = open_udp(&address);
	if (rc >= 0)
		c->fds[1 + i] = rc;
	else if (rc != -EAFNOSUPPORT && !(i == 1 && rc == -EADDRNOTAVAIL))
		ds_log(DS_LOG_WARNING, "cmdport: %s: %s; chronyc cannot ask there",
		       ds_address_text(&address, true, text), strerror(-rc));
}

void ds_commanding_open(struct ds_commanding *c, const struct ds_conf *conf)
{
	ds_commanding_none(c);
	open_unix(c, conf);
	if (conf->cmd_port == 0)
		return;
	if (conf->ipv4)
		open_family(c, conf, 0);
	if (conf->ipv6)
		open_family(c, conf, 1);
}

void ds_commanding_close(struct ds_commanding *c)
{
	if (c->fds[UNIX] >= 0)
		ds_unix_socket_close(c->fds[UNIX], c->path);
	for (int i = UNIX + 1; i < DS_COMMANDING_SOCKETS; i++)
		if (c->fds[i] >= 0)
			close(c->fds[i]);
	for (int i = 0; i < DS_COMMANDING_SOCKETS; i++)
		c->fds[i] = -1;
}

uint32_t ds_commanding_watch(const struct ds_commanding *c, struct pollfd *fds, uint32_t *who,
			     uint32_t room)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < DS_COMMANDING_SOCKETS && n < room; i++) {
		if (c->fds[i] < 0)
			continue;
		fds[n] = (struct pollfd){.fd = c->fds[i], .events = POLLIN};
		who[n++] = i;
	}
	return n;
}

static bool is_owner(const struct msghdr *message)
{
	struct ucred credentials;

	for (const struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
	     c = CMSG_NXTHDR((struct msghdr *)message, (struct cmsghdr *)c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&credentials, CMSG_DATA(c), sizeof credentials);
		return credentials.uid == 0 || credentials.uid == geteuid();
	}
	return false;
}

/* Returns the length; 0: there was nothing, or nothing of use. */
static size_t receive(struct ds_commanding *c, uint32_t who, uint8_t request[DS_CANDM_MOST],
		      struct sender *from)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec vector = {.iov_len = DS_CANDM_MOST};
	struct msghdr message = {
		.msg_name = &from->name,
		.msg_namelen = sizeof from->name,
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};
	ssize_t got;

	vector.iov_base = request;
	got = recvmsg(c->fds[who], &message, MSG_DONTWAIT);
	if (got < 0)
		return 0;
	c->received++;
	from->length = message.msg_namelen;
	from->may_write = who == UNIX && is_owner(&message);
	/* A sender without a name cannot be answered; one that is no loopback address was forged.
	 */
	if (got == 0 || (message.msg_flags & MSG_TRUNC) || from->length <= sizeof(sa_family_t) ||
	    (who != UNIX && !ds_address_is_loopback(&from->name.address))) {
		c->dropped++;
		return 0;
	}
	return (size_t)got;
}

void ds_commanding_handle(struct ds_commanding *c, struct ds_daemon *d, uint32_t who)
{
	static uint8_t request[DS_CANDM_MOST], reply[DS_CANDM_MOST];
	struct sender from;
	enum ds_candm_right right = DS_CANDM_PUBLIC;
	size_t length;

	if (who >= DS_COMMANDING_SOCKETS || c->fds[who] < 0)
		return;
	memset(&from, 0, sizeof from);
	length = receive(c, who, request, &from);
	if (length == 0)
		return;
	if (who == UNIX)
		right = from.may_write ? DS_CANDM_WRITE : DS_CANDM_READ;
	length = ds_candm_answer(d, request, length, right, reply);
	if (length == 0 || sendto(c->fds[who], reply, length, MSG_DONTWAIT | MSG_NOSIGNAL,
				  &from.name.sa, from.length) < 0)
		c->dropped++;
}
