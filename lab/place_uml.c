/* place_uml: the rig uml: hosts that are user-mode Linux kernels of the bed (lab/bed), each with an
 * oscillator, a pulse, a card and the clock of the card of its own. It must never say how wrong a
 * host's clock is but by the time base that all share, the TSC.
 *
 * Kernels are programs of lab/rig.h in one namespace, which holds the bridge between them; so they
 * end with us, whatever ends us. A host's folder is a folder of this machine, in which the guest
 * writes too (hostfs). What is to be run there is a file in it; its number goes to the guest's
 * console, and its status comes as a file (lab/bed/init/common.sh).
 *
 * The clocks are kept by chronyd of the bed's package, the same in all hosts, whatever daemons are
 * under test: their logs tell times in whole seconds, and between clocks that ran as their
 * oscillators do the true offset would change by microseconds within one.
 * What the keepers leave is measured five times a second and taken off. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lab/place_rig.h"
#include "lab/talk.h"

#define NTP_PORT     123
#define BOOT_MS	     30000
#define SETTLE_MS    45000 /* for the keepers */
#define SETTLED_NS   3000.0
#define SETTLED	     15	 /* readings in a row, 3 s of them */
#define WIDE	     2.0 /* a reading that took so many times the shortest says little */
#define END_MS	     3000
#define STEP_MS	     2
#define KILLED_MS    3000
#define NO_CLOCK     "setpriv --bounding-set -sys_time --inh-caps -sys_time"
#define SCRIPT_ROOM  4096
#define KERNEL_WORDS 40
#define WORD	     DS_PLACE_PATH

/* Oscillators, as different as those of four machines are: ppm, and seconds that the clock is wrong
 * by at boot. Models, as are pulse, card and wire. */
static const struct {
	double ppm, epoch_s;
} oscillators[DS_LAB_HOSTS] = {{20, 0.3},    {-35.5, -0.7}, {8.2, 1.1}, {-61, -0.2},
			       {44.4, 0.05}, {-12.7, 0.9},  {73, -1.4}, {-3.1, 0.4}};
static const char *const models[] = {"UMLCLK_WANDER=0.01", "bedclk.pps_jitter=30",
				     "bedclk.hw_jitter=8", "bedclk.wire_delay=5000",
				     "bedclk.wire_jitter=10"};

struct uml_host {
	int kernel;    /* the rig's program; -1 */
	int orders_fd; /* the guest's console; -1 */
	int next;      /* number of the next order */
	off_t heard;   /* of its log of the clock */
	int right;     /* readings near the truth, in a row */
	uint64_t least_bracket;
	/* the last two readings, and what those between others were off their line */
	double at_s[2], error_ns[2];
	int readings;
	double bends, bends_squared;
	char gone[DS_LAB_WHY]; /* why; empty: it is there */
};

struct uml {
	char bed[DS_LAB_PATH]; /* the folder of the bed */
	char kernel[DS_LAB_PATH], tools[DS_LAB_PATH], work[DS_LAB_PATH];
	uint64_t tsc0; /* true time: utc0_ns at tsc0, and so many ticks a second */
	int64_t utc0_ns;
	double tsc_hz;
	struct uml_host host[DS_LAB_HOSTS];
};

static struct uml *own(const struct ds_place *place)
{
	return place->own;
}

__attribute__((format(printf, 3, 4))) static int refuse(char why[DS_LAB_WHY], int error,
							const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, DS_LAB_WHY, format, arguments);
	va_end(arguments);
	return -error;
}

static int name_host(const struct ds_place *place, int host, int error, char why[DS_LAB_WHY])
{
	char text[DS_LAB_WHY];

	snprintf(text, sizeof(text), "%s", why);
	snprintf(why, DS_LAB_WHY, "%s: %.200s", place->plan.host[host].name, text);
	return error;
}

static void pause_ms(int ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

/* ---- the bed ---- */

static int find_bed(struct uml *uml, char why[DS_LAB_WHY])
{
	static const char *const folders[] = {DS_LAB_BED_SOURCE, DS_LAB_BED_INSTALLED};
	char path[WORD];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/bed", folders[i]);
		if (access(path, X_OK) != 0)
			continue;
		snprintf(uml->bed, sizeof(uml->bed), "%s", folders[i]);
		return 0;
	}
	return refuse(why, ENOENT, "the bed is not where it was built or installed (%.150s)",
		      folders[0]);
}

static void take_path(struct uml *uml, const char *line)
{
	(void)(sscanf(line, "kernel %255s", uml->kernel) == 1 ||
	       sscanf(line, "tools %255s", uml->tools) == 1 ||
	       sscanf(line, "work %255s", uml->work) == 1);
}

/* Builds it, if that was not done before, and says where everything is. What is missing goes into
 * why: all of it. */
static int prepare_bed(struct ds_place *place, char why[DS_LAB_WHY])
{
	struct uml *uml = own(place);
	char command[3 * DS_LAB_PATH], line[WORD], missing[DS_LAB_WHY] = "", last[DS_LAB_WHY] = "";

	snprintf(command, sizeof(command), "BED_WORK='%s/bed' '%s/bed' paths 2>&1",
		 place->rig.directory, uml->bed);
	FILE *bed = popen(command, "re"); /* NOLINT(cert-env33-c): a script of ours */
	if (!bed)
		return refuse(why, errno, "cannot start a shell: %s", strerror(errno));
	while (fgets(line, sizeof(line), bed)) {
		size_t used = strlen(missing);
		line[strcspn(line, "\n")] = '\0';
		take_path(uml, line);
		if (strncmp(line, "missing: ", 9) == 0)
			snprintf(missing + used, sizeof(missing) - used, "%s%.100s",
				 used > 0 ? "; " : "", line + 9);
		snprintf(last, sizeof(last), "%.200s", line);
	}
	if (pclose(bed) == 0 && uml->work[0] != '\0')
		return 0;
	if (ds_rig_signal() != 0)
		return refuse(why, EINTR, "interrupted while the bed was built");
	return refuse(why, ENOSYS, "no virtual hosts here: %s%.200s",
		      missing[0] != '\0' ? "missing: " : "", missing[0] != '\0' ? missing : last);
}

/* A command of ours in the namespace of the kernels, to its end. */
static int run_here(struct ds_place *place, const char *const argv[], char *output, size_t size,
		    char why[DS_LAB_WHY])
{
	struct ds_talk talk = {
		.argv = argv, .timeout_ms = BOOT_MS, .limit = size > 0 ? size - 1 : 0};
	int status = ds_talk(&place->rig, 0, &talk, why);

	if (size > 0 && talk.output)
		memcpy(output, talk.output, talk.output_size + 1);
	free(talk.output);
	if (status > 0)
		return refuse(why, EIO, "%.60s: %.150s", argv[0],
			      talk.said[0] != '\0' ? talk.said : "failed");
	return status;
}

/* A bridge, with a tap for each host. Netfilter on the bridge would cut off what the model of the
 * wire adds to a packet. */
static int make_network(struct ds_place *place, char why[DS_LAB_WHY])
{
	static const char script[] = "set -e\n"
				     "PATH=$PATH:/usr/sbin:/sbin\n"
				     "ip link add br0 type bridge\n"
				     "ip link set br0 up\n"
				     "for f in iptables ip6tables; do\n"
				     "	f=/proc/sys/net/bridge/bridge-nf-call-$f\n"
				     "	[ ! -e $f ] || echo 0 >$f\n"
				     "done\n"
				     "for i in $(seq $1); do\n"
				     "	ip tuntap add dev t$i mode tap\n"
				     "	ip link set t$i up master br0\n"
				     "done\n";
	char hosts[16];
	const char *argv[] = {"sh", "-c", script, "sh", hosts, NULL};

	snprintf(hosts, sizeof(hosts), "%d", place->plan.hosts);
	return run_here(place, argv, NULL, 0, why);
}

static int define_truth(struct ds_place *place, char why[DS_LAB_WHY])
{
	struct uml *uml = own(place);
	char path[WORD], output[128];
	const char *argv[] = {path, "cal", NULL};

	snprintf(path, sizeof(path), "%s/bin/tscprobe", uml->work);
	int error = run_here(place, argv, output, sizeof(output), why);
	if (error != 0)
		return error;
	if (sscanf(output, "%" SCNu64 " %" SCNd64 " %lf", &uml->tsc0, &uml->utc0_ns,
		   &uml->tsc_hz) != 3 ||
	    !(uml->tsc_hz > 1e6))
		return refuse(why, EPROTO, "tscprobe: '%.60s' is no definition of true time",
			      output);
	return 0;
}

/* ---- kernels ---- */

struct words {
	char text[KERNEL_WORDS][WORD];
	const char *list[KERNEL_WORDS + 1];
	int count;
};

__attribute__((format(printf, 2, 3))) static void add_word(struct words *words, const char *format,
							   ...)
{
	va_list arguments;

	if (words->count == KERNEL_WORDS)
		return;
	va_start(arguments, format);
	vsnprintf(words->text[words->count], WORD, format, arguments);
	va_end(arguments);
	words->list[words->count] = words->text[words->count];
	words->list[++words->count] = NULL;
}

/* As `bed host` has them; what the kernel does not know becomes the environment of init. */
static void kernel_words(const struct ds_place *place, int host, struct words *w)
{
	static const char *const fixed[] = {
		"mem=192M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/",   "ro",
		"quiet",    "con=null",	      "con0=null,fd:1",	   "con1=fd:0,null"};
	const struct uml *uml = own(place);
	size_t model = 1;
	int n = host + 1;

	add_word(w, "env");
	add_word(w, "UMLCLK_PPM=%g", oscillators[host].ppm);
	add_word(w, "UMLCLK_EPOCH=%g", oscillators[host].epoch_s);
	add_word(w, "UMLCLK_SEED=%d", n);
	add_word(w, "%s", models[0]);
	add_word(w, "LD_PRELOAD=%s/umlclk.so", uml->work);
	add_word(w, "%s", uml->kernel);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		add_word(w, "%s", fixed[i]);
	add_word(w, "umid=n%d", n);
	add_word(w, "uml_dir=%s/", place->rig.directory);
	add_word(w, "vec0:transport=tap,ifname=t%d,depth=128,gro=0,mac=02:00:00:00:77:0%d", n, n);
	add_word(w, "init=%s/init/load.sh", uml->bed);
	add_word(w, "next=%s/init/lab.sh", uml->bed);
	add_word(w, "node=%d", n);
	add_word(w, "modes=%d", DS_LAB_MODES);
	add_word(w, "bed=%s", uml->bed);
	add_word(w, "tools=%s", uml->tools);
	add_word(w, "work=%s", uml->work);
	add_word(w, "out=%s", place->directory[host]);
	add_word(w, "bedclk.tsc0=%" PRIu64, uml->tsc0);
	add_word(w, "bedclk.utc0=%" PRId64, uml->utc0_ns);
	add_word(w, "bedclk.tsc_hz=%.0f", uml->tsc_hz);
	/* Crystals of cards are none of their hosts'. */
	add_word(w, "bedclk.phc_ppb=%d", 4000 - 2700 * host);
	while (model < sizeof(models) / sizeof(models[0]))
		add_word(w, "%s", models[model++]);
}

static void console_of(const struct ds_place *place, int host, char path[WORD])
{
	snprintf(path, WORD, "%s/console-%d", place->rig.directory, host);
}

static int start_kernel(struct ds_place *place, int host, char why[DS_LAB_WHY])
{
	static struct words words; /* large */
	struct uml_host *h = &own(place)->host[host];
	char console[WORD];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return refuse(why, errno, "cannot make a pipe: %s", strerror(errno));
	fcntl(ends[1], F_SETFL, O_NONBLOCK); /* its room is more than we ever say at once */
	h->orders_fd = ends[1];
	words.count = 0;
	kernel_words(place, host, &words);
	console_of(place, host, console);
	const struct ds_rig_job job = {.argv = words.list, .output = console, .input_fd = ends[0]};
	h->kernel = ds_rig_start_job(&place->rig, 0, &job, why);
	close(ends[0]);
	return h->kernel < 0 ? h->kernel : 0;
}

/* The last line that a kernel wrote to its console. */
static void last_line(const struct ds_place *place, int host, char text[DS_LAB_WHY])
{
	char path[WORD], line[DS_LAB_WHY];

	console_of(place, host, path);
	FILE *file = fopen(path, "re");
	text[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] != '\0')
			memcpy(text, line, sizeof(line));
	}
	if (file)
		fclose(file);
}

static int check_host(struct ds_place *place, int host, char why[DS_LAB_WHY])
{
	struct uml_host *h = &own(place)->host[host];
	char said[DS_LAB_WHY], how[64];

	if (h->gone[0] == '\0' && !ds_rig_ended(&place->rig, h->kernel))
		return 0;
	if (h->gone[0] == '\0') {
		last_line(place, host, said);
		snprintf(h->gone, sizeof(h->gone), "the host is gone: its kernel %s%s%.150s",
			 ds_rig_ending(&place->rig, h->kernel, how), said[0] != '\0' ? ": " : "",
			 said);
	}
	return refuse(why, ENOTCONN, "%s", h->gone);
}

/* ---- orders ---- */

/* A script for bash in the guest. Returns its number, or a negative errno. */
static int give_order(struct ds_place *place, int host, const char *script, char why[DS_LAB_WHY])
{
	struct uml_host *h = &own(place)->host[host];
	char name[32], line[16];
	int error = check_host(place, host, why);

	if (error != 0)
		return error;
	snprintf(name, sizeof(name), "tell-%d", h->next);
	error = ds_place_files_put(place, host, name, script, strlen(script), false, why);
	if (error != 0)
		return error;
	int length = snprintf(line, sizeof(line), "%d\n", h->next);
	if (write(h->orders_fd, line, (size_t)length) != length)
		return refuse(why, EIO, "its console takes no orders");
	return h->next++;
}

/* The file NAME of the order, or "". Returns its length. */
static size_t answer_of(struct ds_place *place, int host, int order, const char *what, char *text,
			size_t size)
{
	char name[48], why[DS_LAB_WHY];
	char *all = NULL;
	size_t length = 0;

	snprintf(name, sizeof(name), "tell-%d%s", order, what);
	(void)ds_place_files_get(place, host, name, &all, &length, why);
	length = length < size ? length : size - 1;
	if (length > 0)
		memcpy(text, all, length);
	text[length] = '\0';
	free(all);
	return length;
}

static void forget_order(struct ds_place *place, int host, int order)
{
	static const struct {
		const char *before, *after;
	} files[] = {{"tell-", ""},    {"tell-", ".out"}, {"tell-", ".status"}, {"tell-", ".err"},
		     {"tell-", ".sh"}, {".lab/", ".sh"},  {".lab/", ".pid"},	{".lab/", ".end"}};
	char path[DS_PLACE_PATH], name[48];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(name, sizeof(name), "%s%d%s", files[i].before, order, files[i].after);
		ds_place_files_path(place, host, name, path);
		(void)unlink(path);
	}
}

/* Its exit status, or a negative errno. `deaf`: also when a signal asked us to end. */
static int await_order(struct ds_place *place, int host, int order, int ms, bool deaf,
		       char why[DS_LAB_WHY])
{
	char text[16];
	int error = 0;

	for (int waited = 0; error == 0; waited += STEP_MS) {
		if (answer_of(place, host, order, ".status", text, sizeof(text)) > 0)
			return (int)strtol(text, NULL, 10);
		if (waited >= ms)
			return refuse(why, ETIMEDOUT, "no answer within %d ms", ms);
		if (deaf)
			pause_ms(STEP_MS);
		else if (ds_rig_wait(STEP_MS) != 0)
			return refuse(why, EINTR, "a signal came");
		error = check_host(place, host, why);
	}
	return error;
}

static int uml_ask(struct ds_place *place, int host, const char *line, int timeout_ms, char *output,
		   size_t size, char why[DS_LAB_WHY])
{
	char script[SCRIPT_ROOM], name[32], said[DS_LAB_WHY];
	int number = own(place)->host[host].next;

	snprintf(name, sizeof(name), "tell-%d.sh", number);
	int error = ds_place_files_put(place, host, name, line, strlen(line), false, why);
	if (error != 0)
		return error;
	/* Ours is the shorter limit; the guest's is for a command that we gave up. */
	snprintf(script, sizeof(script),
		 "cd '%s' || exit 126\nexec timeout %d " NO_CLOCK " sh ./%s 2>tell-%d.err\n",
		 place->directory[host], timeout_ms / 1000 + 1, name, number);
	int order = give_order(place, host, script, why);
	if (order < 0)
		return order;
	int status = await_order(place, host, order, timeout_ms, false, why);
	if (size > 0)
		(void)answer_of(place, host, order, ".out", output, size);
	if (status >= 0) {
		(void)answer_of(place, host, order, ".err", said, sizeof(said));
		said[strcspn(said, "\n")] = '\0';
		memcpy(why, said, sizeof(said));
		forget_order(place, host, order);
	}
	return status;
}

/* ---- programs ---- */

/* A program is a session, so that what it started ends with it. Its number, .lab/N.pid while it
 * runs and .lab/N.end with its status afterwards. */
static int uml_start(struct ds_place *place, struct ds_place_program *program, const char *line,
		     const char *output, char why[DS_LAB_WHY])
{
	int host = program->host, number = own(place)->host[host].next;
	char script[SCRIPT_ROOM], name[32], path[DS_PLACE_PATH];

	snprintf(name, sizeof(name), ".lab/%d.sh", number);
	int error = ds_place_files_put(place, host, name, line, strlen(line), false, why);
	ds_place_files_path(place, host, output, path);
	if (error != 0)
		return error;
	error = ds_place_files_folders(path);
	if (error != 0)
		return refuse(why, -error, "%.200s: %s", path, strerror(-error));
	snprintf(script, sizeof(script),
		 "cd '%s' || exit 126\n"
		 "n=.lab/%d\n"
		 "{\n"
		 "	setsid " NO_CLOCK " sh ./$n.sh >>'%s' 2>&1 </dev/null &\n"
		 "	echo $! >$n.pid\n"
		 "	wait $!\n"
		 "	echo $? >$n.new\n"
		 "	mv $n.new $n.end\n"
		 "} >/dev/null 2>&1 &\n",
		 place->directory[host], number, output);
	program->slot = give_order(place, host, script, why);
	return program->slot < 0 ? program->slot : 0;
}

static void note_ending(struct ds_place_program *program, int status)
{
	program->ended = true;
	if (status > 128 && status < 128 + 65)
		snprintf(program->how, sizeof(program->how), "was ended by signal %d (%.32s)",
			 status - 128, strsignal(status - 128));
	else
		snprintf(program->how, sizeof(program->how), "ended with status %d", status);
}

static int uml_look(struct ds_place *place, struct ds_place_program *program, char why[DS_LAB_WHY])
{
	char name[32];
	char *text = NULL;
	size_t size = 0;

	snprintf(name, sizeof(name), ".lab/%d.end", program->slot);
	int error = ds_place_files_get(place, program->host, name, &text, &size, why);
	if (error == 0 && size > 0)
		note_ending(program, (int)strtol(text, NULL, 10));
	free(text);
	if (program->ended)
		forget_order(place, program->host, program->slot);
	return program->ended ? 0 : check_host(place, program->host, why);
}

static void signal_program(struct ds_place *place, const struct ds_place_program *program,
			   const char *signal_name)
{
	char script[SCRIPT_ROOM], why[DS_LAB_WHY];

	snprintf(script, sizeof(script),
		 "cd '%s' || exit 126\n"
		 "for i in 1 2 3 4 5 6 7 8 9; do\n"
		 "	[ ! -s .lab/%d.pid ] || break\n"
		 "	sleep 0.1\n"
		 "done\n"
		 "kill -s %s -- -$(cat .lab/%d.pid)\n",
		 place->directory[program->host], program->slot, signal_name, program->slot);
	(void)give_order(place, program->host, script, why);
}

static void uml_ask_to_end(struct ds_place *place, struct ds_place_program *program)
{
	signal_program(place, program, "TERM");
}

static bool await_program(struct ds_place *place, struct ds_place_program *program, int ms)
{
	char why[DS_LAB_WHY];

	for (int waited = 0;; waited += STEP_MS) {
		if (uml_look(place, program, why) != 0) {
			snprintf(program->how, sizeof(program->how), "went with its host");
			program->ended = true;
		}
		if (program->ended || waited >= ms)
			return program->ended;
		pause_ms(STEP_MS);
	}
}

static void uml_stop(struct ds_place *place, struct ds_place_program *program, int grace_ms)
{
	char why[DS_LAB_WHY];

	if (uml_look(place, program, why) == 0 && program->ended)
		return;
	signal_program(place, program, "TERM");
	if (await_program(place, program, grace_ms))
		return;
	signal_program(place, program, "KILL");
	if (!await_program(place, program, KILLED_MS))
		snprintf(program->how, sizeof(program->how), "does not end");
}

/* ---- clocks ---- */

/* How far is the reading in the middle off the line between its neighbours? That is what is wrong
 * with a correction that is taken from such a line, but for the noise of the ends. */
static void note_bend(struct uml_host *h, double at_s, double error_ns)
{
	if (h->readings >= 2 && at_s > h->at_s[0]) {
		double share = (h->at_s[1] - h->at_s[0]) / (at_s - h->at_s[0]);
		double off = h->error_ns[1] - h->error_ns[0] - share * (error_ns - h->error_ns[0]);
		if (h->right >= SETTLED) {
			h->bends++;
			h->bends_squared += off * off;
		}
	}
	h->at_s[0] = h->at_s[1];
	h->error_ns[0] = h->error_ns[1];
	h->at_s[1] = at_s;
	h->error_ns[1] = error_ns;
	h->readings++;
}

/* A line of tscprobe: the TSC, the clock at that moment, and how long it took. */
static bool take_reading(struct ds_place *place, int host, const char *line, double *at_s,
			 double *error_ns)
{
	const struct uml *uml = own(place);
	struct uml_host *h = &own(place)->host[host];
	uint64_t tsc, bracket;
	int64_t clock_ns;

	if (sscanf(line, "P %" SCNu64 " %" SCNd64 " %" SCNu64, &tsc, &clock_ns, &bracket) != 3)
		return false;
	if (h->least_bracket == 0 || bracket < h->least_bracket)
		h->least_bracket = bracket;
	if ((double)bracket > WIDE * (double)h->least_bracket)
		return false;
	double since_ns = (double)(int64_t)(tsc - uml->tsc0) * 1e9 / uml->tsc_hz;
	*error_ns = (double)(clock_ns - uml->utc0_ns) - since_ns;
	*at_s = (double)uml->utc0_ns * 1e-9 + since_ns * 1e-9;
	note_bend(h, *at_s, *error_ns);
	h->right = fabs(*error_ns) < SETTLED_NS ? h->right + 1 : h->right < SETTLED ? 0 : h->right;
	return true;
}

static void uml_clock_readings(struct ds_place *place, int host, ds_place_reading *take,
			       void *context)
{
	struct uml_host *h = &own(place)->host[host];
	char path[DS_PLACE_PATH], line[128];
	double at_s, error_ns;

	ds_place_files_path(place, host, ".lab/clock", path);
	FILE *file = fopen(path, "re");
	if (!file || fseeko(file, h->heard, SEEK_SET) != 0) {
		if (file)
			fclose(file);
		return;
	}
	while (fgets(line, sizeof(line), file) && strchr(line, '\n')) {
		h->heard = ftello(file);
		if (take_reading(place, host, line, &at_s, &error_ns) && take)
			take(context, host, at_s, error_ns);
	}
	fclose(file);
}

static bool uml_clock_error(struct ds_place *place, int host, double *error_ns, double *within_ns)
{
	struct uml_host *h = &own(place)->host[host];

	if (h->readings == 0)
		uml_clock_readings(place, host, NULL, NULL);
	*error_ns = h->error_ns[1];
	/* Of three readings with the same noise; the line between two has half of its square. */
	*within_ns = h->bends > 0 ? sqrt(h->bends_squared / h->bends / 1.5) : 0;
	return h->readings > 0;
}

/* ---- all ---- */

static int await_boot(struct ds_place *place, char why[DS_LAB_WHY])
{
	int left_ms = BOOT_MS;

	for (int i = 0; i < place->plan.hosts; i++) {
		int order = give_order(place, i, "exit 0\n", why);
		if (order >= 0)
			order = await_order(place, i, order, left_ms > 0 ? left_ms : 1, false, why);
		if (order < 0)
			return name_host(place, i, order, why);
	}
	return 0;
}

/* Until all keepers have them. A machine that is busy keeps its hosts from it; then what is wrong
 * is known and taken off all the same. */
static int await_clocks(struct ds_place *place, char why[DS_LAB_WHY])
{
	for (int waited = 0; waited < SETTLE_MS; waited += 100) {
		int settled = 0;
		for (int i = 0; i < place->plan.hosts; i++) {
			uml_clock_readings(place, i, NULL, NULL);
			settled += own(place)->host[i].right >= SETTLED;
			int error = check_host(place, i, why);
			if (error != 0)
				return name_host(place, i, error, why);
		}
		if (settled == place->plan.hosts)
			return 0;
		if (ds_rig_wait(100) != 0)
			return refuse(why, EINTR, "interrupted before anything was measured");
	}
	return 0;
}

static void describe(struct ds_place *place)
{
	const struct uml *uml = own(place);
	const char *version = strstr(uml->work, "built-");

	version = version ? version + strlen("built-") : "";
	snprintf(place->says, sizeof(place->says),
		 "%d user-mode Linux kernels %.*s on this machine, each with a clock, PPS, PHC and "
		 "card of its own, all MODELLED: oscillators, pulse (30 ns), card's stamps (8 ns), "
		 "cable (5 us); error is against true time (TSC), clocks kept by PPS",
		 place->plan.hosts, (int)strcspn(version, "-"), version);
}

static int uml_open(struct ds_place *place, char why[DS_LAB_WHY])
{
	struct uml *uml = calloc(1, sizeof(*uml));
	int error;

	if (!uml)
		return refuse(why, ENOMEM, "no memory");
	place->own = uml;
	for (int i = 0; i < DS_LAB_HOSTS; i++)
		uml->host[i].kernel = uml->host[i].orders_fd = -1;
	error = find_bed(uml, why);
	if (error == 0)
		error = ds_rig_open(&place->rig, 1, false, why);
	if (error == 0)
		error = prepare_bed(place, why);
	if (error == 0)
		error = ds_place_files_make(place, why);
	if (error == 0)
		error = make_network(place, why);
	if (error == 0)
		error = define_truth(place, why);
	for (int i = 0; i < place->plan.hosts && error == 0; i++)
		error = start_kernel(place, i, why);
	if (error == 0)
		error = await_boot(place, why);
	if (error == 0)
		error = await_clocks(place, why);
	describe(place);
	return error;
}

static void uml_close(struct ds_place *place)
{
	struct uml *uml = own(place);
	int left_ms = END_MS;

	if (!uml)
		return;
	for (int i = 0; i < place->plan.hosts; i++) {
		if (uml->host[i].orders_fd >= 0)
			(void)!write(uml->host[i].orders_fd, "end\n", 4);
	}
	for (int i = 0; i < place->plan.hosts; i++) {
		while (uml->host[i].kernel >= 0 && left_ms > 0 &&
		       !ds_rig_ended(&place->rig, uml->host[i].kernel)) {
			pause_ms(10);
			left_ms -= 10;
		}
		for (int n = 0; n < uml->host[i].next; n++) /* what `keep` keeps is the daemons' */
			forget_order(place, i, n);
		if (uml->host[i].orders_fd >= 0)
			close(uml->host[i].orders_fd);
	}
	ds_rig_close(&place->rig);
	free(uml);
	place->own = NULL;
}

static void uml_endpoint(const struct ds_place *place, int host, enum ds_lab_mode mode,
			 struct ds_place_endpoint *endpoint)
{
	(void)place;
	endpoint->port = NTP_PORT;
	endpoint->any_port = true;
	snprintf(endpoint->address, sizeof(endpoint->address), "10.119.%d.%d", (int)mode, host + 1);
	snprintf(endpoint->broadcast, sizeof(endpoint->broadcast), "10.119.%d.255", (int)mode);
	snprintf(endpoint->interface, sizeof(endpoint->interface), "hw0");
}

static bool uml_ways(const struct ds_place *place, int host, struct ds_place_way ways[2])
{
	(void)place;
	(void)host;
	ways[0].carried = ways[1].carried = 0;
	return false; /* links are what they are */
}

const struct ds_place_rig ds_place_uml = {
	.open = uml_open,
	.close = uml_close,
	.endpoint = uml_endpoint,
	.put = ds_place_files_put,
	.get = ds_place_files_get,
	.ask = uml_ask,
	.start = uml_start,
	.look = uml_look,
	.ask_to_end = uml_ask_to_end,
	.stop = uml_stop,
	.clock_error = uml_clock_error,
	.clock_readings = uml_clock_readings,
	.ways = uml_ways,
};
