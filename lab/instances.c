/* instances: see the header. Nothing here knows a daemon or a rig: the adapter and the place do. */
#include "lab/instances.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define GRACE_MS 2000
#define NTP_PORT 123

static unsigned bit(enum ds_lab_mode mode)
{
	return 1U << mode;
}

static bool is_symmetric(enum ds_lab_mode mode)
{
	return mode == DS_LAB_SYMMETRIC || mode == DS_LAB_SYMMETRIC_XLEAVE;
}

static bool is_broadcast(enum ds_lab_mode mode)
{
	return mode == DS_LAB_BROADCAST || mode == DS_LAB_BROADCAST_XLEAVE;
}

const struct ds_kind *ds_instances_kind(const struct ds_instances_host *host, enum ds_lab_mode mode)
{
	return mode == DS_LAB_PTP ? host->ptp : host->kind;
}

/* A daemon that insists on port 123 gets it where it is to be had. */
static void endpoint_of(const struct ds_place *place, const struct ds_kind *kind, int host,
			enum ds_lab_mode mode, struct ds_place_endpoint *endpoint)
{
	ds_place_endpoint(place, host, mode, endpoint);
	if (kind->fixed_port && endpoint->any_port)
		endpoint->port = NTP_PORT;
}

bool ds_instances_meet(const struct ds_lab_plan *plan, const struct ds_place *place,
		       const struct ds_kind *kind, int host)
{
	struct ds_place_endpoint endpoint;
	unsigned modes = plan->modes & (kind->asks | kind->answers);

	if (kind->alone && (modes & (modes - 1)) != 0)
		return true;
	ds_place_endpoint(place, host, DS_LAB_BASIC, &endpoint);
	return kind->fixed_port && endpoint.any_port && endpoint.port != NTP_PORT;
}

static bool has_place(const struct ds_lab_plan *plan, const struct ds_place *place,
		      const struct ds_kind *kind, int host, enum ds_lab_mode mode)
{
	struct ds_place_endpoint endpoint;

	endpoint_of(place, kind, host, mode, &endpoint);
	if (kind->fixed_port && endpoint.port != NTP_PORT)
		return false;
	if (is_broadcast(mode) && endpoint.broadcast[0] == '\0')
		return false;
	return mode != DS_LAB_PTP ||
	       (plan->rig != DS_LAB_RIG_LOOPBACK && endpoint.interface[0] != '\0');
}

bool ds_instances_known(const struct ds_lab_plan *plan, const struct ds_place *place,
			const struct ds_instances_host *hosts, int asks, int answers,
			enum ds_lab_mode mode)
{
	const struct ds_kind *a = ds_instances_kind(&hosts[asks], mode);
	const struct ds_kind *b = ds_instances_kind(&hosts[answers], mode);

	return asks != answers && a && b && (a->asks & bit(mode)) && (b->answers & bit(mode)) &&
	       has_place(plan, place, a, asks, mode) && has_place(plan, place, b, answers, mode);
}

static struct ds_instance *add(struct ds_instances *all, int host, const struct ds_kind *kind,
			       enum ds_lab_mode mode, const char *folder)
{
	if (all->count == all->room) {
		int room = all->room > 0 ? 2 * all->room : 32;
		struct ds_instance *list = realloc(all->list, (size_t)room * sizeof(*list));
		if (!list)
			return NULL;
		all->list = list;
		all->room = room;
	}

	struct ds_instance *one = &all->list[all->count++];
	*one = (struct ds_instance){.host = host, .program = -1};
	one->what.kind = kind;
	one->what.mode = mode;
	one->what.number = host;
	one->what.poll_log2 =
		all->plan->poll_log2 > kind->poll_least ? all->plan->poll_log2 : kind->poll_least;
	snprintf(one->folder, sizeof(one->folder), "%s", folder);
	snprintf(one->directory, sizeof(one->directory), "%s/%s",
		 ds_place_directory(all->place, host), folder);
	endpoint_of(all->place, kind, host, mode, &one->what.self);
	return one;
}

static void add_other(struct ds_instances *all, const struct ds_instances_host *hosts,
		      struct ds_instance *one, int other)
{
	struct ds_kind_other *to = &one->others[one->what.other_count];

	to->name = all->plan->host[other].name;
	endpoint_of(all->place, ds_instances_kind(&hosts[other], one->what.mode), other,
		    one->what.mode, &to->endpoint);
	one->other_host[one->what.other_count++] = other;
}

/* By name: of the cables to all `others`, each once. */
static void name_interfaces(const struct ds_instances *all, struct ds_instance *one,
			    const bool others[])
{
	char *names = one->what.self.interface;
	char name[DS_LAB_NAME];
	size_t used = 0;

	for (int other = 0; other < all->plan->hosts; other++) {
		if (!others[other])
			continue;
		ds_place_link(all->place, one->host, other, name);
		names[used] = '\0';
		if (strstr(names, name) || used + strlen(name) + 2 > DS_LAB_NAME)
			continue;
		used += (size_t)snprintf(names + used, DS_LAB_NAME - used, "%s%s",
					 used > 0 ? " " : "", name);
	}
}

/* One to answer, and one for each host that is asked. In what they agree upon (a PTP domain, say)
 * each has the number of the host that answers. */
static bool make_separate(struct ds_instances *all, const struct ds_instances_host *hosts, int host,
			  enum ds_lab_mode mode, int repeat, const bool asks[],
			  const bool asked_by[], bool answers)
{
	const struct ds_kind *kind = ds_instances_kind(&hosts[host], mode);
	char folder[DS_INSTANCE_FOLDER];

	snprintf(folder, sizeof(folder), "%d-%s", repeat + 1, ds_lab_mode_name(mode));
	struct ds_instance *one = answers ? add(all, host, kind, mode, folder) : NULL;
	if (answers && !one)
		return false;
	if (one) {
		one->what.answers = true;
		name_interfaces(all, one, asked_by);
	}
	for (int other = 0; other < all->plan->hosts; other++) {
		if (!asks[other])
			continue;
		snprintf(folder, sizeof(folder), "%d-%s-%.32s", repeat + 1, ds_lab_mode_name(mode),
			 all->plan->host[other].name);
		one = add(all, host, kind, mode, folder);
		if (!one)
			return false;
		bool only[DS_LAB_HOSTS] = {false};
		only[other] = true;
		one->what.asks = true;
		one->what.number = other;
		name_interfaces(all, one, only);
		add_other(all, hosts, one, other);
	}
	return true;
}

static bool make_of_host(struct ds_instances *all, const struct ds_instances_host *hosts, int host,
			 enum ds_lab_mode mode, int repeat)
{
	const struct ds_kind *kind = ds_instances_kind(&hosts[host], mode);
	bool asks[DS_LAB_HOSTS] = {false}, asked_by[DS_LAB_HOSTS] = {false};
	bool any_asked = false, any_asks = false;
	char folder[DS_INSTANCE_FOLDER];

	for (int other = 0; other < all->plan->hosts; other++) {
		asks[other] = ds_instances_known(all->plan, all->place, hosts, host, other, mode);
		asked_by[other] =
			ds_instances_known(all->plan, all->place, hosts, other, host, mode);
		any_asked |= asks[other];
		any_asks |= asked_by[other];
	}
	if (!any_asked && !any_asks)
		return true;
	if (kind->separate)
		return make_separate(all, hosts, host, mode, repeat, asks, asked_by, any_asks);

	snprintf(folder, sizeof(folder), "%d-%s", repeat + 1, ds_lab_mode_name(mode));
	struct ds_instance *one = add(all, host, kind, mode, folder);
	if (!one)
		return false;
	one->what.answers = any_asks;
	one->what.asks = any_asked;
	for (int other = 0; other < all->plan->hosts; other++) {
		if (asks[other] || (is_symmetric(mode) && asked_by[other]))
			add_other(all, hosts, one, other);
	}
	return true;
}

bool ds_instances_make(struct ds_instances *all, const struct ds_instances_host *hosts,
		       unsigned modes, int repeat)
{
	for (int mode = 0; mode < DS_LAB_MODES; mode++) {
		for (int host = 0; host < all->plan->hosts && (modes & 1U << mode); host++) {
			if (!all->host_gone[host] &&
			    !make_of_host(all, hosts, host, (enum ds_lab_mode)mode, repeat))
				return false;
		}
	}
	/* Only now does the list stay where it is. */
	for (int i = 0; i < all->count; i++) {
		struct ds_instance *one = &all->list[i];
		const struct ds_instances_host *host = &hosts[one->host];
		one->what.others = one->others;
		one->what.directory = one->directory;
		one->what.program =
			one->what.mode == DS_LAB_PTP ? host->ptp_program : host->program;
	}
	return true;
}

static bool trouble(struct ds_instances *all, struct ds_instance *one, int error, const char *words)
{
	bool gone = error == -ENOTCONN;

	one->over = true;
	if ((gone && all->host_gone[one->host]) || (error == -ENOSPC && all->disk_full))
		return false; /* said once is enough */
	all->host_gone[one->host] |= gone;
	all->disk_full |= error == -ENOSPC;
	all->trouble(all->context, one, gone, words);
	return false;
}

bool ds_instances_prepare(struct ds_instances *all, int i)
{
	struct ds_instance *one = &all->list[i];
	char name[DS_INSTANCE_FOLDER + 8], why[DS_LAB_WHY] = "";
	char *text = NULL;

	if (all->host_gone[one->host]) {
		one->over = true;
		return false;
	}
	int error = ds_kind_configure(&one->what, &text, why);
	if (error == 0) {
		snprintf(name, sizeof(name), "%s/conf", one->folder);
		error = ds_place_put(all->place, one->host, name, text, strlen(text), false, why);
	}
	free(text);
	if (error == 0)
		error = ds_kind_command(&one->what, one->line, sizeof(one->line), why);
	return error == 0 || trouble(all, one, error, why);
}

bool ds_instances_start(struct ds_instances *all, int i)
{
	struct ds_instance *one = &all->list[i];
	char name[DS_INSTANCE_FOLDER + 8], why[DS_LAB_WHY] = "";

	if (one->over || all->host_gone[one->host])
		return false;
	snprintf(name, sizeof(name), "%s/out", one->folder);
	one->program = ds_place_start(all->place, one->host, one->line, name, why);
	return one->program >= 0 || trouble(all, one, one->program, why);
}

/* The last line that it wrote which says something. */
static void last_words(struct ds_instances *all, const struct ds_instance *one,
		       char words[DS_LAB_WHY])
{
	char name[DS_INSTANCE_FOLDER + 8], why[DS_LAB_WHY];
	char *text = NULL;
	size_t size = 0;

	words[0] = '\0';
	snprintf(name, sizeof(name), "%s/out", one->folder);
	if (ds_place_get(all->place, one->host, name, &text, &size, why) != 0 || size == 0) {
		free(text);
		return;
	}
	while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == ' '))
		size--;
	size_t begin = size;
	while (begin > 0 && text[begin - 1] != '\n')
		begin--;
	snprintf(words, DS_LAB_WHY, "%.*s", (int)(size - begin < 160 ? size - begin : 160),
		 text + begin);
	free(text);
}

static void died(struct ds_instances *all, struct ds_instance *one, const char *how)
{
	char last[DS_LAB_WHY], words[2 * DS_LAB_WHY + 8];

	last_words(all, one, last);
	snprintf(words, sizeof(words), "%s%s%s", how, last[0] != '\0' ? "; its last line: " : "",
		 last);
	(void)trouble(all, one, 0, words);
}

int ds_instances_watch(struct ds_instances *all)
{
	int running = 0;

	for (int i = 0; i < all->count; i++) {
		struct ds_instance *one = &all->list[i];
		char how[DS_LAB_WHY] = "";

		if (one->program < 0 || one->over)
			continue;
		int state = all->host_gone[one->host]
				    ? -ENOTCONN
				    : ds_place_look(all->place, one->program, how);
		if (state == 0)
			running++;
		else if (state > 0)
			died(all, one, how);
		else
			(void)trouble(all, one, state, how[0] != '\0' ? how : "cannot be reached");
	}
	return running;
}

void ds_instances_ask_to_end(struct ds_instances *all)
{
	for (int i = 0; i < all->count; i++) {
		const struct ds_instance *one = &all->list[i];
		if (one->program >= 0 && !all->host_gone[one->host])
			ds_place_ask_to_end(all->place, one->program);
	}
}

void ds_instances_stop(struct ds_instances *all, int i)
{
	struct ds_instance *one = &all->list[i];

	if (one->program < 0)
		return;
	if (!all->host_gone[one->host])
		ds_place_stop(all->place, one->program, GRACE_MS);
	one->program = -1;
}

/* DIRECTORY/HOST/FOLDER/FILE, with the folders on its way. */
static bool keep_copy(const char *directory, const char *host, const char *folder, const char *file,
		      const char *text, size_t size, char why[DS_LAB_WHY])
{
	char path[2 * DS_LAB_PATH + DS_INSTANCE_FOLDER];

	snprintf(path, sizeof(path), "%s/%s/%s/%s", directory, host, folder, file);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0755); /* where it cannot be made, opening fails */
		*slash = '/';
	}
	FILE *out = fopen(path, "w");
	bool done = out && fwrite(text, 1, size, out) == size;
	if (out && fclose(out) != 0)
		done = false;
	if (!done)
		snprintf(why, DS_LAB_WHY, "cannot write %.180s: %s", path, strerror(errno));
	return done;
}

static void keep_other_files(struct ds_instances *all, const struct ds_instance *one,
			     const char *keep)
{
	static const char *const files[] = {"conf", "out"};
	char name[DS_INSTANCE_FOLDER + DS_LAB_NAME + 2], why[DS_LAB_WHY];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *text = NULL;
		size_t size = 0;
		snprintf(name, sizeof(name), "%s/%s", one->folder, files[i]);
		if (ds_place_get(all->place, one->host, name, &text, &size, why) == 0 && text)
			(void)keep_copy(keep, all->plan->host[one->host].name, one->folder,
					files[i], text, size, why);
		free(text);
	}
}

bool ds_instances_read(struct ds_instances *all, int i, const char *keep,
		       struct ds_kind_reader *reader)
{
	struct ds_instance *one = &all->list[i];
	const struct ds_kind *kind = one->what.kind;
	char *texts[DS_KIND_FILES] = {NULL};
	const char *text[DS_KIND_FILES];
	char name[DS_INSTANCE_FOLDER + DS_LAB_NAME + 2], why[DS_LAB_WHY] = "";
	int error = all->host_gone[one->host] ? -ENOTCONN : 0;

	for (int f = 0; f < kind->file_count; f++) {
		size_t size = 0;
		snprintf(name, sizeof(name), "%s/%s", one->folder, kind->files[f]);
		if (error == 0)
			error = ds_place_get(all->place, one->host, name, &texts[f], &size, why);
		text[f] = error == 0 && texts[f] && size > 0 ? texts[f] : "";
		if (error == 0 && keep && size > 0 &&
		    !keep_copy(keep, all->plan->host[one->host].name, one->folder, kind->files[f],
			       texts[f], size, why))
			error = -EIO;
	}
	if (keep && error == 0)
		keep_other_files(all, one, keep);
	if (error != -ENOTCONN && kind->file_count > 0) {
		int answer = ds_kind_read(&one->what, text, reader, why);
		error = error != 0 ? error : answer;
	}
	for (int f = 0; f < kind->file_count; f++)
		free(texts[f]);
	return error == 0 || trouble(all, one, error, why);
}

void ds_instances_free(struct ds_instances *all)
{
	for (int i = 0; i < all->count; i++)
		ds_instances_stop(all, i);
	free(all->list);
	all->list = NULL;
	all->count = all->room = 0;
}
