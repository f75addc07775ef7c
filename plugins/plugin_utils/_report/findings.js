// Copyright (c) 2026, Prometheus Fleet contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What is wrong: drift, routes and configuration problems, the worst first.

const FINDINGS_AT_FIRST = 10;
const FINDINGS_MORE = 50;
const SOURCES = { drift: "Drift", route: "Routes", store: "Store", config: "Configuration" };

class Findings {
  constructor(model) {
    this.model = model;
    this.limit = FINDINGS_AT_FIRST;
    const severities = [...new Set(model.findings.map((finding) => finding.severity ?? "note"))];
    options(byId("findings-severity"), [["", "any"], ...severities.map((value) => [value, value])]);
    options(byId("findings-source"), [["", "all"], ...Object.entries(SOURCES)]);
    for (const id of ["findings-search", "findings-severity", "findings-source"]) {
      byId(id).addEventListener("input", () => {
        this.limit = FINDINGS_AT_FIRST;
        this.draw();
      });
    }
    byId("findings-more").addEventListener("click", () => this.more());
    byId("findings").querySelector(".tools").hidden = model.findings.length === 0;
    this.draw();
  }

  more() {
    const before = this.limit;
    this.limit += FINDINGS_MORE;
    this.draw();
    byId("findings-list").children[before]?.querySelector("a, summary")?.focus();
  }

  draw() {
    const fits = matcher(byId("findings-search").value);
    const severity = byId("findings-severity").value;
    const source = byId("findings-source").value;
    const fitting = this.model.findings.filter(
      (finding) => fits(finding.haystack) && (!severity || (finding.severity ?? "note") === severity) && (!source || finding.source === source),
    );
    const shown = fitting.slice(0, this.limit);
    byId("findings-list").replaceChildren(...shown.map((finding) => this.#line(finding)));
    const all = this.model.findings.length;
    byId("findings-count").textContent = all === 0 ? `None${this.model.unchecked && `; ${this.model.unchecked}`}.` : fitting.length === all ? plural(all, "finding") : `${count(fitting.length)} of ${plural(all, "finding")}`;
    byId("findings-more").hidden = shown.length === fitting.length;
    byId("findings-more").textContent = `Show ${Math.min(FINDINGS_MORE, fitting.length - shown.length)} more`;
  }

  // On paper all of those that fit the filter, with the names of their servers: nothing can be opened there.
  print(on) {
    const { limit } = this;
    if (on) this.limit = Infinity;
    this.draw();
    this.limit = limit;
    for (const details of on ? byId("findings-list").querySelectorAll("details") : []) {
      details.fill();
      details.open = true;
    }
  }

  #line(finding) {
    const known = finding.label && this.model.fieldByName.has(finding.label);
    const label = known ? el("a", { href: fieldHash(finding.label) }, finding.label) : finding.label ?? SOURCES[finding.source];
    const where = finding.file ? el("div", { class: "where mono" }, place(finding.file, finding.line)) : null;
    const doubt = finding.reasons.length ? el("div", { class: "where" }, `Not certain: ${finding.reasons.join("; ")}`) : null;
    const kind = finding.label && finding.kind ? el("div", { class: "where" }, `${SOURCES[finding.source]}: ${finding.kind.replaceAll("_", " ")}`) : null;
    return el(
      "li",
      {},
      el("div", {}, el("span", { class: `badge ${severityClass(finding.severity)}` }, finding.severity ?? "note")),
      el("div", {}, el("span", { class: finding.label ? "mono" : null }, label), kind),
      el("div", { class: "message" }, finding.message ?? "", where, doubt),
      el("div", { class: "who" }, finding.servers.length ? serverNames(this.model, finding.servers) : null),
    );
  }
}
