/* doctor: the command line. It must never send a packet by an interface, or tell a card anything,
 * without --try. */
#include "tool/doctor.h"

#include <errno.h>
#include <signal.h>

#include "tool/options.h"

static volatile sig_atomic_t stop;

static void take_signal(int signal_number)
{
	stop = signal_number;
}

static void catch_signals(void)
{
	/* without SA_RESTART: what waits goes on at once */
	const struct sigaction action = {.sa_handler = take_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* As who was ended by the signal. */
static int end_by(int signal_number)
{
	signal(signal_number, SIG_DFL);
	raise(signal_number);
	return 1;
}

static void try_all(struct ds_doctor_facts *facts)
{
	facts->tried = true;
	for (int i = 0; i < facts->interface_count && !stop; i++) {
		if (facts->interfaces[i].card.kind != DS_CARD_LOOPBACK)
			ds_doctor_try_interface(&facts->interfaces[i], &stop);
	}
}

static int run_doctor(int argc, char **argv)
{
	static struct ds_doctor_facts facts;
	static struct ds_doctor_verdict verdict;
	const char *interfaces[DS_DOCTOR_INTERFACES];
	bool json = false, try = false;
	char why[DS_WHY];
	const struct ds_option options[] = {
		{"try", 0, DS_OPTION_FLAG, &try, 0, 0, NULL,
		 "switch the cards' stamps on, send packets, count; then put the cards back"},
		{"json", 0, DS_OPTION_FLAG, &json, 0, 0, NULL, "one JSON object instead of text"},
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};
	int count = ds_options_read(&ds_verb_doctor, options, argc, argv, interfaces,
				    DS_DOCTOR_INTERFACES);

	if (count < 0)
		return count == -2 ? 0 : DS_EXIT_USAGE;
	if (ds_doctor_look(&facts, interfaces, count, why) != 0) {
		fprintf(stderr, "drivestamp doctor: %s\n", why);
		return DS_EXIT_USAGE;
	}
	if (try) {
		catch_signals();
		try_all(&facts);
		if (stop)
			return end_by(stop);
	}
	ds_doctor_judge(&facts, &verdict);
	if (json)
		ds_doctor_print_json(&facts, &verdict, stdout);
	else
		ds_doctor_print(&facts, &verdict, stdout);
	if (fflush(stdout) != 0)
		return DS_EXIT_USAGE;
	return ds_doctor_status(&verdict);
}

const struct ds_verb ds_verb_doctor = {
	"doctor", "[INTERFACE...]",
	"What this machine's cards, clocks and pulses can do, and what to do for better.",
	run_doctor};
