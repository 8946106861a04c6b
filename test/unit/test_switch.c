/* test_switch: the steps of machines that never were. It must never look at this one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tool/switch.h"

static struct ds_switch_facts facts;
static struct ds_switch_plan plan;

static int empty(void **state)
{
	(void)state;
	memset(&facts, 0, sizeof(facts));
	facts.systemd = facts.dpkg = facts.is_root = true;
	return 0;
}

static struct ds_switch_daemon *runs(enum ds_switch_kind kind, long pid, const char *unit)
{
	struct ds_switch_daemon *d = &facts.daemons[kind];

	d->pid = pid;
	d->enabled = unit[0] != '\0';
	snprintf(d->unit, sizeof(d->unit), "%s", unit);
	return d;
}

static const struct ds_switch_step *step(const char *title)
{
	for (int i = 0; i < plan.step_count; i++)
		if (strcmp(plan.steps[i].title, title) == 0)
			return &plan.steps[i];
	return NULL;
}

static int place(const char *title)
{
	const struct ds_switch_step *found = step(title);

	return found != NULL ? (int)(found - plan.steps) : -1;
}

static void who(void **state)
{
	(void)state;
	runs(DS_SWITCH_CHRONY, 0, "chrony.service");
	runs(DS_SWITCH_NTPSEC, 12, "");
	ds_switch_plan(&facts, DS_SWITCH_KINDS, &plan);
	assert_int_equal(plan.from, DS_SWITCH_NTPSEC); /* who runs, not who is enabled */
	runs(DS_SWITCH_TIMESYNCD, 13, "")->holds_port = true;
	ds_switch_plan(&facts, DS_SWITCH_KINDS, &plan);
	assert_int_equal(plan.from, DS_SWITCH_TIMESYNCD);
	assert_true(plan.warning_count > 0); /* two at once */
	ds_switch_plan(&facts, DS_SWITCH_CHRONY, &plan);
	assert_int_equal(plan.from, DS_SWITCH_CHRONY); /* as it was said */
}

static void order(void **state)
{
	struct ds_switch_daemon *chrony = runs(DS_SWITCH_CHRONY, 12, "chrony.service");

	(void)state;
	snprintf(chrony->config, sizeof(chrony->config), "/etc/chrony/chrony.conf");
	snprintf(chrony->drift, sizeof(chrony->drift), "/var/lib/chrony/chrony.drift");
	ds_switch_plan(&facts, DS_SWITCH_KINDS, &plan);
	assert_true(place("Import its configuration") >= 0);
	assert_true(place("Import its configuration") <
		    place("Let it run in shadow, for an hour or a week"));
	assert_true(place("Let it run in shadow, for an hour or a week") <
		    place("Stop the old daemon"));
	/* it writes its drift file when it ends */
	assert_true(place("Stop the old daemon") <
		    place("Take over what it has learnt of the clock"));
	assert_true(place("Put the configuration in its place") < place("Start drivestampd"));
	assert_true(place("Start drivestampd") < place("See whether it works"));
	assert_null(step("Start gpsd again"));
	assert_null(step("Give the service the rights that it needs"));
	facts.drop_ins[DS_SWITCH_CHRONY] = 5;
	facts.gpsd = true;
	ds_switch_plan(&facts, DS_SWITCH_KINDS, &plan);
	assert_true(place("Start gpsd again") > place("Start drivestampd"));
	assert_true(place("Give the service the rights that it needs") <
		    place("Start drivestampd"));
	assert_non_null(strstr(step("Give the service the rights that it needs")->why,
			       "opens ports below 1024, network cards."));
}

static void by_hand(void **state)
{
	(void)state;
	facts.systemd = facts.dpkg = false;
	runs(DS_SWITCH_OPENNTPD, 77, "");
	ds_switch_plan(&facts, DS_SWITCH_KINDS, &plan);
	assert_string_equal(step("Stop the old daemon")->command, "kill 77");
	assert_non_null(strstr(step("Stop the old daemon")->why, "does not come back"));
	assert_null(strstr(step("Start drivestampd")->command, "systemctl"));
	snprintf(facts.daemons[DS_SWITCH_OPENNTPD].init_script,
		 sizeof(facts.daemons[DS_SWITCH_OPENNTPD].init_script), "/etc/init.d/openntpd");
	ds_switch_plan(&facts, DS_SWITCH_KINDS, &plan);
	assert_string_equal(step("Stop the old daemon")->command,
			    "service openntpd stop && update-rc.d openntpd disable");
}

static void done(void **state)
{
	(void)state;
	facts.ours.pid = 5;
	ds_switch_plan(&facts, DS_SWITCH_KINDS, &plan);
	assert_true(plan.done);
	assert_int_equal(plan.step_count, 0);
	runs(DS_SWITCH_CHRONY, 6, "");
	ds_switch_plan(&facts, DS_SWITCH_KINDS, &plan);
	assert_false(plan.done); /* somebody else does, too */
}

static void existing(void **state)
{
	(void)state;
	runs(DS_SWITCH_CHRONY, 12, "chrony.service");
	facts.ours.config = facts.ours.package = true;
	snprintf(facts.ours.program, sizeof(facts.ours.program), "/usr/sbin/drivestampd");
	ds_switch_plan(&facts, DS_SWITCH_KINDS, &plan);
	assert_null(step("Install the service"));
	assert_null(step("Install the programs beside the old daemon"));
	assert_non_null(strstr(step("Put the configuration in its place")->undo, ".before"));
}

/* The fullest machine: nothing is cut off, and there is a place for every step. */
static void full(void **state)
{
	char *text = NULL;
	size_t length;
	FILE *out;

	(void)state;
	for (int kind = 0; kind < DS_SWITCH_KINDS; kind++) {
		struct ds_switch_daemon *d =
			runs((enum ds_switch_kind)kind, 100 + kind, "systemd-timesyncd.service");
		d->installed = true;
		snprintf(d->package, sizeof(d->package), "systemd-timesyncd");
		memset(d->config, 'c', 200);
		memset(d->drift, 'd', 200);
	}
	for (int i = 0; i < DS_SWITCH_HOOKS; i++)
		memset(facts.hooks[facts.hook_count++], 'h', 250);
	for (int i = 0; i < DS_SWITCH_SOCKETS; i++)
		memset(facts.sockets[facts.socket_count++], 's', 250);
	facts.has_keys = facts.container = facts.port_open = true;
	for (int kind = 0; kind < DS_SWITCH_KINDS; kind++) {
		ds_switch_plan(&facts, (enum ds_switch_kind)kind, &plan);
		assert_in_range(plan.step_count, 8, DS_SWITCH_STEPS);
		for (int i = 0; i < plan.step_count; i++) {
			assert_true(plan.steps[i].check[0] != '\0');
			assert_true(strlen(plan.steps[i].command) <
				    sizeof(plan.steps[i].command) - 1);
			assert_true(strlen(plan.steps[i].why) < sizeof(plan.steps[i].why) - 1);
			assert_true(strlen(plan.steps[i].undo) < sizeof(plan.steps[i].undo) - 1);
		}
		out = open_memstream(&text, &length);
		assert_non_null(out);
		ds_switch_print(&facts, &plan, out);
		ds_switch_print_json(&facts, &plan, out);
		fclose(out);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(who, empty),	 cmocka_unit_test_setup(order, empty),
		cmocka_unit_test_setup(by_hand, empty),	 cmocka_unit_test_setup(done, empty),
		cmocka_unit_test_setup(existing, empty), cmocka_unit_test_setup(full, empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
