/* uml_kernel: the kernels of the rig uml: the bed that they are of, the network between them, the
 * definition of true time, and their command lines; see uml.h. It must never start one outside of
 * the rig's namespace, which ends them when we end, whatever ends us. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/talk.h"
#include "lab/uml.h"

#define KERNEL_WORDS 40

/* Oscillators, as different as those of four machines are: ppm, and seconds that the clock is wrong
 * by at boot. Models, as are pulse, card and wire. */
static const struct {
	double ppm, epoch_s;
} oscillators[DS_LAB_HOSTS] = {{20, 0.3},    {-35.5, -0.7}, {8.2, 1.1}, {-61, -0.2},
			       {44.4, 0.05}, {-12.7, 0.9},  {73, -1.4}, {-3.1, 0.4}};
static const char *const models[] = {"UMLCLK_WANDER=0.01", "bedclk.pps_jitter=30",
				     "bedclk.hw_jitter=8", "bedclk.wire_delay=5000",
				     "bedclk.wire_jitter=10"};

/* ---- the bed ---- */

int ds_uml_find_bed(struct ds_uml *uml, char why[DS_LAB_WHY])
{
	static const char *const folders[] = {DS_LAB_BED_SOURCE, DS_LAB_BED_INSTALLED};
	char path[DS_UML_WORD];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/bed", folders[i]);
		if (access(path, X_OK) != 0)
			continue;
		snprintf(uml->bed, sizeof(uml->bed), "%s", folders[i]);
		return 0;
	}
	return ds_uml_refuse(why, ENOENT, "the bed is not where it was built or installed (%.150s)",
			     folders[0]);
}

static void take_path(struct ds_uml *uml, const char *line)
{
	(void)(sscanf(line, "kernel %255s", uml->kernel) == 1 ||
	       sscanf(line, "tools %255s", uml->tools) == 1 ||
	       sscanf(line, "work %255s", uml->work) == 1);
}

/* Builds it, if that was not done before, and says where everything is. What is missing goes into
 * why: all of it. */
int ds_uml_prepare_bed(struct ds_place *place, char why[DS_LAB_WHY])
{
	struct ds_uml *uml = ds_uml_own(place);
	char command[3 * DS_LAB_PATH], line[DS_UML_WORD], missing[DS_LAB_WHY] = "",
							  last[DS_LAB_WHY] = "";

	snprintf(command, sizeof(command), "BED_WORK='%s/bed' '%s/bed' paths 2>&1",
		 place->rig.directory, uml->bed);
	FILE *bed = popen(command, "re"); /* NOLINT(cert-env33-c): a script of ours */
	if (!bed)
		return ds_uml_refuse(why, errno, "cannot start a shell: %s", strerror(errno));
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
		return ds_uml_refuse(why, EINTR, "interrupted while the bed was built");
	return ds_uml_refuse(why, ENOSYS, "no virtual hosts here: %s%.200s",
			     missing[0] != '\0' ? "missing: " : "",
			     missing[0] != '\0' ? missing : last);
}

/* A command of ours in the namespace of the kernels, to its end. */
static int run_here(struct ds_place *place, const char *const argv[], char *output, size_t size,
		    char why[DS_LAB_WHY])
{
	struct ds_talk talk = {
		.argv = argv, .timeout_ms = DS_UML_BOOT_MS, .limit = size > 0 ? size - 1 : 0};
	int status = ds_talk(&place->rig, 0, &talk, why);

	if (size > 0 && talk.output)
		memcpy(output, talk.output, talk.output_size + 1);
	free(talk.output);
	if (status > 0)
		return ds_uml_refuse(why, EIO, "%.60s: %.150s", argv[0],
				     talk.said[0] != '\0' ? talk.said : "failed");
	return status;
}

/* A bridge, with a tap for each host. Netfilter on the bridge would cut off what the model of the
 * wire adds to a packet. */
int ds_uml_make_network(struct ds_place *place, char why[DS_LAB_WHY])
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

int ds_uml_define_truth(struct ds_place *place, char why[DS_LAB_WHY])
{
	struct ds_uml *uml = ds_uml_own(place);
	char path[DS_UML_WORD], output[128];
	const char *argv[] = {path, "cal", NULL};

	snprintf(path, sizeof(path), "%s/bin/tscprobe", uml->work);
	int error = run_here(place, argv, output, sizeof(output), why);
	if (error != 0)
		return error;
	if (sscanf(output, "%" SCNu64 " %" SCNd64 " %lf", &uml->tsc0, &uml->utc0_ns,
		   &uml->tsc_hz) != 3 ||
	    !(uml->tsc_hz > 1e6))
		return ds_uml_refuse(why, EPROTO, "tscprobe: '%.60s' is no definition of true time",
				     output);
	return 0;
}

/* ---- kernels ---- */

struct words {
	char text[KERNEL_WORDS][DS_UML_WORD];
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
	vsnprintf(words->text[words->count], DS_UML_WORD, format, arguments);
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
	const struct ds_uml *uml = ds_uml_own(place);
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

static void console_of(const struct ds_place *place, int host, char path[DS_UML_WORD])
{
	snprintf(path, DS_UML_WORD, "%s/console-%d", place->rig.directory, host);
}

int ds_uml_start_kernel(struct ds_place *place, int host, char why[DS_LAB_WHY])
{
	static struct words words; /* large */
	struct ds_uml_host *h = &ds_uml_own(place)->host[host];
	char console[DS_UML_WORD];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return ds_uml_refuse(why, errno, "cannot make a pipe: %s", strerror(errno));
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
	char path[DS_UML_WORD], line[DS_LAB_WHY];

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

int ds_uml_check_host(struct ds_place *place, int host, char why[DS_LAB_WHY])
{
	struct ds_uml_host *h = &ds_uml_own(place)->host[host];
	char said[DS_LAB_WHY], how[64];

	if (h->gone[0] == '\0' && !ds_rig_ended(&place->rig, h->kernel))
		return 0;
	if (h->gone[0] == '\0') {
		last_line(place, host, said);
		snprintf(h->gone, sizeof(h->gone), "the host is gone: its kernel %s%s%.150s",
			 ds_rig_ending(&place->rig, h->kernel, how), said[0] != '\0' ? ": " : "",
			 said);
	}
	return ds_uml_refuse(why, ENOTCONN, "%s", h->gone);
}
