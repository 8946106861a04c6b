/*
 * steps: the path that the check of a MAC takes through the code, instruction by instruction, for
 * MACs that are wrong in one byte: is it the same wherever that byte stands?
 * It must never measure time: what the processor does meanwhile is not ours.
 *
 * It links the daemon's own objects. A child checks one packet after the other; its parent steps it
 * (ptrace) and adds up the addresses of all instructions between two signals. Memory is read at the
 * same places by the same instructions; which, the loop of ds_mac_equal() shows to whoever reads
 * it.
 *
 * Lines on stdout: `ok - `, `not ok - ` or `skip - `.
 */
#include <elf.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/keys.h"

#define DIGEST	 16
#define PATTERNS 3
#define CHECKS	 (PATTERNS * DIGEST)

struct path {
	uint64_t steps, sum;
};

static struct ds_keys keys;
static uint8_t packets[CHECKS + 1][DS_KEYS_PACKET];
static size_t length;

static void say(void *context, bool error, const char *file, int line, const char *text)
{
	(void)context;
	(void)error;
	fprintf(stderr, "%s:%d: %s\n", file, line, text);
}

/* One right packet, the last, and all that are wrong in one byte of its MAC. */
static bool prepare(void)
{
	static const uint8_t patterns[PATTERNS] = {0x01, 0x80, 0xff};
	char text[] = "1 AES128 HEX:2b7e151628aed2a6abf7158809cf4f3c\n";

	if (!ds_keys_parse(&keys, text, strlen(text), "keys", say, NULL))
		return false;
	packets[CHECKS][0] = 4 << 3 | 4;
	length = ds_keys_sign(&keys, 1, packets[CHECKS], DS_WIRE_HEADER_SIZE, 4);
	for (size_t i = 0; i < CHECKS; i++) {
		memcpy(packets[i], packets[CHECKS], DS_KEYS_PACKET);
		packets[i][DS_WIRE_HEADER_SIZE + 4 + i % DIGEST] ^= patterns[i / DIGEST];
	}
	return length == DS_WIRE_HEADER_SIZE + 4 + DIGEST;
}

static enum ds_auth check(size_t i)
{
	struct ds_frame frame;

	if (ds_wire_read(packets[i], length, &frame) != DS_R_OK)
		return DS_AUTH_ABSENT;
	return ds_keys_check(&keys, packets[i], &frame, 1);
}

/* What it must not be, so that it is seen that the measure can tell. */
static enum ds_auth naive(size_t i)
{
	volatile const uint8_t *a = packets[i], *b = packets[CHECKS];
	size_t at = 0;

	while (at < length && a[at] == b[at])
		at++;
	return at == length ? DS_AUTH_GOOD : DS_AUTH_BAD;
}

static _Noreturn void child(enum ds_auth (*checks)(size_t))
{
	int wrong = 0;

	wrong += checks(CHECKS) != DS_AUTH_GOOD; /* what is bound at the first call is bound now */
	wrong += checks(0) != DS_AUTH_BAD;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(77);
	/* once more than is compared: the way out of the loop is another one */
	for (size_t i = 0; i <= CHECKS; i++) {
		raise(SIGUSR1);
		wrong += checks(i % CHECKS) != DS_AUTH_BAD;
	}
	_exit(wrong);
}

static uint64_t program_counter(pid_t pid)
{
	struct user_regs_struct registers;
	struct iovec part = {&registers, sizeof registers};

	if (ptrace(PTRACE_GETREGSET, pid, (void *)(uintptr_t)NT_PRSTATUS, &part) != 0)
		return 0;
#if defined(__x86_64__)
	return registers.rip;
#elif defined(__aarch64__)
	return registers.pc;
#else
	return 0;
#endif
}

/* Returns the child's status; 77 where it cannot be stepped. */
static int trace(enum ds_auth (*checks)(size_t), struct path paths[CHECKS + 2])
{
	size_t signals = 0;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		child(checks);
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		struct path *p = &paths[signals <= CHECKS ? signals : CHECKS + 1];
		uint64_t at = program_counter(pid);

		if (at == 0) {
			ptrace(PTRACE_KILL, pid, NULL, NULL);
			waitpid(pid, &status, 0);
			return 77;
		}
		if (WSTOPSIG(status) == SIGUSR1)
			signals++;
		p->steps++;
		p->sum = p->sum * UINT64_C(0x9e3779b97f4a7c15) + at;
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0)
			return 77;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* How many of the checks took another path than the first of them. */
static unsigned int others(const struct path paths[CHECKS + 2])
{
	unsigned int n = 0;

	/* paths[0] is before the first signal; paths[i + 1] is check i */
	for (size_t i = 1; i < CHECKS; i++)
		n += paths[i + 1].steps != paths[1].steps || paths[i + 1].sum != paths[1].sum;
	return n;
}

int main(void)
{
	static struct path shipped[CHECKS + 2], poor[CHECKS + 2];
	int status;

	if (!prepare()) {
		puts("not ok - a key is made");
		return 1;
	}
	fflush(stdout);
	status = trace(check, shipped);
	if (status == 77) {
		puts("skip - nothing can be traced here (ptrace)");
		return 0;
	}
	if (status != 0 || trace(naive, poor) != 0) {
		puts("not ok - each MAC that is wrong in one byte is found to be wrong");
		return 1;
	}
	printf("%s - %d MACs wrong in one byte: %u checked by another path of instructions than the "
	       "first (%" PRIu64 " of them)\n",
	       others(shipped) == 0 ? "ok" : "not ok", CHECKS, others(shipped), shipped[1].steps);
	printf("%s - of a compare that stops at the first wrong byte it is %u\n",
	       others(poor) >= CHECKS - PATTERNS ? "ok" : "not ok", others(poor));
	return others(shipped) != 0 || others(poor) < CHECKS - PATTERNS;
}
