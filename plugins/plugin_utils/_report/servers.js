// Copyright (c) 2026, Prometheus Fleet contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The servers: how each was read, what it gave, and how long that took.

class Servers {
  constructor(model) {
    this.model = model;
    // The scale of the bars: a server that never answered took as long as it was given, which would dwarf all others.
    this.scale = Math.max(0.001, ...model.servers.map((server) => (server.answered ? server.total ?? 0 : 0)));
    const by = (value) => (a, b) => value(a) - value(b);
    this.table = new RowTable({
      frame: byId("servers-frame"),
      label: "Servers",
      rowHeight: 34,
      sort: { key: "name", direction: "ascending" },
      empty: model.servers.length ? "No server fits." : "No servers were swept.",
      cells: (server) => this.#cells(server),
      columns: [
        { key: "name", title: "Server", pin: true, class: "two", width: "var(--server-width)", compare: (a, b) => collator.compare(a.name, b.name) },
        { key: "status", title: "Status", width: "var(--status-width)", compare: (a, b) => Number(a.answered) - Number(b.answered) || collator.compare(a.status ?? "", b.status ?? "") },
        { key: "files", title: "Files", width: "5rem", number: true, wide: true, compare: by((server) => server.files) },
        { key: "bytes", title: "Size", width: "6rem", number: true, wide: true, compare: by((server) => server.bytes) },
        { key: "fields", title: "Fields", width: "5rem", number: true, wide: true, compare: by((server) => server.fields) },
        { key: "differences", title: "Different", width: "6.5rem", number: true, wide: true, compare: by((server) => server.differences) },
        { key: "problems", title: "Problems", width: "6.25rem", number: true, wide: true, compare: by((server) => server.problems.length + server.unreadable.length) },
        { key: "time", title: "Time", number: true, width: "var(--time-width)", compare: by((server) => server.total ?? -1) },
      ],
    });
    const statuses = distinct(model.servers.map((server) => server.status ?? "unknown"));
    options(byId("servers-status"), [["", "any"], ...statuses.map((value) => [value, value.replaceAll("_", " ")])]);
    for (const id of ["servers-search", "servers-status"]) byId(id).addEventListener("input", () => this.filter());
    byId("servers-times").textContent = this.#times();
    this.filter();
  }

  filter() {
    const fits = matcher(byId("servers-search").value);
    const status = byId("servers-status").value;
    this.table.show(this.model.servers.filter((server) => fits(server.haystack) && (!status || (server.status ?? "unknown") === status)));
    const all = this.model.servers.length;
    const shown = this.table.items.length;
    byId("servers-count").textContent = shown === all ? plural(all, "server") : `${count(shown)} of ${plural(all, "server")}`;
  }

  #cells(server) {
    const problems = server.problems.length + server.unreadable.length;
    const badge = el("span", { class: `badge ${statusClass(server)}`, title: server.error }, (server.status ?? "unknown").replaceAll("_", " "));
    return [
      el("th", { scope: "row", title: server.name }, el("a", { href: serverHash(server.name), tabindex: "-1" }, server.name)),
      el("td", {}, badge),
      el("td", {}, server.files ? count(server.files) : "–"),
      el("td", {}, server.bytes ? bytes(server.bytes) : "–"),
      el("td", {}, count(server.fields)),
      el("td", {}, server.differences ? count(server.differences) : "–"),
      el("td", {}, problems ? el("span", { class: "badge warning" }, count(problems)) : "–"),
      el("td", {}, this.#bar(server)),
    ];
  }

  #bar(server) {
    const stack = el("div", { class: "stack" });
    if (server.total !== null) {
      let left = this.scale;
      for (const [name, value] of server.phases) {
        const part = el("i", { class: `phase ${name}` });
        part.style.width = `${(100 * Math.min(value, left)) / this.scale}%`;
        left = Math.max(0, left - value);
        stack.append(part);
      }
      stack.classList.toggle("over", server.total > this.scale);
      stack.title = server.phases.map(([name, value]) => `${name} ${seconds(value)}`).join(", ");
    }
    return el("div", { class: "bars" }, stack, el("span", {}, seconds(server.total)));
  }

  #times() {
    const timed = this.model.servers.filter((server) => server.total !== null).sort((a, b) => a.total - b.total);
    if (!timed.length) return "";
    const at = (share) => timed[Math.min(timed.length - 1, Math.floor(share * timed.length))];
    const slowest = timed[timed.length - 1];
    return `Half of them within ${seconds(at(0.5).total)}, 95 % within ${seconds(at(0.95).total)}, the slowest, ${slowest.name}, in ${seconds(slowest.total)}. The bars end at ${seconds(this.scale)}.`;
  }

  print(on) {
    this.table.everything = on;
    this.table.draw();
  }
}
