/*
 * options: a verb's command line, read by a table, and its help, printed from the same table.
 * It must never guess: an unknown option or a value out of range is an error that names it, and
 * the nearest known one.
 */
#ifndef DS_TOOL_OPTIONS_H
#define DS_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

enum ds_option_kind {
	DS_OPTION_FLAG,	   /* bool *value: true */
	DS_OPTION_INTEGER, /* int *value */
	DS_OPTION_NUMBER,  /* double *value */
	DS_OPTION_TEXT,	   /* const char **value */
	DS_OPTION_LIST,	   /* struct ds_option_list *value: may be given again and again */
};

/* What was given, in its order; texts are those of argv. */
#define DS_OPTION_LIST_MAX 32
struct ds_option_list {
	const char *text[DS_OPTION_LIST_MAX];
	int count;
};

struct ds_option {
	const char *name; /* without "--"; NULL ends the table */
	char letter;	  /* also "-x"; 0: none */
	enum ds_option_kind kind;
	void *value;
	double least, most;   /* of INTEGER and NUMBER, both allowed */
	const char *argument; /* its name in the help; NULL for flags */
	const char *help;
};

/* A verb of the program. */
struct ds_verb {
	const char *name;
	const char *arguments;		   /* what stands after the options, for the help */
	const char *help;		   /* one line */
	int (*run)(int argc, char **argv); /* argv[0] is the verb; returns the exit status */
};

extern const struct ds_verb ds_verb_query;
extern const struct ds_verb ds_verb_conform;
extern const struct ds_verb ds_verb_demo;
extern const struct ds_verb ds_verb_bound;
extern const struct ds_verb ds_verb_lab;
extern const struct ds_verb ds_verb_status;
extern const struct ds_verb ds_verb_watch;
extern const struct ds_verb ds_verb_exporter;
extern const struct ds_verb ds_verb_sources;
extern const struct ds_verb ds_verb_sourcestats;
extern const struct ds_verb ds_verb_select;
extern const struct ds_verb ds_verb_exchanges;
extern const struct ds_verb ds_verb_server;
extern const struct ds_verb ds_verb_clients;
extern const struct ds_verb ds_verb_stamps;
extern const struct ds_verb ds_verb_waitsync;
extern const struct ds_verb ds_verb_online;
extern const struct ds_verb ds_verb_offline;
extern const struct ds_verb ds_verb_onoffline;
extern const struct ds_verb ds_verb_burst;
extern const struct ds_verb ds_verb_makestep;
extern const struct ds_verb ds_verb_reload;
extern const struct ds_verb ds_verb_add;
extern const struct ds_verb ds_verb_delete;
extern const struct ds_verb ds_verb_cyclelogs;
extern const struct ds_verb ds_verb_doctor;
extern const struct ds_verb ds_verb_import;
extern const struct ds_verb ds_verb_switch;

#define DS_EXIT_USAGE 2

/* Read argv[1..argc). "--name value", "--name=value", "-x value"; "--" ends the options. What is no
 * option goes to rest[0..most_rest). Returns how many; -1 after a message on stderr; -2 if --help
 * or -h was asked for (printed). */
int ds_options_read(const struct ds_verb *verb, const struct ds_option *options, int argc,
		    char **argv, const char **rest, int most_rest);

#endif
