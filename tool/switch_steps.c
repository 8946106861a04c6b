/* switch_steps: the steps from what was found to drivestampd, in the order in which each can be
 * undone without the others. It must never name a file that was not found as if it were there. */
#include <stdarg.h>
#include <string.h>

#include "tool/import.h"
#include "tool/switch.h"

#define OURS	  "/etc/drivestamp/drivestamp.conf"
#define DRAFT	  "/root/drivestamp.conf"
#define DRAFT_KEY "/root/drivestamp.keys"
#define DRIFT	  "/var/lib/drivestamp/drift"
#define SHADOW	  "/var/tmp/drivestamp-shadow"
#define UNIT	  "drivestamp.service"

const char *const ds_switch_names[DS_SWITCH_KINDS] = {"chrony", "ntpsec", "openntpd", "timesyncd",
						      "ntpd-rs"};
static const char *const families[DS_SWITCH_KINDS] = {"chrony", "ntp", "openntpd", "timesyncd",
						      "ntpd-rs"};

static void set(char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Append. */
static void set(char *text, size_t size, const char *format, ...)
{
	size_t length = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + length, size - length, format, arguments);
	va_end(arguments);
}

#define SET(field, ...) set(field, sizeof(field), __VA_ARGS__)

static struct ds_switch_step *new_step(struct ds_switch_plan *plan, const char *title)
{
	static struct ds_switch_step spare;
	struct ds_switch_step *step =
		plan->step_count < DS_SWITCH_STEPS ? &plan->steps[plan->step_count++] : &spare;

	memset(step, 0, sizeof(*step));
	SET(step->title, "%s", title);
	return step;
}

static void warn(struct ds_switch_plan *plan, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void warn(struct ds_switch_plan *plan, const char *format, ...)
{
	va_list arguments;

	if (plan->warning_count == DS_SWITCH_WARNINGS)
		return;
	va_start(arguments, format);
	vsnprintf(plan->warnings[plan->warning_count++], sizeof(plan->warnings[0]), format,
		  arguments);
	va_end(arguments);
}

/* ---- which one is left? ---- */

static bool is_there(const struct ds_switch_daemon *d)
{
	return d->pid != 0 || d->enabled || d->installed || d->config[0] != '\0';
}

/* How surely it keeps the time today. */
static int rank(const struct ds_switch_daemon *d)
{
	if (d->pid != 0)
		return d->holds_port ? 5 : 4;
	if (d->enabled)
		return 3;
	if (d->installed)
		return 2;
	return d->config[0] != '\0' ? 1 : 0;
}

static enum ds_switch_kind choose(const struct ds_switch_facts *facts)
{
	enum ds_switch_kind best = DS_SWITCH_KINDS;
	int highest = 0;

	for (int kind = 0; kind < DS_SWITCH_KINDS; kind++)
		if (rank(&facts->daemons[kind]) > highest) {
			highest = rank(&facts->daemons[kind]);
			best = (enum ds_switch_kind)kind;
		}
	return best;
}

/* ---- steps ---- */

static void get_tools(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	struct ds_switch_step *step;

	if (facts->ours.program[0] != '\0')
		return;
	step = new_step(plan, "Install the programs beside the old daemon");
	SET(step->why, "drivestamp-tools brings programs and manual pages and starts nothing.");
	if (facts->dpkg) {
		SET(step->command, "apt install ./drivestamp-tools_*.deb");
		SET(step->undo, "apt purge drivestamp-tools");
	} else {
		SET(step->command,
		    "meson setup build --prefix=/usr/local && ninja -C build install");
		SET(step->undo, "ninja -C build uninstall");
	}
	SET(step->check, "drivestamp version");
}

static void import(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	const struct ds_switch_daemon *old = &facts->daemons[plan->from];
	struct ds_switch_step *step = new_step(plan, "Import its configuration");

	if (old->config[0] == '\0') {
		SET(step->why,
		    "No configuration of %s was found; write one, as drivestampd.conf(5) "
		    "says: four servers are a good beginning.",
		    ds_switch_names[plan->from]);
		SET(step->command,
		    "printf 'pool 2.pool.ntp.org iburst\\nmakestep 1 3\\nrtcsync\\n' "
		    ">" DRAFT);
	} else {
		SET(step->why,
		    "The report says of each line what becomes of it; read it before you "
		    "go on.");
		SET(step->command, "drivestamp import --from %s --output " DRAFT "%s %s",
		    families[plan->from],
		    plan->from == DS_SWITCH_NTPSEC && facts->has_keys ? " --output-keys " DRAFT_KEY
								      : "",
		    old->config);
	}
	SET(step->check, "drivestampd -p -f " DRAFT);
	SET(step->undo, "rm " DRAFT);
}

static void shadow(struct ds_switch_plan *plan)
{
	struct ds_switch_step *step = new_step(plan, "Let it run in shadow, for an hour or a week");

	SET(step->why,
	    "It asks the same sources and keeps a clock of its own; the machine's clock, "
	    "port 123 and the old daemon's files are not touched.");
	SET(step->command, "drivestampd --shadow=" SHADOW " -d -f " DRAFT);
	SET(step->check, "drivestamp lab shadow " SHADOW);
	SET(step->undo, "end it by Ctrl-C; rm -r " SHADOW);
}

/* Stop one daemon, and keep it from coming back at the next start of the machine. */
static void stop_lines(const struct ds_switch_facts *facts, int kind, struct ds_switch_step *step)
{
	const struct ds_switch_daemon *d = &facts->daemons[kind];
	const char *script = strrchr(d->init_script, '/');

	if (facts->systemd && d->unit[0] != '\0') {
		SET(step->command, "%ssystemctl disable --now %s", step->command[0] ? "\n" : "",
		    d->unit);
		SET(step->undo, "%ssystemctl enable --now %s", step->undo[0] ? "; " : "", d->unit);
	} else if (script != NULL) {
		SET(step->command, "%sservice %s stop && update-rc.d %s disable",
		    step->command[0] ? "\n" : "", script + 1, script + 1);
		SET(step->undo, "%supdate-rc.d %s enable && service %s start",
		    step->undo[0] ? "; " : "", script + 1, script + 1);
	} else if (d->pid != 0) {
		SET(step->command, "%skill %ld", step->command[0] ? "\n" : "", d->pid);
		SET(step->undo, "%sstart %s as it was started", step->undo[0] ? "; " : "",
		    ds_switch_names[kind]);
		SET(step->why,
		    "Nothing that starts it was found: see that it does not come back. ");
	}
}

static void stop(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	struct ds_switch_step *step = new_step(plan, "Stop the old daemon");

	SET(step->why,
	    "Two daemons that set one clock spoil it for each other. From here on nobody "
	    "corrects the clock until the next steps are done; it holds its rate. ");
	for (int kind = 0; kind < DS_SWITCH_KINDS; kind++) {
		const struct ds_switch_daemon *d = &facts->daemons[kind];

		if (d->pid != 0 || d->enabled || (kind == (int)plan->from && d->unit[0] != '\0'))
			stop_lines(facts, kind, step);
	}
	if (step->command[0] == '\0')
		SET(step->why, "It was not seen running.");
	SET(step->check, "ss -ulnp 'sport = :123'      # shows nobody");
}

static void drift(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	const struct ds_switch_daemon *old = &facts->daemons[plan->from];
	struct ds_switch_step *step;

	if (old->drift[0] == '\0')
		return;
	step = new_step(plan, "Take over what it has learnt of the clock");
	SET(step->why,
	    "The rate of the oscillator: without it, it is learnt anew in some minutes.");
	if (plan->from == DS_SWITCH_CHRONY)
		SET(step->command, "install -D -m 0644 %s " DRIFT, old->drift);
	else
		SET(step->command,
		    "mkdir -p /var/lib/drivestamp && awk 'NR == 1 { print -$1, 1 }' %s >" DRIFT,
		    old->drift);
	SET(step->check, "cat " DRIFT "      # two numbers, in ppm");
	SET(step->undo, "rm " DRIFT);
}

/* With dpkg the new package puts the old one out; its configuration stays until it is purged. */
static void install(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	const struct ds_switch_daemon *old = &facts->daemons[plan->from];
	struct ds_switch_step *step;

	if (facts->ours.package || (!facts->dpkg && facts->ours.unit))
		return;
	step = new_step(plan, "Install the service");
	if (!facts->dpkg) {
		SET(step->why,
		    "Units are below contrib/ or were installed with the programs; without "
		    "systemd, start 'drivestampd -f " OURS "' where the old one was "
		    "started.");
		SET(step->check, "drivestampd -p -f " OURS);
		return;
	}
	if (plan->from == DS_SWITCH_CHRONY && old->package[0] != '\0')
		SET(step->command, "install -m 0755 /usr/bin/chronyc /usr/local/bin/\n");
	SET(step->command, "apt install ./drivestamp_*.deb");
	if (plan->from != DS_SWITCH_KINDS && old->package[0] != '\0') {
		SET(step->why,
		    "Both provide time-daemon: %s is removed. Do not purge it: its files "
		    "in /etc are the way back.%s",
		    old->package,
		    plan->from == DS_SWITCH_CHRONY
			    ? " chronyc goes with it: a copy stays, to ask drivestampd."
			    : "");
		SET(step->undo, "apt install %s%s", old->package,
		    plan->from == DS_SWITCH_CHRONY ? "; rm /usr/local/bin/chronyc" : "");
	} else {
		SET(step->undo, "apt remove drivestamp");
	}
	SET(step->check, "dpkg -s drivestamp | grep ^Status");
}

#define KEYS "/etc/drivestamp/drivestamp.keys"

/* Returns whether there are keys to put in their place; the daemon's group is there by then. */
static bool add_keys(const struct ds_switch_facts *facts, const struct ds_switch_plan *plan,
		     struct ds_switch_step *step)
{
	if (plan->from == DS_SWITCH_NTPSEC && facts->has_keys) {
		SET(step->command, "\ninstall -m 0640 -g _drivestamp " DRAFT_KEY " " KEYS
				   "\nsed -i 's:" DRAFT_KEY ":" KEYS ":' " OURS);
		return true;
	}
	if (plan->from != DS_SWITCH_CHRONY || facts->chrony_keys[0] == '\0')
		return false;
	SET(step->command, "\ninstall -m 0640 -g _drivestamp %s " KEYS, facts->chrony_keys);
	return true;
}

static void configure(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	struct ds_switch_step *step = new_step(plan, "Put the configuration in its place");
	/* The package brings one; dpkg would not bring it again. */
	bool there = facts->ours.config || facts->dpkg;

	if (there)
		SET(step->command, "cp -p " OURS " " OURS ".before\n");
	SET(step->command, "install -D -m 0644 " DRAFT " " OURS);
	SET(step->undo, there ? "mv " OURS ".before " OURS : "rm " OURS);
	if (add_keys(facts, plan, step))
		SET(step->undo, "; rm " KEYS);
	SET(step->why, "What the report of the import lists under 'to do' belongs here, too.%s",
	    there ? " The configuration that is there is kept." : "");
	SET(step->check, "drivestampd -p -f " OURS);
}

static void give_rights(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	static const char *const what[DS_IMPORT_DROP_INS] = {"ports below 1024",
							     "devices of clocks", "network cards"};
	unsigned drop_ins = facts->drop_ins[plan->from];
	char paths[256];
	struct ds_switch_step *step;

	if (!facts->systemd || drop_ins == 0)
		return;
	step = new_step(plan, "Give the service the rights that it needs");
	SET(step->why, "The unit gives what everybody needs. This configuration also opens");
	for (int i = 0; i < DS_IMPORT_DROP_INS; i++)
		if (drop_ins >> i & 1)
			SET(step->why, "%s %s", drop_ins & ((1U << i) - 1) ? "," : "", what[i]);
	SET(step->why, ".");
	SET(step->command,
	    "install -D -m 0644 -t " DS_IMPORT_UNIT_FOLDER " %s\nsystemctl daemon-reload",
	    ds_import_drop_in_paths(drop_ins, DS_IMPORT_DROP_IN_FOLDER, paths));
	SET(step->check, "systemctl cat " UNIT);
	SET(step->undo, "rm %s; systemctl daemon-reload",
	    ds_import_drop_in_paths(drop_ins, DS_IMPORT_UNIT_FOLDER, paths));
}

static void start(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	struct ds_switch_step *step = new_step(plan, "Start drivestampd");

	if (facts->systemd) {
		SET(step->command, "systemctl enable " UNIT "\nsystemctl restart " UNIT);
		SET(step->check, "systemctl status " UNIT);
		SET(step->undo, "systemctl disable --now " UNIT);
	} else {
		SET(step->why, "There is no systemd: start it where the old one was started, too.");
		SET(step->command, "drivestampd -f " OURS);
		SET(step->check, "tail -n 20 /var/log/syslog");
		SET(step->undo, "kill $(cat /run/drivestamp/drivestampd.pid)");
	}
}

static void verify(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	struct ds_switch_step *step = new_step(plan, "See whether it works");

	(void)facts;
	SET(step->command, "drivestamp waitsync\ndrivestamp status\ndrivestamp sources");
	if (plan->from == DS_SWITCH_CHRONY)
		SET(step->command, "\nchronyc tracking");
	SET(step->check, "status says within what the clock is right, and by how many sources");
}

static void gpsd(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	struct ds_switch_step *step;

	if (!facts->gpsd && facts->socket_count == 0)
		return;
	step = new_step(plan, "Start gpsd again");
	SET(step->why, "It looks for the daemon's sockets and shared memory when it starts:");
	for (int i = 0; i < facts->socket_count && i < 3; i++)
		SET(step->why, " %.60s", facts->sockets[i]);
	SET(step->why, "%s", facts->socket_count > 0 ? "." : " SHM.");
	SET(step->command, "%s",
	    facts->systemd ? "systemctl restart gpsd.service" : "service gpsd restart");
	SET(step->check, "drivestamp sources      # the reference clock has samples");
}

static void hooks(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	struct ds_switch_step *step;

	if (facts->hook_count == 0)
		return;
	step = new_step(plan, "Servers from DHCP, and the like");
	SET(step->why,
	    "These scripts tell the old daemon of servers and networks; ours come with the "
	    "package and write to /run/drivestamp-dhcp. The old ones do nothing once their "
	    "daemon is gone.");
	for (int i = 0; i < facts->hook_count; i++) {
		size_t length = strlen(step->command);

		if (length + strlen(facts->hooks[i]) + 8 < sizeof(step->command))
			SET(step->command, "%sls -l %s", length > 0 ? "\n" : "", facts->hooks[i]);
	}
	SET(step->check, "ls /run/drivestamp-dhcp      # after the next lease");
}

/* ---- warnings ---- */

static void find_warnings(const struct ds_switch_facts *facts, struct ds_switch_plan *plan)
{
	int running = 0;

	for (int kind = 0; kind < DS_SWITCH_KINDS; kind++)
		running += facts->daemons[kind].pid != 0;
	if (running > 1)
		warn(plan,
		     "%d time daemons run at once: each undoes what the others do. All of them "
		     "are stopped below.",
		     running);
	if (facts->container)
		warn(plan,
		     "This is a container: the clock is its host's, and is kept there, or by a "
		     "container that has CAP_SYS_TIME.");
	if (facts->port_open && facts->port_owner[0] == '\0')
		warn(plan, "UDP 123 is held by somebody who cannot be seen from here%s.",
		     facts->is_root ? "" : "; root sees more");
	if (!facts->is_root && facts->root[0] == '\0')
		warn(plan, "Not all can be seen without root; the steps have to be done as root.");
}

void ds_switch_plan(const struct ds_switch_facts *facts, enum ds_switch_kind from,
		    struct ds_switch_plan *plan)
{
	bool others = false;

	memset(plan, 0, sizeof(*plan));
	plan->from = from == DS_SWITCH_KINDS ? choose(facts) : from;
	find_warnings(facts, plan);
	for (int kind = 0; kind < DS_SWITCH_KINDS; kind++)
		others |= facts->daemons[kind].pid != 0 || facts->daemons[kind].enabled;
	plan->done = facts->ours.pid != 0 && !others && from == DS_SWITCH_KINDS;
	if (plan->done)
		return;
	get_tools(facts, plan);
	if (plan->from == DS_SWITCH_KINDS) {
		install(facts, plan);
		start(facts, plan);
		verify(facts, plan);
		return;
	}
	if (from != DS_SWITCH_KINDS && !is_there(&facts->daemons[from]))
		warn(plan, "Nothing of %s was found here.", ds_switch_names[from]);
	import(facts, plan);
	shadow(plan);
	stop(facts, plan);
	drift(facts, plan);
	install(facts, plan);
	configure(facts, plan);
	give_rights(facts, plan);
	start(facts, plan);
	gpsd(facts, plan);
	verify(facts, plan);
	hooks(facts, plan);
}
