// Copyright (c) 2026, Prometheus Fleet contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The page as a whole: overview, links, theme, paper.

const model = readModel(JSON.parse(byId("data").textContent));
const findings = new Findings(model);
const matrix = new Matrix(model, inspect);
const servers = new Servers(model);
const inspector = new Inspector(model, (kind, item) => {
  matrix.table.open(kind === "field" ? item : null);
  servers.table.open(kind === "server" ? item : null);
});

function inspect(kind, item, on) {
  const hash = kind === "field" ? fieldHash(item.name) : serverHash(item.name);
  if (location.hash !== hash) history.pushState(null, "", hash);
  inspector.show(kind, item, on);
}

function stat(name, value, of, detail) {
  return el("div", { class: "stat" }, el("p", { class: "name" }, name), el("p", { class: "value" }, value, of ? el("small", {}, ` ${of}`) : null), el("p", { class: "detail" }, detail));
}

// "3 errors, 5 warnings" in their colours
function severities(list) {
  const parts = [["error", "error"], ["warning", "warning"], ["info", "note"]].map(([kind, word]) => [kind, word, list.filter((finding) => severityClass(finding.severity) === kind).length]);
  const nodes = parts.filter(([, , number]) => number).map(([kind, word, number]) => el("b", { class: kind }, plural(number, word)));
  return nodes.flatMap((node, index) => (index ? [", ", node] : [node]));
}

function overview() {
  byId("brand").textContent = model.title;
  byId("title").textContent = model.title;
  const when = el("time", { datetime: model.generated }, moment(model.generated));
  byId("when").append("Swept ", when);
  const answered = model.servers.filter((server) => server.answered).length;
  const different = model.fields.filter((field) => field.counts[CELL.otherwise] > 0).length;
  const partly = model.fields.filter((field) => field.absentSomewhere).length;
  const files = model.servers.reduce((sum, server) => sum + server.files, 0);
  const size = model.servers.reduce((sum, server) => sum + server.bytes, 0);
  const unchanged = model.servers.filter((server) => server.status === "unchanged").length;
  const given = [files ? `${plural(files, "file")}, ${bytes(size)}` : null, unchanged ? `${plural(unchanged, "server")} unchanged` : null];
  const missed = model.servers.length - answered;
  const found = model.findings.length ? severities(model.findings) : model.unchecked ? [] : ["nothing found"];
  const stats = [
    stat("Servers read", count(answered), `of ${count(model.servers.length)}`, missed ? el("b", { class: "error" }, `${count(missed)} not read`) : answered ? "all answered" : "none"),
    stat("Fields", count(model.fields.length), null, `${count(different)} made in more than one way, ${count(partly)} absent somewhere`),
    stat("Findings", count(model.findings.length), null, [found, found.length && model.unchecked ? "; " : "", model.unchecked]),
    stat("Sweep", model.summary.seconds === undefined ? "–" : seconds(model.summary.seconds), null, given.filter(Boolean).join("; ") || "no files"),
  ];
  if (model.published) {
    const { statuses } = model.published;
    const total = Object.entries(statuses).reduce((sum, [status, number]) => sum + (status === "missing" ? 0 : number), 0);
    const detail = Object.entries(statuses).map(([status, number]) => `${count(number)} ${status}`).join(", ");
    stats.push(stat("In the store", count(total), null, detail || "no fields"));
  }
  byId("stats").replaceChildren(...stats);
}

// Open what the address names, and say whether there is such a thing: the reader may have typed it.
function follow() {
  const match = /^#(field|server)-(.+)$/s.exec(location.hash);
  if (!match) return false;
  let name;
  try {
    name = decodeURIComponent(match[2]);
  } catch {
    return false;
  }
  const [map, table] = match[1] === "field" ? [model.fieldByName, matrix.table] : [model.serverByName, servers.table];
  const item = map.get(name);
  if (!item) {
    announce(`There is no ${match[1]} ${name}.`);
    return false;
  }
  table.goToItem(item, false);
  inspector.show(match[1], item);
  return true;
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function theme() {
  return document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
}

function themed() {
  byId("theme").textContent = theme() === "dark" ? "Light" : "Dark";
  byId("theme").setAttribute("aria-label", `Change to the ${theme() === "dark" ? "light" : "dark"} colours`);
  matrix.paint();
}

function turn() {
  document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
  themed();
}

let before;

function print(on) {
  if (on) {
    before = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    const entries = [...model.fields].sort((a, b) => collator.compare(a.name, b.name)).map((field) => el("div", { class: "entry" }, el("h3", { class: "mono" }, field.name), waysView(model, field)));
    byId("appendix-body").replaceChildren(...entries);
  } else {
    if (before === undefined) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = before;
    byId("appendix-body").replaceChildren();
  }
  byId("appendix").hidden = !on;
  findings.print(on);
  matrix.print(on);
  servers.print(on);
}

function key(event) {
  if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
  const typing = event.target.closest?.("input, select, textarea");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    byId("fields-search").focus();
  } else if (event.key === "Escape" && !typing) inspector.close();
}

overview();
themed();
if (follow()) byId(location.hash.startsWith("#field-") ? "fields" : "servers").scrollIntoView();
window.addEventListener("hashchange", follow);
window.addEventListener("popstate", () => {
  if (!/^#(field|server)-/.test(location.hash)) inspector.close();
});
window.addEventListener("beforeprint", () => print(true));
window.addEventListener("afterprint", () => print(false));
document.addEventListener("keydown", key);
byId("theme").addEventListener("click", turn);
dark.addEventListener("change", themed);
// A link to what is open already changes no address, and is followed all the same.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#field-"], a[href^="#server-"]');
  if (link && link.getAttribute("href") === location.hash) follow();
});
