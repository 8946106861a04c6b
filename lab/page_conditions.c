/* page_conditions: under which conditions the run was made, and how to repeat it; see page.h. */
#include "lab/page.h"

#include <math.h>
#include <time.h>

static void term(struct ds_page *page, const char *name)
{
	ds_page_put(page, "<dt>");
	ds_page_text(page, name);
	ds_page_put(page, "</dt><dd>");
}

static void entry(struct ds_page *page, const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	term(page, name);
	ds_page_text(page, text);
	ds_page_put(page, "</dd>\n");
}

static const char *date(double at_s, char buffer[DS_LAB_NAME * 2])
{
	time_t second;
	struct tm day;

	buffer[0] = '\0';
	if (!isfinite(at_s) || fabs(at_s) > 1e11)
		return buffer;
	second = (time_t)at_s;
	if (gmtime_r(&second, &day))
		(void)strftime(buffer, (size_t)DS_LAB_NAME * 2, "%Y-%m-%d %H:%M:%S UTC", &day);
	return buffer;
}

static void when(struct ds_page *page)
{
	const struct ds_lab_plan *plan = &page->result->plan;
	char text[DS_LAB_WHY];
	char begun[DS_LAB_NAME * 2];

	term(page, "When");
	ds_page_text(page, date(page->result->begun_s, begun));
	if (isfinite(page->result->ended_s - page->result->begun_s)) {
		snprintf(text, sizeof(text), ", %.0f s in all",
			 page->result->ended_s - page->result->begun_s);
		ds_page_text(page, text);
	}
	ds_page_put(page, "</dd>\n");
	term(page, "Repeats");
	ds_page_number(page, page->result->repeats, "repeats");
	snprintf(text, sizeof(text),
		 " whole of %d, each %d s after %d s of warming up; daemons "
		 "started anew in each",
		 plan->repeats, plan->seconds, plan->warmup_seconds);
	ds_page_text(page, text);
	if (page->loaded)
		fprintf(page->out, "; idle and loaded by turns of %d s", plan->alternation_seconds);
	ds_page_put(page, "</dd>\n");
	snprintf(text, sizeof(text), "every %.6g s (%d), or the shortest that a daemon takes",
		 ldexp(1, plan->poll_log2), plan->poll_log2);
	entry(page, "Poll", text);
}

static void busy(struct ds_page *page)
{
	const struct ds_lab_result *result = page->result;

	if (isfinite(result->busy_idle) || isfinite(result->busy_loaded)) {
		term(page, "Processors in use");
		ds_page_share(page, result->busy_idle, "busy_idle");
		ds_page_put(page, " idle");
		if (isfinite(result->busy_loaded)) {
			ds_page_put(page, ", ");
			ds_page_share(page, result->busy_loaded, "busy_loaded");
			ds_page_put(page, " under load");
		}
		ds_page_put(page, "</dd>\n");
	}
	if (isfinite(result->before_send_ns)) {
		term(page, "Before sending");
		ds_page_ns(page, false, result->before_send_ns, "before_send_ns");
		ds_page_put(
			page,
			" from a clock read before <code>send()</code> to the kernel\xe2\x80\x99s "
			"transmit stamp, here, in the median</dd>\n");
	}
}

static bool link_changed(const struct ds_lab_link *link)
{
	return link->out_delay_us > 0 || link->in_delay_us > 0 || link->jitter_us > 0 ||
	       link->loss_percent > 0;
}

static void link_words(const struct ds_lab_link *link, char *text, size_t size)
{
	if (!link_changed(link))
		snprintf(text, size, "as it is");
	else
		snprintf(text, size,
			 "%.6g \xc2\xb5s out, %.6g \xc2\xb5s in, jitter %.6g \xc2\xb5s, loss "
			 "%.4g %%",
			 link->out_delay_us, link->in_delay_us, link->jitter_us,
			 link->loss_percent);
}

/* What is the same for all hosts, and nothing to speak of, has no column. */
struct columns {
	bool load, link, ending;
};

static struct columns columns_of(const struct ds_lab_result *result)
{
	struct columns columns = {false, false, false};

	for (int i = 0; i < result->plan.hosts; i++) {
		columns.load = columns.load || result->plan.host[i].load != 0;
		columns.link = columns.link || link_changed(&result->plan.link[i]);
		columns.ending = columns.ending || result->host[i].ending[0] != '\0';
	}
	return columns;
}

static void cell(struct ds_page *page, const char *text)
{
	ds_page_put(page, "<td>");
	ds_page_text(page, text);
	ds_page_put(page, "</td>");
}

static void host_row(struct ds_page *page, const struct columns *columns, int i)
{
	static const char *const loads[] = {"none", "processor", "network", "both"};
	const struct ds_lab_host *asked = &page->result->plan.host[i];
	const struct ds_lab_host_result *found = &page->result->host[i];
	char link[DS_LAB_WHY];

	link_words(&page->result->plan.link[i], link, sizeof(link));
	ds_page_put(page, "<tr><th scope=\"row\">");
	ds_page_text(page, asked->name);
	ds_page_put(page, asked->is_new ? "</th><td>new</td><td class=\"name\">"
					: "</th><td>old</td><td class=\"name\">");
	ds_page_text(page, asked->kind);
	ds_page_put(page, "</td><td class=\"name\">");
	ds_page_text(page, found->version[0] != '\0' ? found->version : "\xe2\x80\x93");
	ds_page_put(page, found->guesses_calibrated ? "</td><td>when it will leave</td><td>"
						    : "</td><td>when it was written</td><td>");
	if (found->clock_known && found->clock_within_ns <= 0) {
		ds_page_put(page, "shared");
	} else if (found->clock_known) {
		ds_page_put(page, "known to ");
		ds_page_ns(page, false, found->clock_within_ns, "hosts/%s/clock_within_ns",
			   asked->name);
	} else {
		ds_page_put(page, "not known");
	}
	ds_page_put(page, "</td>");
	if (columns->load)
		cell(page, loads[asked->load & 3]);
	if (columns->link)
		cell(page, link);
	if (columns->ending)
		cell(page, found->ending[0] != '\0' ? found->ending : "as asked");
	ds_page_put(page, "</tr>\n");
}

void ds_page_conditions(struct ds_page *page)
{
	const struct ds_lab_result *result = page->result;
	struct columns columns = columns_of(result);

	ds_page_section(page, "conditions", "Conditions");
	if (result->command[0] != '\0') {
		ds_page_put(page, "<p>To repeat it:</p>\n<pre tabindex=\"0\"><code>");
		ds_page_text(page, result->command);
		ds_page_put(page, "</code></pre>\n");
	}
	ds_page_put(page, "<dl>\n");
	entry(page, "Rig", result->rig);
	entry(page, "Machine", result->machine);
	when(page);
	busy(page);
	entry(page, "Yardstick", result->yardstick);
	entry(page, "Report by", "drivestamp " DS_VERSION);
	ds_page_put(page, "</dl>\n");
	ds_page_box(page, "Table of hosts");
	ds_page_put(page, "<table class=\"words\">\n");
	ds_page_caption(page,
			"The hosts. A basic answer\xe2\x80\x99s transmit field says when it was "
			"written, or, calibrated, when it will leave. Clock: how it is known to "
			"be right; where it is not, what is called an error here is an offset.");
	ds_page_put(page, "<thead><tr><th scope=\"col\">Host</th><th scope=\"col\">Side</th>"
			  "<th scope=\"col\">Kind</th><th scope=\"col\">Version</th>"
			  "<th scope=\"col\">Basic answers say</th><th scope=\"col\">Clock</th>");
	ds_page_put(page, columns.load ? "<th scope=\"col\">Load</th>" : "");
	ds_page_put(page, columns.link ? "<th scope=\"col\">Link</th>" : "");
	ds_page_put(page, columns.ending ? "<th scope=\"col\">Ended</th>" : "");
	ds_page_put(page, "</tr></thead>\n<tbody>\n");
	for (int i = 0; i < result->plan.hosts; i++)
		host_row(page, &columns, i);
	ds_page_put(page, "</tbody>\n</table>\n");
	ds_page_box_end(page);
	ds_page_section_end(page);
}
