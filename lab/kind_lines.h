/*
 * kind_lines: the lines that adapters answer with, taken apart (lab/kinds/README.md has their
 * form). It must never take a line for what it is not, and never pass over one that is none: it
 * names adapter, verb, number and line.
 */
#ifndef DS_LAB_KIND_LINES_H
#define DS_LAB_KIND_LINES_H

#include "lab/kind.h"

/* What `about` says, into all of kind but name, adapter and program. Writes into text. 0 or -EPROTO
 * with a sentence. */
int ds_kind_lines_about(struct ds_kind *kind, char *text, char why[DS_LAB_WHY]);

/* What `read` says, to the reader; only if every line is good. Writes into text. 0 or -EPROTO with
 * a sentence. */
int ds_kind_lines_read(const struct ds_kind_instance *instance, char *text,
		       struct ds_kind_reader *reader, char why[DS_LAB_WHY]);

#endif
