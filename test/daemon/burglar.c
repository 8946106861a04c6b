/*
 * burglar: preloaded into a daemon, what somebody would try who got into it. Told by SIGUSR2, it
 * tries each and writes into the log (stderr) what came of it. It must never harm anything where it
 * succeeds.
 *
 * BURGLAR_FOLDER: a folder that the daemon has no business in; it holds a file `secret`.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char secret[256], loot[256];

static void say(const char *what, int worked)
{
	char line[128];
	int n = snprintf(line, sizeof line, "burglar: %s: %s\n", what,
			 worked ? "done" : strerror(errno));

	(void)!write(STDERR_FILENO, line, (size_t)n);
}

static int close_if(int fd)
{
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return fd >= 0;
}

/* In a child, so that what works is not the daemon's end. */
static int in_child(void (*what)(void))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		what();
		_exit(errno);
	}
	if (child < 0)
		return 0;
	waitpid(child, &status, 0);
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return errno == 0;
}

static void run_program(void)
{
	static char program[] = "/bin/true";
	char *const argv[] = {program, NULL};
	char *const env[] = {NULL};

	execve(argv[0], argv, env);
}

static void trace(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
		_exit(0);
}

static void attempt(int number)
{
	int error = errno;

	(void)number;
	say("read a file", close_if(open(secret, O_RDONLY | O_CLOEXEC)));
	say("make a file", close_if(open(loot, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
	say("run a program", in_child(run_program));
	say("listen to the wire", close_if(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)));
	say("trace a process", in_child(trace));
	say("mount", mount("none", "/nowhere/at/all", "tmpfs", 0, NULL) == 0 || errno == ENOENT);
	say("a namespace", unshare(CLONE_NEWUTS) == 0);
	errno = error;
}

__attribute__((constructor)) static void wait_for_the_word(void)
{
	const char *folder = getenv("BURGLAR_FOLDER");
	struct sigaction action;

	snprintf(secret, sizeof secret, "%s/secret", folder != NULL ? folder : "");
	snprintf(loot, sizeof loot, "%s/loot", folder != NULL ? folder : "");
	memset(&action, 0, sizeof action);
	action.sa_handler = attempt;
	sigaction(SIGUSR2, &action, NULL);
}
