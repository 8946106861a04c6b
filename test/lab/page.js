/* What test/lab/page.sh asks of a page, in the page. Each function returns text: "" where all is
 * well, else a line for each fault. Nothing of it is part of the page. */
(() => {
	const lines = new Set();
	const fault = text => lines.add(text);
	const done = () => {
		const text = [...lines].slice(0, 12).join("\n");
		lines.clear();
		return text;
	};
	const name = e => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") +
		(e.getAttribute("class") ? "." + e.getAttribute("class") : "") + " \"" +
		e.textContent.trim().slice(0, 30).replace(/\s+/g, " ") + "\"";
	const scrolls = e => e.closest(".box");
	const overlap = (a, b, slack) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack &&
		Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack;

	/* Nothing reaches over the edge of the screen but what scrolls in a box of its own; no text is
	 * cut or lies on another. paper: boxes do not scroll there, and everything must fit. */
	const layout = paper => {
		const wide = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth > wide)
			fault("the page is " + document.documentElement.scrollWidth + " wide, the screen " + wide);
		for (const e of document.querySelectorAll("body *")) {
			if (!e.checkVisibility() || (scrolls(e) && !paper))
				continue;
			const r = e.getBoundingClientRect();
			if (r.width && (r.right > wide + 1 || r.left < -1))
				fault("over the edge: " + name(e));
			const o = getComputedStyle(e).overflowX;
			if (o != "visible" && e.scrollWidth > e.clientWidth + 1)
				fault("cut: " + name(e));
		}
		/* Texts of a picture: inside it, of a size that can be read, and apart. */
		for (const svg of document.querySelectorAll("svg")) {
			const box = svg.getBoundingClientRect();
			const texts = [...svg.querySelectorAll("text")].map(e => [e, e.getBoundingClientRect()]);
			if (!box.width || !box.height)
				fault("no size: " + name(svg));
			texts.forEach(([e, r], i) => {
				if (r.left < box.left - 3 || r.right > box.right + 3 || r.top < box.top - 3 || r.bottom > box.bottom + 3)
					fault("outside of its picture: " + svg.querySelector("title").textContent + ": " + name(e));
				if (!paper && r.height < 9.9)
					fault("too small (" + r.height + "): " + name(e));
				for (const [f, s] of texts.slice(i + 1))
					if (overlap(r, s, 0.5))
						fault("overlap in " + svg.querySelector("title").textContent + ": " + name(e) + " and " + name(f));
			});
		}
		/* What stands in a square of a matrix fits it. */
		for (const td of document.querySelectorAll(".matrix td")) {
			const r = td.getBoundingClientRect();
			for (const s of td.querySelectorAll("span")) {
				const t = s.getBoundingClientRect();
				if (t.left < r.left - 0.5 || t.right > r.right + 0.5 || t.bottom > r.bottom + 0.5)
					fault("wider than its square: " + name(td));
			}
		}
		/* Blocks that follow one another do not lie on each other. */
		for (const parent of document.querySelectorAll("body, main, section, figure, .couple, ul, nav, dl")) {
			const all = [...parent.children].filter(e => e.checkVisibility()).map(e => [e, e.getBoundingClientRect()]);
			for (let i = 1; i < all.length; i++)
				if (overlap(all[i - 1][1], all[i][1], 1))
					fault("one on the other: " + name(all[i - 1][0]) + " and " + name(all[i][0]));
		}
		return done();
	};

	/* Where a key leads in the JSON; names may hold slashes, so that each way is tried. undefined:
	 * nowhere. "*" is any name, "+" adds. */
	const steps = (at, parts) => {
		if (!parts.length)
			return [at];
		if (at === null || typeof at != "object")
			return [];
		if (parts[0] == "*")
			return Object.values(at).flatMap(v => steps(v, parts.slice(1)));
		for (let n = 1; n <= parts.length; n++) {
			const key = parts.slice(0, n).join("/");
			if (Object.hasOwn(at, key)) {
				const found = steps(at[key], parts.slice(n));
				if (found.length)
					return found;
			}
		}
		return [];
	};
	const look = (json, key) => {
		let found = steps(json, key.split("/"));
		if (!found.length && key.includes("*"))
			found = key.split("+").flatMap(k => steps(json, k.split("/"))).concat([0]);
		return found.length < 2 ? found[0] : found.reduce((a, b) => a + b, 0);
	};
	/* What people read, in ns; NaN for a dash. */
	const units = {"ns": 1, "\u00b5s": 1e3, "ms": 1e6, "s": 1e9};
	const read = e => {
		const text = e.textContent.replace("\u2212", "-").replace(/\u202f/g, "");
		const m = text.match(/^([-+]?[0-9.]+)(?:\u00a0(\S+)|(%))?$/);
		if (!m)
			return [NaN, 0];
		const digits = (m[1].split(".")[1] || "").length;
		/* A bound without a unit has that of the figure before it. */
		const of = m[2] || (e.parentElement.className == "ci" ?
			e.parentElement.previousElementSibling.textContent.split("\u00a0")[1] : "");
		const unit = m[3] ? 0.01 : units[of] || 1;
		return [m[1] * unit, 0.5001 * unit * 10 ** -digits];
	};

	/* Each figure of the page is the JSON's, and reads like it. */
	const figures = json => {
		let count = 0;
		for (const e of document.querySelectorAll("[data-key]")) {
			const key = e.dataset.key, value = e.dataset.value, wanted = look(json, key);
			count++;
			if (wanted === undefined) {
				fault("not in the JSON: " + key);
			} else if (wanted === null ? value != "null" : Number(value) !== wanted) {
				fault(key + ": page " + value + ", JSON " + wanted);
			} else if (!key.includes("stamps_ns")) {
				const [shown, half] = read(e);
				if (wanted === null ? !isNaN(shown) : !(Math.abs(shown - wanted) <= half))
					fault(key + ": reads " + e.textContent + ", JSON " + wanted);
			}
		}
		for (const e of document.querySelectorAll("[data-text]")) {
			const wanted = look(json, e.dataset.text);
			count++;
			if (wanted === undefined || e.textContent.replace(/\u00a0\u00b5s/g, " us") != wanted.replace(/[\x00-\x1f\x7f]/g, c => "\t\n\r".includes(c) ? " " : "\ufffd"))
				fault(e.dataset.text + ": page \"" + e.textContent + "\", JSON \"" + wanted + "\"");
		}
		return done() || "" + count;
	};

	/* Each figure of the JSON that the page promises is in it. */
	const missing = json => {
		const there = new Set([...document.querySelectorAll("[data-key]")].map(e => e.dataset.key));
		const need = key => there.has(key) || fault("not in the page: " + key);
		let count = 0;
		const set = (stem, f, names, plain) => {
			for (const n of names)
				for (const [part, v] of Object.entries(f[n]))
					if (part == "value" || v !== null)
						count++, need(stem + "/" + n + "/" + part);
			for (const n of plain)
				count++, need(stem + "/" + n);
		};
		const five = ["median_abs_ns", "rms_ns", "p99_abs_ns", "bias_ns", "delay_ns"];
		for (const [asks, a] of Object.entries(json.cells))
			for (const [answers, b] of Object.entries(a))
				for (const [mode, c] of Object.entries(b))
					for (const k of ["idle", "loaded"])
						if (c.known && c[k])
							set(["cells", asks, answers, mode, k].join("/"), c[k], five,
								["samples", "outliers", "delay_sd_ns", "max_abs_ns", "interleaved_share"]);
		for (const [mode, a] of Object.entries(json.groups))
			for (const [group, b] of Object.entries(a)) {
				set(["groups", mode, group, "idle"].join("/"), b.idle, five, ["samples"]);
				if (b.loaded)
					set(["groups", mode, group, "loaded"].join("/"), b.loaded, ["rms_ns", "p99_abs_ns"], ["samples", "outliers"]);
			}
		/* The page lists the farthest fifty. */
		json.outliers.slice(0, 50).forEach((o, i) => {
			count += 2;
			need("outliers/" + i + "/offset_ns");
			need("outliers/" + i + "/delay_ns");
			(o.stamps_ns || []).forEach((t, k) => (count++, need("outliers/" + i + "/stamps_ns/" + k)));
		});
		["outlier_count", "repeats"].forEach(key => (count++, need(key)));
		const texts = new Set([...document.querySelectorAll("[data-text]")].map(e => e.dataset.text));
		json.findings.forEach((f, i) => (count++, texts.has("findings/" + i + "/text") || fault("finding " + i + " is not in the page")));
		return done() || "" + count;
	};

	/* Which colours has it: light or dark? */
	const shade = () => {
		const light = c => c.match(/[\d.]+/g).slice(0, 3).reduce((a, b) => a + b / 765, 0);
		const s = getComputedStyle(document.body);
		return light(s.backgroundColor) > light(s.color) ? "light" : "dark";
	};
	/* Texts of pictures, whose contrast axe-core leaves to us: 4.5 at least (WCAG 2.1, 1.4.3). */
	const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
	const luminance = c => c.match(/[\d.]+/g).slice(0, 3).reduce((sum, v, i) => sum + channel(+v) * [0.2126, 0.7152, 0.0722][i], 0);
	const contrasts = () => {
		const ground = luminance(getComputedStyle(document.body).backgroundColor);
		for (const e of document.querySelectorAll("svg text")) {
			const ink = luminance(getComputedStyle(e).fill);
			const c = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
			if (c < 4.5)
				fault("contrast " + c.toFixed(1) + ": " + name(e));
		}
	};
	const view = (scheme, paper) => {
		if (shade() != scheme)
			fault("it is " + shade());
		contrasts();
		return layout(paper);
	};

	const axe_run = async () => {
		document.querySelectorAll("details").forEach(d => d.open = true);
		const found = await axe.run(document, {resultTypes: ["violations", "incomplete"]});
		for (const v of found.violations)
			for (const n of v.nodes.slice(0, 3))
				fault(v.id + ": " + n.target.join(" ") + ": " + (n.failureSummary || "").split("\n")[1]);
		return done() || "" + found.passes.length;
	};

	window.page_test = {view, figures, missing, axe_run};
})()
