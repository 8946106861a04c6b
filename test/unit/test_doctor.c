/* test_doctor: what `drivestamp doctor` says of facts that no machine ever had: each finding, and
 * the status. It must never look at the machine that it runs on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tool/doctor.h"

#define NS INT64_C(1000000000)

static struct ds_doctor_facts facts;
static struct ds_doctor_verdict verdict;

/* ---- machines ---- */

static struct ds_doctor_process *process(const char *name, long pid, unsigned roles)
{
	struct ds_doctor_process *p = &facts.processes[facts.process_count++];

	*p = (struct ds_doctor_process){.name = name, .pid = pid, .roles = roles};
	return p;
}

/* A machine that lacks nothing: its clock is kept by our daemon, and it has lo. */
static int good_machine(void **state)
{
	struct ds_doctor_interface *lo = &facts.interfaces[0];

	(void)state;
	memset(&facts, 0, sizeof(facts));
	facts.all = true;
	snprintf(facts.host, sizeof(facts.host), "model");
	snprintf(facts.kernel.release, sizeof(facts.kernel.release), "6.18.0");
	facts.kernel.both_stamps = facts.kernel.chosen_ids = true;
	facts.kernel.own_filter = facts.kernel.card_netlink = true;
	facts.rights =
		(struct ds_doctor_rights){0, true, true, true, true}; /* root, nothing missing */
	facts.system = (struct ds_doctor_system){.source = "tsc",
						 .sources = "tsc hpet",
						 .read_ns = 20,
						 .told = true,
						 .synchronised = true,
						 .tai_s = 37};
	process("drivestampd", 77, DS_DOCTOR_KEEPS | DS_DOCTOR_MAY_KEEP | DS_DOCTOR_SETS_CARDS);
	lo->card = (struct ds_card){.interface = "lo",
				    .stamper = "lo",
				    .kind = DS_CARD_LOOPBACK,
				    .tx_software = true,
				    .rx_software = true,
				    .phc_index = -1,
				    .is_up = true};
	lo->trial = (struct ds_doctor_trial){
		.done = true, .sent = 10, .tx_kernel = 10, .heard = 10, .rx_kernel = 10};
	facts.loopback = lo->trial;
	facts.interface_count = 1;
	return 0;
}

/* Nobody keeps its clock. */
static void without_daemon(void)
{
	facts.process_count = 0;
	facts.system.synchronised = false;
}

/* eth0, whose card stamps everything both ways by a clock that can be read. */
static struct ds_doctor_interface *with_card(void)
{
	struct ds_doctor_interface *eth = &facts.interfaces[facts.interface_count++];

	eth->card = (struct ds_card){.interface = "eth0",
				     .stamper = "eth0",
				     .driver = "model",
				     .tx_software = true,
				     .rx_software = true,
				     .tx_hardware = true,
				     .rx_hardware = true,
				     .filters = {true, true, true, false},
				     .phc_index = 0,
				     .speed_mbps = 1000,
				     .is_up = true};
	eth->has_address = true;
	eth->has_setting = true;
	facts.clocks[facts.clock_count++] = (struct ds_doctor_clock){.number = 0,
								     .name = "model",
								     .has_node = true,
								     .readable = true,
								     .way = DS_PHC_EXTENDED,
								     .least_ns = 300,
								     .median_ns = 400,
								     .offset_ns = 1234};
	return eth;
}

static void tried(struct ds_doctor_interface *eth, int tx_card, int rx_card)
{
	facts.tried = true;
	eth->trial = (struct ds_doctor_trial){.done = true,
					      .sent = 10,
					      .tx_kernel = 10,
					      .tx_card = tx_card,
					      .heard = 12,
					      .rx_kernel = 12,
					      .rx_card = rx_card,
					      .filter = DS_CARD_FILTER_ALL};
}

static struct ds_doctor_pulse *with_pulse(int seen)
{
	struct ds_doctor_pulse *p = &facts.pulses[facts.pulse_count++];

	*p = (struct ds_doctor_pulse){.name = "pps-gpio",
				      .has_node = true,
				      .readable = true,
				      .watched_s = 2.5,
				      .seen = seen,
				      .offset_ns = -2500,
				      .interval_ns = seen > 1 ? NS + 300 : 0};
	return p;
}

/* ---- what is asked ---- */

static const struct ds_doctor_advice *finding(const char *id)
{
	ds_doctor_judge(&facts, &verdict);
	for (int i = 0; i < verdict.count; i++) {
		if (strcmp(verdict.advice[i].id, id) == 0)
			return &verdict.advice[i];
	}
	return NULL;
}

static void assert_finding(const char *id, enum ds_doctor_grade grade, const char *lines,
			   const char *command)
{
	const struct ds_doctor_advice *a = finding(id);

	if (!a)
		fail_msg("no finding %s", id);
	assert_int_equal(a->grade, grade);
	assert_string_equal(a->lines, lines);
	assert_string_equal(a->command[0], command);
	assert_non_null(strchr(a->words, '.'));
}

static void assert_says(const struct ds_doctor_interface *interface, const char *wanted)
{
	char words[DS_DOCTOR_WORDS];

	ds_doctor_say_interface(&facts, interface, words);
	assert_string_equal(words, wanted);
}

/* ---- tests ---- */

static void nothing_to_better(void **state)
{
	(void)state;
	assert_null(finding("keeper-missing"));
	assert_int_equal(ds_doctor_status(&verdict), 0);
	assert_finding("keeper", DS_DOCTOR_GOOD, "", "");
	assert_int_equal(verdict.count, 1);
	assert_string_equal(verdict.better, "No line would make it use more on this machine.");
	assert_says(&facts.interfaces[0],
		    "lo has no card; the kernel stamps both ways. Tried: of 10 sent "
		    "the kernel stamped 10; of 10 received the kernel 10.");
}

static void a_card(void **state)
{
	struct ds_doctor_interface *eth = with_card();

	(void)state;
	assert_finding("card-stamps", DS_DOCTOR_BETTER, "hwtimestamp eth0\n", "");
	assert_finding("promises", DS_DOCTOR_NOTE, "", "sudo drivestamp doctor --try");
	assert_int_equal(ds_doctor_status(&verdict), 1);
	assert_says(eth,
		    "eth0 can stamp every packet both ways in hardware, says its driver model; "
		    "the kernel can stamp both ways; its clock /dev/ptp0 can be read to 400 ns.");
	tried(eth, 10, 12);
	assert_says(eth,
		    "eth0 stamps every packet both ways in hardware; the kernel stamps both "
		    "ways; its clock /dev/ptp0 can be read to 400 ns. Tried: of 10 sent the "
		    "kernel stamped 10, the card 10; of 12 received the kernel 12, the card 12.");
	assert_null(finding("promises"));
	/* set, and our daemon runs: as it should be */
	eth->stamps_sent = true;
	eth->receives = DS_CARD_FILTER_ALL;
	assert_finding("card-stamps", DS_DOCTOR_GOOD, "hwtimestamp eth0\n", "");
	assert_int_equal(ds_doctor_status(&verdict), 0);
	/* set by nobody who is seen */
	without_daemon();
	assert_finding("card-set", DS_DOCTOR_NOTE, "", "");
	assert_finding("card-stamps", DS_DOCTOR_BETTER, "hwtimestamp eth0\n", "");
	/* a card that is down is no advice */
	eth->card.is_up = false;
	assert_null(finding("card-stamps"));
}

static void a_card_that_gives_none(void **state)
{
	struct ds_doctor_interface *eth = with_card();
	char words[DS_DOCTOR_WORDS];

	(void)state;
	tried(eth, 0, 0);
	assert_true(ds_doctor_tx_silent(eth) && ds_doctor_rx_silent(eth));
	assert_finding("card-silent", DS_DOCTOR_BETTER, "", "ethtool -T eth0");
	assert_non_null(strstr(finding("card-silent")->words, "The driver model of eth0 promises"));
	assert_null(finding("card-stamps"));
	ds_doctor_say_interface(&facts, eth, words);
	assert_non_null(strstr(words, "promises stamps in hardware and gives none;"));
	/* one direction */
	tried(eth, 10, 0);
	ds_doctor_say_interface(&facts, eth, words);
	assert_non_null(strstr(words, "both ways and gives none of what it receives"));
	tried(eth, 0, 12);
	ds_doctor_say_interface(&facts, eth, words);
	assert_non_null(strstr(words, "both ways and gives none of what it sends"));
	/* too few packets to tell */
	tried(eth, 0, 0);
	eth->trial.sent = 9;
	eth->trial.heard = 9;
	assert_false(ds_doctor_tx_silent(eth) || ds_doctor_rx_silent(eth));
	/* it was not set up: no proof */
	tried(eth, 0, 0);
	snprintf(eth->trial.why, sizeof(eth->trial.why), "no right");
	assert_false(ds_doctor_tx_silent(eth) || ds_doctor_rx_silent(eth));
	assert_finding("not-tried", DS_DOCTOR_NOTE, "", "");
	/* a filter that stamps PTP alone proves nothing of other packets */
	tried(eth, 10, 0);
	eth->trial.filter = DS_CARD_FILTER_PTP;
	assert_false(ds_doctor_rx_silent(eth));
}

static void lesser_cards(void **state)
{
	struct ds_doctor_interface *eth = with_card();

	(void)state;
	eth->card.filters[DS_CARD_FILTER_ALL] = false;
	assert_finding("card-ptp-only", DS_DOCTOR_BETTER,
		       "hwtimestamp eth0 rxfilter ptp\nptpport 319\n", "");
	assert_says(
		eth,
		"eth0 can stamp in hardware what it sends, but of what it receives only PTP, says "
		"its driver model; the kernel can stamp both ways; its clock /dev/ptp0 can be read "
		"to 400 ns.");
	eth->card.filters[DS_CARD_FILTER_PTP] = eth->card.rx_hardware = false;
	assert_finding("card-tx-only", DS_DOCTOR_BETTER, "hwtimestamp eth0\n", "");
	eth->card.phc_index = -1;
	assert_finding("card-no-clock", DS_DOCTOR_NOTE, "", "");
	assert_null(finding("card-tx-only"));
	eth->left_changed = true;
	/* it is the card that is put back, as it was */
	snprintf(eth->card.interface, sizeof(eth->card.interface), "eth0.7");
	eth->setting = (struct ds_card_setting){.tx_type = 1, .rx_filter = 12};
	assert_finding("card-left-changed", DS_DOCTOR_BETTER, "",
		       "sudo hwstamp_ctl -i eth0 -t 1 -r 12");
	snprintf(eth->card.note, sizeof(eth->card.note), "a bridge with two ports that stamp");
	assert_finding("card-note", DS_DOCTOR_NOTE, "", "");
}

static void others_set_the_card(void **state)
{
	struct ds_doctor_interface *eth = with_card();

	(void)state;
	without_daemon();
	process("ptp4l", 5, DS_DOCTOR_KEEPS | DS_DOCTOR_MAY_KEEP | DS_DOCTOR_SETS_CARDS);
	eth->stamps_sent = true;
	eth->receives = DS_CARD_FILTER_PTP;
	assert_finding("card-set", DS_DOCTOR_NOTE, "", "");
	assert_non_null(strstr(finding("card-set")->words, "perhaps by ptp4l[5]"));
	/* ptp4l keeps its card's clock, not the system's */
	assert_non_null(finding("keeper-missing"));
}

static void clocks(void **state)
{
	struct ds_doctor_clock *clock;
	char words[DS_DOCTOR_WORDS];

	(void)state;
	with_card();
	clock = &facts.clocks[0];
	clock->offset_ns = 37 * NS + 5000;
	clock->has_rate = true;
	clock->rate_ppb = -1500;
	ds_doctor_say_clock(&facts, clock, words);
	assert_string_equal(words,
			    "/dev/ptp0 (model) can be read to 400 ns (at best 300 ns): the system "
			    "clock read just around the register; +37.0 s against the system clock "
			    "(it keeps TAI), -1.500 ppm.");
	assert_null(finding("clock-tai"));
	process("ptp4l", 5, DS_DOCTOR_KEEPS);
	assert_finding("clock-tai", DS_DOCTOR_NOTE,
		       "leapsectz right/UTC\nrefclock PHC /dev/ptp0 tai\n", "");
	clock->inputs = 1;
	assert_finding("clock-input", DS_DOCTOR_NOTE,
		       "refclock PHC /dev/ptp0:extpps:pin=0:channel=0 prefer\n", "");
	snprintf(clock->name, sizeof(clock->name), "KVM virtual PTP");
	assert_finding("clock-of-host", DS_DOCTOR_NOTE, "refclock PHC /dev/ptp0 poll 2\n", "");
	without_daemon();
	assert_finding("clock-of-host", DS_DOCTOR_BETTER, "refclock PHC /dev/ptp0 poll 2\n", "");
	clock->readable = false;
	clock->allowed = true;
	snprintf(clock->why, sizeof(clock->why), "no reading of it makes sense");
	assert_finding("clock-unreadable", DS_DOCTOR_NOTE, "", "");
	clock->allowed = false;
	snprintf(clock->group, sizeof(clock->group), "ptp");
	assert_finding("device-rights", DS_DOCTOR_BETTER, "", "sudo usermod -aG ptp $(id -un)");
	clock->group[0] = '\0';
	facts.rights.uid = 1000;
	assert_finding("device-rights", DS_DOCTOR_NOTE, "", "");
	clock->has_node = false;
	assert_finding("device-missing", DS_DOCTOR_BETTER, "", "docker run --device /dev/ptp0 ...");
	facts.clock_count = 0;
	facts.kernel.is_virtual = true;
	assert_null(finding("clock-of-host-missing"));
	snprintf(facts.system.sources, sizeof(facts.system.sources), "tsc kvm-clock");
	assert_finding("clock-of-host-missing", DS_DOCTOR_NOTE, "", "sudo modprobe ptp_kvm");
}

static void pulses(void **state)
{
	struct ds_doctor_pulse *p = with_pulse(2);
	char words[DS_DOCTOR_WORDS];

	(void)state;
	without_daemon();
	ds_doctor_say_pulse(p, words);
	assert_string_equal(words,
			    "/dev/pps0 (pps-gpio): 2 pulses in 2.5 s, the last -2.50 us from the "
			    "system clock's second; a second +300 ns from the one before.");
	assert_finding("pulse", DS_DOCTOR_BETTER, "refclock PPS /dev/pps0 refid PPS prefer\n", "");
	process("gpsd", 9, DS_DOCTOR_GPSD);
	assert_finding("pulse", DS_DOCTOR_BETTER,
		       "refclock SHM 0 refid NMEA noselect delay 0.2\n"
		       "refclock PPS /dev/pps0 refid PPS prefer lock NMEA\n",
		       "");
	assert_null(finding("gpsd"));
	p->seen = 0;
	assert_finding("pulse-silent", DS_DOCTOR_BETTER, "", "");
	/* a card's clock that nobody has told to interrupt: no antenna is to be looked after */
	snprintf(p->name, sizeof(p->name), "ptp0");
	assert_finding("pulse-of-card", DS_DOCTOR_NOTE, "", "");
	assert_null(finding("pulse-silent"));
	facts.pulse_count = 0;
	assert_finding("gpsd", DS_DOCTOR_BETTER, "refclock SHM 0 refid NMEA delay 0.2\n",
		       "sudo modprobe pps_ldisc");
	facts.kernel.device_tree = true;
	assert_finding("gpsd", DS_DOCTOR_BETTER, "refclock SHM 0 refid NMEA delay 0.2\n",
		       "sudo modprobe pps-gpio");
}

static void who_keeps_the_clock(void **state)
{
	(void)state;
	without_daemon();
	assert_finding("keeper-missing", DS_DOCTOR_BETTER,
		       "pool 2.debian.pool.ntp.org iburst\nmakestep 1 3\n", "sudo drivestampd");
	facts.system.synchronised = true;
	assert_finding("keeper", DS_DOCTOR_NOTE, "", "");
	process("chronyd", 4, DS_DOCTOR_KEEPS | DS_DOCTOR_MAY_KEEP);
	assert_finding("keeper", DS_DOCTOR_NOTE, "", "sudo kill 4");
	snprintf(facts.processes[0].unit, sizeof(facts.processes[0].unit), "chrony.service");
	assert_finding("keeper", DS_DOCTOR_NOTE, "", "sudo systemctl disable --now chrony.service");
	/* one that keeps its card's clock is not meant */
	process("ptp4l", 5, DS_DOCTOR_KEEPS | DS_DOCTOR_MAY_KEEP);
	assert_null(strstr(finding("keeper")->words, "ptp4l"));
	facts.process_count--;
	/* one without the right is no keeper */
	process("ntpd", 6, DS_DOCTOR_KEEPS);
	assert_null(finding("keepers"));
	facts.processes[1].roles |= DS_DOCTOR_MAY_KEEP;
	assert_finding("keepers", DS_DOCTOR_BETTER, "", "");
	assert_non_null(strstr(finding("keepers")->words, "chronyd[4] ntpd[6]"));
}

static void poor_clocks(void **state)
{
	(void)state;
	snprintf(facts.system.source, sizeof(facts.system.source), "hpet");
	assert_finding("clock-source", DS_DOCTOR_BETTER, "",
		       "echo tsc | sudo tee "
		       "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	snprintf(facts.system.sources, sizeof(facts.system.sources), "hpet acpi_pm");
	assert_finding("clock-source", DS_DOCTOR_NOTE, "",
		       "sudo dmesg | grep -iE 'tsc|clocksource'");
	snprintf(facts.system.source, sizeof(facts.system.source), "timer");
	facts.system.read_ns = 12000;
	assert_finding("clock-slow", DS_DOCTOR_NOTE, "", "");
	facts.rtc = (struct ds_doctor_rtc){.there = true, .told = true, .minus_system_s = 3600};
	assert_finding("rtc-local", DS_DOCTOR_NOTE, "", "sudo timedatectl set-local-rtc 0");
	/* two clocks that are read to a second */
	facts.rtc.minus_system_s = -3601;
	assert_non_null(finding("rtc-local"));
	facts.rtc.minus_system_s = 3599;
	assert_non_null(finding("rtc-local"));
	facts.rtc.minus_system_s = -4000;
	without_daemon();
	assert_finding("rtc-wrong", DS_DOCTOR_BETTER, "rtcsync\n", "");
	facts.rtc.minus_system_s = 1;
	assert_null(finding("rtc-wrong"));
}

static void rights(void **state)
{
	(void)state;
	with_card();
	facts.rights.sys_time = facts.rights.net_admin = facts.rights.bind_service = false;
	assert_finding("rights-clock", DS_DOCTOR_BETTER, "", "drivestampd -x");
	assert_finding("rights-card", DS_DOCTOR_BETTER, "",
		       "docker run --cap-add NET_ADMIN --network host ...");
	assert_finding("rights-port", DS_DOCTOR_NOTE, "", "");
	facts.tried = true;
	facts.rights.net_raw = false;
	assert_finding("rights-hear", DS_DOCTOR_NOTE, "", "");
	facts.rights.uid = 1000;
	assert_finding("rights", DS_DOCTOR_NOTE, "",
		       "sudo setcap cap_sys_time,cap_net_admin,cap_net_bind_service+ep "
		       "$(command -v drivestampd)");
	facts.kernel.user_namespace = true;
	assert_finding("rights", DS_DOCTOR_NOTE, "", "");
	facts.rights.uid = 0;
	facts.rights.sys_time = true;
	assert_finding("rights-clock", DS_DOCTOR_BETTER, "", "drivestampd -x");
	assert_string_equal(finding("rights-clock")->command[1], ""); /* no option reaches out */
	assert_null(strstr(finding("rights-clock")->words, "give the container"));
	/* whoever keeps it is outside */
	without_daemon();
	assert_finding("keeper-missing", DS_DOCTOR_NOTE, "", "");
	facts.kernel.is_virtual = true;
	snprintf(facts.system.sources, sizeof(facts.system.sources), "tsc kvm-clock");
	assert_null(finding("clock-of-host-missing"));
}

static void ports_and_kernels(void **state)
{
	(void)state;
	facts.ports[0] =
		(struct ds_doctor_port){.port = 123, .open = true, .owner = "drivestampd[77]"};
	assert_null(finding("port"));
	snprintf(facts.ports[0].owner, sizeof(facts.ports[0].owner), "chronyd[4]");
	assert_finding("port", DS_DOCTOR_NOTE, "", "");
	facts.kernel.both_stamps = facts.kernel.chosen_ids = false;
	assert_finding("kernel-old", DS_DOCTOR_NOTE, "", "");
	assert_finding("kernel-counts", DS_DOCTOR_NOTE, "", "");
	facts.interfaces[0].trial.tx_kernel = 0;
	assert_finding("kernel-silent", DS_DOCTOR_NOTE, "", "");
	facts.interfaces[0].trial.done = false;
	facts.interfaces[0].card.is_up = false;
	assert_finding("kernel-not-tried", DS_DOCTOR_NOTE, "", "");
	assert_non_null(strstr(finding("kernel-not-tried")->words, "over lo: it is down."));
	/* of which nothing follows about the kernel */
	facts.loopback.done = false;
	assert_null(finding("kernel-counts"));
}

/* However many there are, what is to be bettered is not left out. */
static void too_many(void **state)
{
	(void)state;
	without_daemon();
	facts.tried = true;
	for (int i = 0; i < DS_DOCTOR_INTERFACES - 1; i++) {
		struct ds_doctor_interface *eth = &facts.interfaces[facts.interface_count++];

		snprintf(eth->card.interface, sizeof(eth->card.interface), "eth%d", i);
		snprintf(eth->card.note, sizeof(eth->card.note), "a note");
		snprintf(eth->trial.why, sizeof(eth->trial.why), "it is down");
	}
	facts.more_interfaces = true;
	assert_non_null(finding("keeper-missing"));
	assert_int_equal(verdict.count, DS_DOCTOR_ADVICE);
	assert_int_equal(ds_doctor_status(&verdict), 1);
}

/* Both reports hold every finding; and odd names do not break the JSON. */
static void reports(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	(void)state;
	with_card();
	with_pulse(0);
	snprintf(facts.host, sizeof(facts.host), "a\"b\\c\n");
	ds_doctor_judge(&facts, &verdict);
	out = open_memstream(&text, &size);
	ds_doctor_print(&facts, &verdict, out);
	fclose(out);
	assert_non_null(strstr(text, "drivestamp.conf: hwtimestamp eth0\n"));
	assert_non_null(strstr(text, "\nTo be bettered\n"));
	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		assert_true(end - line <= 110);
	free(text);
	out = open_memstream(&text, &size);
	ds_doctor_print_json(&facts, &verdict, out);
	fclose(out);
	assert_non_null(strstr(text, "\"host\": \"a\\\"b\\\\c\\u000a\""));
	for (int i = 0; i < verdict.count; i++)
		assert_non_null(strstr(text, verdict.advice[i].id));
	assert_non_null(strstr(text, "\"status\": 1\n}\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_to_better, good_machine),
		cmocka_unit_test_setup(a_card, good_machine),
		cmocka_unit_test_setup(a_card_that_gives_none, good_machine),
		cmocka_unit_test_setup(lesser_cards, good_machine),
		cmocka_unit_test_setup(others_set_the_card, good_machine),
		cmocka_unit_test_setup(clocks, good_machine),
		cmocka_unit_test_setup(pulses, good_machine),
		cmocka_unit_test_setup(who_keeps_the_clock, good_machine),
		cmocka_unit_test_setup(poor_clocks, good_machine),
		cmocka_unit_test_setup(rights, good_machine),
		cmocka_unit_test_setup(ports_and_kernels, good_machine),
		cmocka_unit_test_setup(too_many, good_machine),
		cmocka_unit_test_setup(reports, good_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
