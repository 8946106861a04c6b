/*
 * explore: every reachable state of a world, breadth first, each once.
 * It must never leave out a state silently: it ends complete, with a counterexample, or with
 * an error.
 *
 * Of a visited state 128 bits are kept, with its parent and the event that led from there; the
 * states themselves only of two layers. With 10^8 states the probability that any two share
 * their 128 bits is below 10^-22. A counterexample is found again by repeating its events.
 *
 * usage: explore [small|default|deep|WORLD [INVARIANT]], explore list, explore invariants
 */
#include "proof/explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "proof/invariants.h"
#include "proof/worlds.h"

#define NONE	  UINT32_MAX
#define PATH_MAX_ 256

struct visited {
	uint64_t key[2];
	uint32_t parent;
	struct proof_event event;
};

struct layer {
	uint8_t *states;
	uint32_t *numbers;
	size_t count, room;
};

struct exploration {
	const struct proof_world *world;
	struct visited *visited;
	uint32_t *table; /* indices of visited, open addressing */
	size_t count, room, mask;
	uint64_t edges;
	unsigned int depth;
	const char *broken; /* name of an invariant */
	uint32_t at;	    /* state at which it broke */
	bool by_event;
	struct proof_event event;
};

static void *need(void *memory)
{
	if (memory == NULL) {
		fprintf(stderr, "explore: out of memory\n");
		exit(2);
	}
	return memory;
}

/* Two independent multiply-and-fold chains over the words of a state. */
static void digest(const void *state, size_t size, uint64_t key[2])
{
	const uint8_t *p = state;
	uint64_t a = UINT64_C(0x243f6a8885a308d3);
	uint64_t b = UINT64_C(0x13198a2e03707344);

	for (size_t i = 0; i < size; i += 8) {
		uint64_t word;
		unsigned __int128 m;

		memcpy(&word, p + i, 8);
		m = (unsigned __int128)(a ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		a = (uint64_t)m ^ (uint64_t)(m >> 64) ^ i;
		m = (unsigned __int128)(b + word) * UINT64_C(0xd6e8feb86659fd93);
		b = (uint64_t)m + (uint64_t)(m >> 64) + word;
	}
	key[0] = a;
	key[1] = b;
}

static void grow_table(struct exploration *x)
{
	size_t size = (x->mask + 1) * 2;

	free(x->table);
	x->table = need(malloc(size * sizeof(*x->table)));
	memset(x->table, 0xff, size * sizeof(*x->table));
	x->mask = size - 1;
	for (size_t i = 0; i < x->count; i++) {
		size_t at = x->visited[i].key[0] & x->mask;

		while (x->table[at] != NONE)
			at = (at + 1) & x->mask;
		x->table[at] = (uint32_t)i;
	}
}

/* True if this state is new; it has a number then. */
static bool visit(struct exploration *x, const void *state, uint32_t parent,
		  struct proof_event event, uint32_t *number)
{
	struct visited v = {.parent = parent, .event = event};
	size_t at;

	digest(state, x->world->size, v.key);
	for (at = v.key[0] & x->mask; x->table[at] != NONE; at = (at + 1) & x->mask) {
		const struct visited *other = &x->visited[x->table[at]];

		if (other->key[0] == v.key[0] && other->key[1] == v.key[1])
			return false;
	}
	if (x->count == x->room) {
		x->room *= 2;
		x->visited = need(realloc(x->visited, x->room * sizeof(*x->visited)));
	}
	*number = (uint32_t)x->count;
	x->table[at] = *number;
	x->visited[x->count++] = v;
	if (x->count * 2 > x->mask)
		grow_table(x);
	return true;
}

static void append(struct layer *layer, size_t size, const void *state, uint32_t number)
{
	if (layer->count == layer->room) {
		layer->room = layer->room != 0 ? layer->room * 2 : 1024;
		layer->states = need(realloc(layer->states, layer->room * size));
		layer->numbers = need(realloc(layer->numbers, layer->room * sizeof(uint32_t)));
	}
	memcpy(layer->states + layer->count * size, state, size);
	layer->numbers[layer->count++] = number;
}

/* All that may happen at one state. False when an invariant broke. */
static bool expand(struct exploration *x, const uint8_t *state, uint32_t number, uint8_t *next,
		   struct layer *into)
{
	const struct proof_world *w = x->world;
	struct proof_event events[PROOF_EVENTS_MAX];
	unsigned int count = w->events(state, events);

	x->at = number;
	x->broken = w->look(state);
	if (x->broken != NULL)
		return false;
	for (unsigned int i = 0; i < count; i++) {
		uint32_t to;

		memcpy(next, state, w->size);
		x->edges++;
		x->broken = w->step(next, events[i]);
		if (x->broken != NULL) {
			x->by_event = true;
			x->event = events[i];
			return false;
		}
		if (memcmp(next, state, w->size) != 0 && visit(x, next, number, events[i], &to))
			append(into, w->size, next, to);
	}
	return true;
}

static void explore(struct exploration *x)
{
	size_t size = x->world->size;
	uint8_t *next = need(calloc(1, size));
	struct layer now = {0};
	struct layer then = {0};
	uint32_t number = 0;

	x->room = 1024;
	x->visited = need(malloc(x->room * sizeof(*x->visited)));
	x->mask = 1023;
	grow_table(x);
	x->world->initial(x->world, next);
	(void)visit(x, next, NONE, (struct proof_event){0}, &number);
	append(&now, size, next, number);
	for (x->depth = 0; now.count > 0 && x->broken == NULL; x->depth++) {
		struct layer swap = now;

		for (size_t i = 0; i < now.count; i++) {
			if (!expand(x, now.states + i * size, now.numbers[i], next, &then))
				break;
		}
		now = then;
		then = swap;
		then.count = 0;
	}
	free(now.states);
	free(now.numbers);
	free(then.states);
	free(then.numbers);
	free(next);
}

/* The way to the counterexample, an event a line. */
static void print_trace(const struct exploration *x)
{
	const struct invariant *invariant = invariant_named(x->broken);
	struct proof_event path[PATH_MAX_];
	unsigned int length = 0;
	uint8_t *state = need(calloc(1, x->world->size));
	char text[256];

	if (x->by_event)
		path[length++] = x->event;
	for (uint32_t at = x->at; x->visited[at].parent != NONE && length < PATH_MAX_;
	     at = x->visited[at].parent)
		path[length++] = x->visited[at].event;
	printf("VIOLATED %s in world %s after %u events\n", x->broken, x->world->name, length);
	if (invariant != NULL)
		printf("  %s\n", invariant->words);
	x->world->initial(x->world, state);
	for (unsigned int i = 1; length > 0; i++) {
		length--;
		x->world->tell(state, path[length], text, sizeof(text));
		printf("  %2u  %s\n", i, text);
		(void)x->world->step(state, path[length]);
	}
	if (!x->by_event)
		printf("      and going on from here with a clean path it does not hold\n");
	free(state);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Explores with one choice of secrets; the digest of what was published comes back. */
static bool run_once(const struct proof_world *world, uint64_t salt, bool report, uint64_t *out)
{
	struct exploration x = {.world = world};
	double begun = seconds();
	char met[512];

	if (world->published != NULL)
		(void)world->published(salt);
	world->met(met, sizeof(met));
	explore(&x);
	world->met(met, sizeof(met));
	*out = world->published != NULL ? world->published(salt) : 0;
	if (x.broken != NULL)
		print_trace(&x);
	else if (report)
		printf("%s\t%zu\t%llu\t%u\t%.1f\t%s\n", world->name, x.count,
		       (unsigned long long)x.edges, x.depth - 1, seconds() - begun, met);
	fflush(stdout);
	free(x.visited);
	free(x.table);
	return x.broken == NULL;
}

/* S11 is about two runs: worlds that publish are explored twice, with other secrets. */
static bool run(const struct proof_world *world)
{
	uint64_t first;
	uint64_t second;

	if (!run_once(world, 1, true, &first))
		return false;
	if (world->published == NULL)
		return true;
	if (!run_once(world, 2, false, &second))
		return false;
	if (first == second)
		return true;
	printf("VIOLATED S11 in world %s: what goes out depends on secrets\n", world->name);
	return false;
}

static const char *const levels[] = {"small", "default", "deep"};

static void print_list(void)
{
	for (unsigned int i = 0; i < PROOF_WORLDS; i++)
		printf("%s\t%s\t%s\t%s\n", proof_worlds[i]->name, levels[proof_worlds[i]->level],
		       proof_worlds[i]->words, proof_worlds[i]->bound);
}

/* A world by its name, or all up to a level by the level's. */
static bool is_chosen(const struct proof_world *world, const char *choice)
{
	for (unsigned int level = world->level; level <= PROOF_DEEP; level++) {
		if (strcmp(choice, levels[level]) == 0)
			return true;
	}
	return strcmp(choice, world->name) == 0;
}

int main(int argc, char **argv)
{
	const char *choice = argc > 1 ? argv[1] : "default";
	bool good = true;
	bool any = false;
	struct rusage usage;

	if (argc > 2 && !invariants_only(argv[2])) {
		fprintf(stderr, "explore: no invariant '%s'\n", argv[2]);
		return 2;
	}
	if (strcmp(choice, "list") == 0) {
		print_list();
		return 0;
	}
	if (strcmp(choice, "invariants") == 0) {
		invariants_print();
		return 0;
	}
	for (unsigned int i = 0; i < PROOF_WORLDS && good; i++) {
		const struct proof_world *world = proof_worlds[i];

		if (!is_chosen(world, choice))
			continue;
		any = true;
		good = run(world);
	}
	if (!any) {
		fprintf(stderr, "explore: no world '%s'; there are: small default deep, and\n",
			choice);
		print_list();
		return 2;
	}
	getrusage(RUSAGE_SELF, &usage);
	if (good)
		printf("memory\t%ld MiB\n", usage.ru_maxrss / 1024);
	return good ? 0 : 1;
}
