/*
 * import: another daemon's configuration, read, and written again as ours, with a report of what
 * became of each of its lines. It must never write a line that drivestampd would refuse, leave a
 * line of the old file out of the report, nor make a source or a client less safe than it was
 * without saying so.
 *
 * The way: import_read.c makes lines and words of files, and follows those that are included; one
 * reader a family (import_chrony.c, import_ntp.c, ...) decides; import_write.c writes and asks the
 * daemon's own reader (daemon/conf.h) about every line; import_report.c tells. All of it is
 * allocated and freed in one piece by ds_import_new() and ds_import_free().
 */
#ifndef DS_TOOL_IMPORT_H
#define DS_TOOL_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "daemon/conf.h"

#define DS_IMPORT_JSON_SCHEMA 1
#define DS_IMPORT_FILE_MOST   (1 << 20) /* bytes of one file */
#define DS_IMPORT_FILES	      256	/* all in all, included ones too */
#define DS_IMPORT_LINES	      20000	/* likewise */
#define DS_IMPORT_DEPTH	      10
#define DS_IMPORT_WORDS	      128 /* of one line */
#define DS_IMPORT_ORIGINAL    500 /* bytes of a line that are told */

/* In the order of the words of --from. */
enum ds_import_family {
	DS_IMPORT_CHRONY,
	DS_IMPORT_NTP, /* ntpd and ntpsec */
	DS_IMPORT_NTPD_RS,
	DS_IMPORT_OPENNTPD,
	DS_IMPORT_TIMESYNCD,
	DS_IMPORT_FAMILIES,
};
extern const char *const ds_import_families[DS_IMPORT_FAMILIES];

enum ds_import_fate {
	DS_IMPORT_KEPT,	   /* stands as it stood */
	DS_IMPORT_CHANGED, /* in effect: in other words, or without a line, as `why` says */
	DS_IMPORT_DROPPED, /* not in effect */
	DS_IMPORT_HEADING, /* "[Time]": says nothing by itself */
};
extern const char *const ds_import_fates[4];

/* Drop-ins of drivestamp.service that give the rights which not every configuration needs, as bits
 * by the order of ds_import_drop_in_names; below DS_IMPORT_DROP_IN_FOLDER. */
enum { DS_IMPORT_SERVE, DS_IMPORT_REFCLOCKS, DS_IMPORT_HWTIMESTAMP, DS_IMPORT_DROP_INS };
extern const char *const ds_import_drop_in_names[DS_IMPORT_DROP_INS];
#define DS_IMPORT_DROP_IN_FOLDER "/usr/share/drivestamp/drop-ins"
#define DS_IMPORT_UNIT_FOLDER	 "/etc/systemd/system/drivestamp.service.d"

/* A line of a file that was read. `word` points into the line's own copy. */
struct ds_import_line {
	const char *file; /* as given, or as the line that includes it names it */
	int number, span; /* first line; how many (continued lines) */
	char *text;	  /* as it stands, cut to DS_IMPORT_ORIGINAL, control characters as '?' */
	char *copy;
	char *word[DS_IMPORT_WORDS];
	int words;		  /* 0: blank or a comment */
	bool too_many;		  /* words */
	char *comment;		  /* behind the words; NULL */
	bool sources;		  /* of a file of a sourcedir */
	char *trouble;		  /* what it includes cannot be read; NULL: it can */
	enum ds_import_fate fate; /* once it has been decided */
};

/* What became of one line. */
struct ds_import_entry {
	const char *file;
	int line, span;
	enum ds_import_fate fate;
	char *original, *written, *why; /* never NULL; `written`: lines, each with its newline */
};

/* A line that stands in no old file. */
struct ds_import_added {
	char *written, *why;
};

struct ds_import {
	enum ds_import_family family;
	char told_by[160];   /* what says that it is this family's */
	bool has_nts;	     /* ... asks for NTS somewhere */
	bool has_keys;	     /* the old file names a file with keys */
	bool no_files;	     /* nothing but the text that was handed over is read */
	const char *keys_to; /* path of the key file that is written; NULL: none is */

	char *names[DS_IMPORT_FILES]; /* of the files read */
	int name_count;
	struct ds_import_line **lines; /* each by itself: they stay where they are */
	int line_count, line_room;
	struct ds_import_entry *entries;
	int entry_count, entry_room;
	struct ds_import_added added[16];
	int added_count;
	char *advice[16]; /* what is to be done by hand: sentences, some with a command */
	int advice_count;

	char *text; /* our configuration; complete when the file has been read */
	size_t text_length;
	FILE *out;  /* writes it */
	char *keys; /* the key file; "" where there is none */
	size_t keys_length;
	int key_count;

	/* the line that is being decided */
	FILE *written, *why;
	char *written_text, *why_text;
	size_t written_length, why_length;
	bool refused; /* the daemon's reader said no to what was to be written */
	const char *at_file;
	int at_line;

	struct ds_conf *conf, *scratch; /* what is written so far, as the daemon reads it */
	char *said;			/* what it says of the line */
	int depth;
	bool failed; /* a file could not be read, or is no such file: `failure` says why */
	char failure[512];
	bool accepted;	       /* by the daemon, as a whole */
	unsigned drop_ins;     /* that what was written needs, see above */
	int sources_dropped;   /* lines that named a source of time */
	int certified_dropped; /* of these, sources that certificates authenticated */
	char *messages;	       /* of the daemon about the whole, a line each */
	size_t messages_length;
	FILE *messages_out;
};

/* NULL: no memory. */
struct ds_import *ds_import_new(void);
void ds_import_free(struct ds_import *import);

/* Read the file, and write and report. family: DS_IMPORT_FAMILIES to be found out. False: it could
 * not be read at all, see `failure`; else see `accepted`. */
bool ds_import_file(struct ds_import *import, const char *path, enum ds_import_family family);
/* The same of a text in memory that was the file of this name; nothing else is read. */
bool ds_import_text(struct ds_import *import, const char *name, const char *text, size_t length,
		    enum ds_import_family family);
/* Which family's is it? By its words, else by its name; told_by says by which. */
enum ds_import_family ds_import_guess(const char *name, const char *text, size_t length,
				      char told_by[160]);

/* Is there anything to follow or to serve in what was written? */
bool ds_import_has_time(const struct ds_import *import);
/* Drop-ins that a configuration needs: ports below 1024, devices, cards. */
unsigned ds_import_drop_ins(const struct ds_conf *conf);
/* "A/serve.conf A/refclocks.conf" of bits and a folder A. Returns text. */
const char *ds_import_drop_in_paths(unsigned drop_ins, const char *folder, char text[256]);
void ds_import_count(const struct ds_import *import, int counts[4]);
void ds_import_report(const struct ds_import *import, const char *output, FILE *out);
/* Schema: doc/import.schema.json. output: the path written to, NULL: none. */
void ds_import_report_json(const struct ds_import *import, const char *output, FILE *out);

/* ---- for the readers ---- */

/* How the lines of a family are cut. */
struct ds_import_cut {
	const char *comments; /* characters that begin a comment line */
	bool comment_behind;  /* '#' begins a comment also behind words */
	bool quotes;	      /* "..." is one word */
	bool continued;	      /* a backslash at the end joins the next line */
};
/* Make lines of a text; what the family includes is followed. Lines are appended. */
void ds_import_lines(struct ds_import *import, const char *file, const char *text, size_t length,
		     const struct ds_import_cut *cut, bool sources);
/* Called for each line with words: its files, if it includes any, by ds_import_follow(). */
void ds_import_includes(struct ds_import *import, const struct ds_import_cut *cut, int line);
/* Read a file's lines in. False, with a sentence in `why` of 256 bytes: it cannot be read. */
bool ds_import_follow(struct ds_import *import, const struct ds_import_cut *cut, const char *path,
		      bool sources, char why[256]);
/* Likewise those of a folder whose names end so, in the order of names. */
void ds_import_folder(struct ds_import *import, const struct ds_import_cut *cut, const char *folder,
		      const char *suffix);
/* The text of a file, to be freed; NULL with a sentence. */
char *ds_import_slurp(const char *path, size_t *length, char why[256]);
/* A new name of a file, that lives as long as the import; NULL: too many files. */
const char *ds_import_name(struct ds_import *import, const char *path);
/* Bytes of the UTF-8 character that text begins with; 0: it begins with none. */
size_t ds_import_utf8(const char *text, size_t length);
/* A copy of at most DS_IMPORT_ORIGINAL bytes in UTF-8 without control characters, to be
 * freed. */
char *ds_import_plain(const char *text, size_t length);

/* Decide one line: begin, any of the others, end. */
void ds_import_begin(struct ds_import *import, const struct ds_import_line *line);
/* A line of ours, without newline. False: the daemon's reader refuses it; then it is not written,
 * and what the reader said is in the reason. */
bool ds_import_write(struct ds_import *import, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, not looked at before the end: a line that makes the reader read files. */
void ds_import_write_unseen(struct ds_import *import, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Part of the reason; sentences are joined by "; ". */
void ds_import_why(struct ds_import *import, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Dropped instead, where all that was to be written was refused. */
enum ds_import_fate ds_import_end(struct ds_import *import, struct ds_import_line *line,
				  enum ds_import_fate fate);
/* A comment or a blank line, as it stands. */
void ds_import_comment(struct ds_import *import, const char *text);
/* A line that no old line stands for, at the end of ours. */
void ds_import_add(struct ds_import *import, const char *line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void ds_import_advise(struct ds_import *import, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Would the daemon take this line without a word? Else what it says is in import->said. */
bool ds_import_accepts(struct ds_import *import, const char *line);

/* A source line that is being put together. */
struct ds_import_source {
	char text[2048];
	size_t length;
	bool fatal; /* what cannot be left out cannot be had: the line is dropped */
	bool changed;
};
void ds_import_source_begin(struct ds_import_source *source, const char *word, const char *name);
/* An option with its value ("" or NULL: none). One that the daemon does not take is left out, with
 * the reason; where that would make the source less safe or its time another, `fatal` is set. */
void ds_import_source_option(struct ds_import *import, struct ds_import_source *source,
			     const char *option, const char *value);
/* Write it, or say why it is dropped. */
enum ds_import_fate ds_import_source_end(struct ds_import *import, struct ds_import_source *source);

/* Keys: each line of the file is an entry of the report, without the key. trusted: those to take,
 * `count` of them; NULL: all. Returns false where the file cannot be read; that is in the reason of
 * the line that is being decided. */
bool ds_import_keys(struct ds_import *import, const char *path, const unsigned long *trusted,
		    int count);

/* The families. Lines are there; each writes and reports all of them. */
void ds_import_chrony(struct ds_import *import);
void ds_import_ntp(struct ds_import *import);
void ds_import_openntpd(struct ds_import *import);
void ds_import_timesyncd(struct ds_import *import);
/* TOML is read from the text itself. */
void ds_import_ntpd_rs(struct ds_import *import, const char *file, const char *text, size_t length);
extern const struct ds_import_cut ds_import_cut_chrony, ds_import_cut_ntp, ds_import_cut_openntpd,
	ds_import_cut_timesyncd;

#define DS_IMPORT_DRIFT "/var/lib/drivestamp/drift"
#define DS_IMPORT_KEYS	"/etc/drivestamp/drivestamp.keys"
#define DS_IMPORT_LOGS	"/var/log/drivestamp"

#endif
