// Copyright (c) 2026, Prometheus Fleet contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The panel at the side: all that is known of one field or of one server.

const NAMES_AT_ONCE = 8;
const LINKS_AT_MOST = 200;
const PRESENCE = new Map([["always", "on all that it is about"], ["conditional", "on some, as their metadata has it"]]);

const fieldHash = (name) => `#field-${encodeURIComponent(name)}`;
const serverHash = (name) => `#server-${encodeURIComponent(name)}`;

// Names of servers, linked: a few at once, more when asked for, the very many as text.
function serverNames(model, numbers) {
  const link = (number) => el("a", { href: serverHash(model.servers[number].name) }, model.servers[number].name);
  const spaced = (list) => list.flatMap((number) => [link(number), " "]);
  if (numbers.length <= NAMES_AT_ONCE) return el("p", { class: "names" }, spaced(numbers));
  const details = el("details", { class: "names" }, el("summary", {}, plural(numbers.length, "server")));
  details.fill = () => {
    if (details.children.length > 1) return;
    const more = numbers.slice(LINKS_AT_MOST).map((number) => model.servers[number].name);
    details.append(el("p", {}, spaced(numbers.slice(0, LINKS_AT_MOST)), more.join(" ")));
  };
  details.addEventListener("toggle", details.fill);
  return details;
}

function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el("dl", { class: "facts" }, known.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

const code = (text) => el("code", {}, String(text));
const codeOrNull = (text) => (text === null || text === undefined ? null : code(text === "" ? "(empty)" : text));

function block(title, ...content) {
  return el("section", { class: "block" }, el("h3", {}, title), content);
}

function coverage(field) {
  const bar = el("div", { class: "coverage", role: "img", "aria-label": cellSummary(field) });
  for (const [name, cell] of [["made", CELL.made], ["otherwise", CELL.otherwise], ["absent", CELL.absent], ["unknown", CELL.unknown]]) {
    if (!field.counts[cell]) continue;
    const part = el("i", { class: name });
    part.style.flexGrow = field.counts[cell];
    bar.append(part);
  }
  return [bar, el("p", { class: "muted" }, cellSummary(field))];
}

// A rule that writes what another one reads.
function feederText(rule) {
  const sources = rule.source_labels.length ? ` [${rule.source_labels.join(", ")}]` : "";
  const more = ["separator", "regex", "modulus", "replacement"].filter((key) => rule[key] !== null).map((key) => `, ${key} ${rule[key]}`);
  return `${rule.target_label} by ${rule.action}${sources}${more.join("")}`;
}

// One rule in the words of its configuration, with the places where it stands.
function ruleView(model, rule, everywhere) {
  const says = el("p", { class: "says" }, el("b", {}, [rule.stage, rule.action].filter(Boolean).join(" · ")));
  const parts = [
    ["source_labels", rule.source_labels?.length ? `[${rule.source_labels.join(", ")}]` : null],
    ["separator", rule.source_labels?.length > 1 ? rule.separator : null],
    ["regex", rule.regex],
    ["modulus", rule.modulus],
    ["target_label", rule.target_label],
    ["replacement", rule.replacement],
    ...(rule.through ?? []).map((before) => ["after", feederText(before)]),
  ];
  for (const [key, value] of parts) {
    if (value !== null && value !== undefined) says.append(el("br"), el("span", { class: "muted" }, `${key}: `), JSON.stringify(value) === `"${value}"` && value !== "" ? value : JSON.stringify(value));
  }
  const places = rule.places.map((spot) => {
    const servers = numbersOf(spot.servers);
    const where = [code(place(spot.file, spot.line))];
    if (spot.jobs.length) where.push(el("span", { class: "muted" }, ` ${spot.jobs.length === 1 ? "job" : "jobs"} ${spot.jobs.join(", ")}`));
    if (spot.overwrites.length) where.push(el("span", { class: "muted" }, ` overwrites ${spot.overwrites.length === 1 ? "line" : "lines"} ${spot.overwrites.join(", ")}`));
    if (servers.length < everywhere) where.push(el("span", { class: "muted" }, ` on ${servers.length === 1 ? model.servers[servers[0]].name : plural(servers.length, "server")}`));
    return el("li", {}, where);
  });
  return el("div", { class: "rule" }, says, el("ul", { class: "places" }, places));
}

function waysView(model, field) {
  return field.ways.map((way, index) => {
    const servers = numbersOf(way.servers);
    const title = field.ways.length === 1 ? "One way" : index === 0 ? "The usual way" : "Otherwise";
    return el(
      "div",
      { class: index === 0 ? "way usual" : "way" },
      el("h4", {}, `${title}, on ${plural(servers.length, "server")}`),
      way.rules.length ? way.rules.map((rule) => ruleView(model, rule, servers.length)) : el("p", { class: "muted" }, "No rule is known for it."),
      serverNames(model, servers),
    );
  });
}

function findingLines(model, findings) {
  return findings.map((finding) => el("p", {}, el("span", { class: `badge ${severityClass(finding.severity)}` }, finding.severity ?? "note"), " ", finding.message ?? finding.kind));
}

function fieldView(model, field, server) {
  const parts = [];
  if (server) {
    const way = field.ways.findIndex((candidate) => numbersOf(candidate.servers).includes(server.number));
    const text = way > 0 ? "made otherwise" : CELL_TEXT[field.cells[server.number]];
    parts.push(el("p", { class: "notice" }, "On ", el("a", { href: serverHash(server.name) }, server.name), `: ${text}`));
  }
  parts.push(facts([
    ["Shown as", field.display_name],
    ["Origin", field.origin?.replaceAll("_", " ")],
    ["Source label", codeOrNull(field.source_label)],
    ["Regex", codeOrNull(field.regex)],
    ["Replacement", codeOrNull(field.replacement)],
    ["On targets", PRESENCE.get(field.presence)],
    ["In the store", field.status ? el("span", { class: `badge ${storeClass(field.status)}` }, field.status) : null],
    ["First seen", field.first_seen ? moment(field.first_seen) : null],
    ["Orphan since", field.orphaned_since ? moment(field.orphaned_since) : null],
  ]));
  parts.push(block("On the servers", coverage(field)));
  if (field.findings.length) parts.push(block("Findings", findingLines(model, field.findings)));
  if (field.ways.length) parts.push(block("How it is made", waysView(model, field)));
  for (const [title, cell] of [["Absent on", CELL.absent], ["Not known on", CELL.unknown]]) {
    const numbers = [...field.cells.keys()].filter((number) => field.cells[number] === cell);
    if (numbers.length) parts.push(block(title, serverNames(model, numbers)));
  }
  if (field.values.length) {
    const more = field.values_total - field.values.length;
    parts.push(block("Values seen in the configuration", el("p", { class: "chips" }, field.values.map((value) => [code(value), " "])), more > 0 ? el("p", { class: "muted" }, `and ${count(more)} more`) : null));
  }
  return parts;
}

function serverView(model, server) {
  const parts = [];
  if (server.error) parts.push(el("p", { class: "notice" }, server.error));
  parts.push(facts([
    ["Status", el("span", { class: `badge ${statusClass(server)}` }, server.status ?? "unknown")],
    ["Configuration", server.config === "refused" ? el("span", { class: "badge error" }, "refused by Prometheus") : server.config],
    ["Endpoint", codeOrNull(server.endpoint)],
    ["Transport", server.transport],
    ["Attempts", server.attempts > 1 ? count(server.attempts) : null],
    ["Time", server.total === null ? null : `${seconds(server.total)} (${server.phases.map(([name, value]) => `${name} ${seconds(value)}`).join(", ")})`],
    ["Files", server.files ? `${count(server.files)}, ${bytes(server.bytes)}` : null],
    ["Digest", server.digest ? code(server.digest.slice(0, 16)) : null],
    ["Fields", count(server.fields)],
    ["Jobs", server.jobs.length ? server.jobs.join(", ") : null],
  ]));
  const labels = Object.entries(server.external_labels);
  if (labels.length) parts.push(block("External labels", facts(labels.map(([name, value]) => [el("code", {}, name), codeOrNull(value)]))));
  const about = model.findings.filter((finding) => finding.servers.includes(server.number) && finding.source !== "config");
  if (about.length) parts.push(block("Findings", findingLines(model, about)));
  const troubles = [...server.unreadable, ...server.problems];
  if (troubles.length) parts.push(block("Problems in its files", troubles.map((problem) => el("p", {}, code(place(problem.file, problem.line)), " ", problem.message))));
  for (const [title, cell] of [["Made otherwise here", CELL.otherwise], ["Absent here", CELL.absent]]) {
    const fields = model.fields.filter((field) => field.ways.length && field.cells[server.number] === cell).sort((a, b) => collator.compare(a.name, b.name));
    if (fields.length) parts.push(block(`${title} (${count(fields.length)})`, el("p", { class: "names" }, fields.flatMap((field) => [el("a", { href: fieldHash(field.name) }, field.name), " "]))));
  }
  return parts;
}

class Inspector {
  // onOpen is told what is open, null for nothing.
  constructor(model, onOpen) {
    this.model = model;
    this.onOpen = onOpen;
    this.panel = byId("inspector");
    this.opener = null;
    this.narrow = window.matchMedia("(max-width: 44rem)");
    this.narrow.addEventListener("change", () => this.#inert());
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  get open() {
    return !this.panel.hidden;
  }

  // kind: "field" or "server"; on: the server whose cell was asked about.
  show(kind, item, on) {
    if (!this.open) this.opener = document.activeElement;
    const hash = kind === "field" ? fieldHash(item.name) : serverHash(item.name);
    const title = el("h2", { id: "inspector-title", tabindex: "-1" }, item.name);
    const top = el(
      "div",
      { class: "inspector-top" },
      el("div", {}, el("p", { class: "kind" }, kind === "field" ? "Field" : "Server", el("a", { href: hash }, "Link to this")), title),
      el("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => this.close() }, "✕"),
    );
    this.panel.replaceChildren(top, ...(kind === "field" ? fieldView(this.model, item, on) : serverView(this.model, item)).flat().filter(Boolean));
    this.panel.hidden = false;
    this.panel.scrollTop = 0;
    document.body.classList.add("inspecting");
    this.#inert();
    this.onOpen(kind, item);
    title.focus({ preventScroll: true });
  }

  close() {
    if (!this.open) return;
    this.panel.hidden = true;
    document.body.classList.remove("inspecting");
    this.#inert();
    this.onOpen(null, null);
    if (location.hash.startsWith("#field-") || location.hash.startsWith("#server-")) history.replaceState(null, "", `${location.pathname}${location.search}`);
    if (this.opener?.isConnected) this.opener.focus({ preventScroll: true });
    this.opener = null;
  }

  // On a narrow screen the panel covers the page, so nothing behind it may be reached.
  #inert() {
    byId("main").inert = this.open && this.narrow.matches;
  }
}
