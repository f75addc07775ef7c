// Copyright (c) 2026, Prometheus Fleet contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The fields × servers matrix: a table of fields whose last column is a strip with a cell for each server. A strip is one
// canvas as wide as what is in sight, however many servers there are; what it shows is said in text beside it.

const ROW_HEIGHT = 40;
const CELL_WIDTH = { least: 8, crowded: 4, most: 32, named: 15 };
const CROWD = 200;
const NAME_HEIGHT = 12;
const HEAD_HEIGHT = { least: 56, most: 168 };
const CELL_HEIGHT = [3, 14, 24, 14];
const PRINT = { width: 420, row: 28, scale: 2 };

const STATES = [
  ["all", "all fields", () => true],
  ["different", "made otherwise somewhere", (field) => field.counts[CELL.otherwise] > 0],
  ["absent", "absent somewhere", (field) => field.absentSomewhere],
  ["same", "the same everywhere", (field) => field.ways.length === 1 && !field.absentSomewhere],
  ["findings", "with findings", (field) => field.findings.length > 0],
];

class Matrix {
  constructor(model, inspect) {
    this.model = model;
    this.inspect = inspect;
    this.columns = model.servers;
    this.cursor = -1;
    this.hovered = -1;
    this.frame = byId("fields-frame");
    this.font = `12px ${getComputedStyle(this.frame).fontFamily}`;
    this.domain = commonDomain(model.servers.map((server) => server.name));
    this.headHeight = this.#headHeight();
    this.headCanvas = el("canvas", { role: "img", "aria-label": "Server names; the search and the marked cell say them in text" });
    this.table = new RowTable({
      frame: this.frame,
      label: "Fields and the servers that make them",
      rowHeight: ROW_HEIGHT,
      columns: this.#tableColumns(),
      sort: { key: "name", direction: "ascending" },
      cells: (field) => this.#cells(field),
      empty: model.fields.length ? "No field fits." : "No fields were found.",
      onKey: (event, field) => this.#key(event, field),
      onCurrent: () => this.cursor >= 0 && this.#announceCell(),
      afterRows: () => this.paint(),
    });
    this.frame.addEventListener("pointermove", (event) => this.#hover(event));
    this.frame.addEventListener("pointerleave", () => this.#leave());
    this.frame.addEventListener("click", (event) => this.#click(event));
    this.#controls();
  }

  // As high as the longest name needs, within bounds.
  #headHeight() {
    const pen = el("canvas").getContext("2d");
    pen.font = this.font;
    const longest = Math.max(0, ...this.columns.map((server) => pen.measureText(this.#short(server)).width));
    return Math.round(Math.min(HEAD_HEIGHT.most, Math.max(HEAD_HEIGHT.least, longest + 14)));
  }

  #short(server) {
    return server.name.slice(0, server.name.length - this.domain.length);
  }

  #tableColumns() {
    const by = (value) => (a, b) => value(a) - value(b);
    const stored = this.model.published
      ? [{ key: "status", title: "Store", width: "6.75rem", wide: true, compare: (a, b) => collator.compare(a.status ?? "", b.status ?? "") }]
      : [];
    return [
      { key: "name", title: "Field", pin: true, class: "two", width: "var(--name-width)", compare: (a, b) => collator.compare(a.name, b.name) },
      { key: "origin", title: "Origin", width: "8rem", wide: true, compare: (a, b) => collator.compare(a.origin ?? "", b.origin ?? "") },
      { key: "made", title: "Servers", width: "5.5rem", number: true, compare: by((field) => field.made) },
      { key: "ways", title: "Ways", width: "4.25rem", number: true, wide: true, compare: by((field) => field.ways.length) },
      { key: "findings", title: "Findings", width: "6rem", wide: true, number: true, compare: by((field) => field.findings.length * 4 - field.worst) },
      ...stored,
      { key: "strip", title: "Servers", class: "strip", head: this.headCanvas },
    ];
  }

  #cells(field) {
    const name = el("th", { scope: "row" }, el("a", { href: `#field-${encodeURIComponent(field.name)}`, tabindex: "-1" }, field.name));
    const under = field.source_label ?? (field.display_name === field.name ? null : field.display_name);
    if (under) name.append(el("small", {}, under));
    name.title = under ? `${field.name}\n${under}` : field.name;
    const found = field.findings.length
      ? el("span", { class: `badge ${severityClass(field.findings[0].severity)}` }, count(field.findings.length))
      : null;
    const nodes = [
      name,
      el("td", {}, (field.origin ?? "").replaceAll("_", " ")),
      el("td", {}, `${count(field.made)} / ${count(this.model.servers.length - field.counts[CELL.unknown])}`),
      el("td", {}, count(field.ways.length)),
      el("td", {}, found),
    ];
    if (this.model.published) {
      nodes.push(el("td", {}, field.status ? el("span", { class: `badge ${storeClass(field.status)}` }, field.status) : null));
    }
    const canvas = el("canvas", { role: "img", "aria-label": cellSummary(field) });
    canvas.field = field;
    nodes.push(el("td", {}, canvas));
    return nodes;
  }

  #controls() {
    options(byId("fields-state"), STATES.map(([value, text]) => [value, text]));
    options(byId("fields-origin"), [["", "any"], ...distinct(this.model.fields.map((field) => field.origin ?? "")).filter(Boolean).map((value) => [value, value.replaceAll("_", " ")])]);
    const statuses = distinct(this.model.fields.map((field) => field.status ?? "")).filter(Boolean);
    options(byId("fields-status"), [["", "any"], ...statuses.map((value) => [value, value])]);
    byId("fields-status-label").hidden = !this.model.published;
    for (const id of ["fields-search", "fields-state", "fields-origin", "fields-status"]) {
      byId(id).addEventListener("input", () => this.filter());
    }
    for (const id of ["columns-search", "columns-order"]) byId(id).addEventListener("input", () => this.filterColumns());
    this.filterColumns();
    this.filter();
  }

  filter() {
    const fits = matcher(byId("fields-search").value);
    const state = STATES.find(([value]) => value === byId("fields-state").value)[2];
    const origin = byId("fields-origin").value;
    const status = byId("fields-status").value;
    const fields = this.model.fields.filter(
      (field) => fits(field.haystack) && state(field) && (!origin || field.origin === origin) && (!status || field.status === status),
    );
    this.table.show(fields);
    this.#count();
  }

  filterColumns() {
    const fits = matcher(byId("columns-search").value);
    this.columns = this.model.servers.filter((server) => fits(server.name.toLowerCase()));
    if (byId("columns-order").value === "difference") {
      this.columns.sort((a, b) => b.differences - a.differences || Number(a.answered) - Number(b.answered) || a.number - b.number);
    }
    this.cursor = -1;
    this.hovered = -1;
    this.frame.scrollLeft = 0;
    this.paint();
    this.#count();
  }

  #count() {
    const fields = this.table.items.length;
    const all = this.model.fields.length;
    const servers = this.columns.length;
    const shown = fields === all ? plural(all, "field") : `${count(fields)} of ${plural(all, "field")}`;
    const on = servers === this.model.servers.length ? plural(servers, "server") : `${count(servers)} of ${plural(this.model.servers.length, "server")}`;
    byId("fields-count").textContent = `${shown} on ${on}`;
  }

  // The geometry of the strips: where they start, what is in sight, how wide a cell is.
  #layout() {
    const pinned = this.table.head.firstElementChild.offsetWidth;
    const start = [...this.table.head.children].slice(0, -1).reduce((sum, cell) => sum + cell.offsetWidth, 0);
    const room = Math.max(80, this.frame.clientWidth - start);
    const width = Math.min(CELL_WIDTH.most, Math.max(this.columns.length > CROWD ? CELL_WIDTH.crowded : CELL_WIDTH.least, room / Math.max(1, this.columns.length)));
    const total = Math.max(room, Math.ceil(width * this.columns.length));
    const sight = Math.min(total, Math.max(80, this.frame.clientWidth - pinned));
    const scrolled = Math.max(0, Math.min(this.frame.scrollLeft - (start - pinned), total - sight));
    return { pinned, start, width, total, sight, scrolled, row: ROW_HEIGHT };
  }

  #colours() {
    const colours = [];
    for (const [name, cell] of Object.entries(CELL)) colours[cell] = getComputedStyle(document.querySelector(`#legend .${name}`)).color;
    const { color } = getComputedStyle(byId("fields-count"));
    const accent = getComputedStyle(document.querySelector(".bar nav a")).color;
    return { cells: colours, text: color, mark: accent };
  }

  paint() {
    if (!this.table || this.printing) return;
    const layout = this.#layout();
    this.layout = layout;
    const colours = this.#colours();
    // A filler cell's width makes the table as wide as all servers are; the canvas only covers what is in sight.
    this.table.table.style.width = `${layout.start + layout.total}px`;
    this.#paintHead(layout, colours);
    for (const row of this.table.shown.values()) {
      const canvas = row.lastElementChild.firstElementChild;
      canvas.style.left = `${layout.pinned}px`;
      const pen = this.#pen(canvas, layout.sight, ROW_HEIGHT - 1);
      this.#paintStrip(pen, canvas.field, layout, colours, row.classList.contains("current"));
    }
  }

  #pen(canvas, width, height, scale = window.devicePixelRatio || 1) {
    const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== across || canvas.height !== down) {
      canvas.width = across;
      canvas.height = down;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    return pen;
  }

  #paintStrip(pen, field, layout, colours, current) {
    const { width, scrolled, sight, row } = layout;
    const first = Math.max(0, Math.floor(scrolled / width));
    const last = Math.min(this.columns.length, Math.ceil((scrolled + sight) / width));
    const gap = width >= 8 ? 2 : width >= 5 ? 1 : 0;
    const middle = (row - 1) / 2;
    const cellAt = (index) => field.cells[this.columns[index].number];
    if (this.hovered >= first && this.hovered < last) this.#band(pen, this.hovered * width - scrolled, width, colours, 0.18);
    for (let index = first, end; index < last; index = end) {
      const cell = cellAt(index);
      end = index + 1;
      // Without gaps, equal neighbours are one bar: the edges of cells narrower than a pixel would shine through.
      while (gap === 0 && end < last && cellAt(end) === cell) end += 1;
      const left = index * width - scrolled;
      const span = (end - index) * width - gap;
      const height = CELL_HEIGHT[cell];
      const top = Math.round(middle - height / 2);
      pen.fillStyle = colours.cells[cell];
      if (cell === CELL.unknown) {
        pen.fillRect(left, top, span, 1.5);
        pen.fillRect(left, top + height - 1.5, span, 1.5);
        pen.globalAlpha = 0.2;
      }
      pen.fillRect(left, top, span, height);
      pen.globalAlpha = 1;
    }
    if (current && this.cursor >= first && this.cursor < last) {
      pen.strokeStyle = colours.mark;
      pen.lineWidth = 2;
      pen.strokeRect(this.cursor * width - scrolled - 1, 3, Math.max(4, width - gap + 2), ROW_HEIGHT - 7);
    }
  }

  #band(pen, left, width, colours, strength) {
    pen.globalAlpha = strength;
    pen.fillStyle = colours.mark;
    pen.fillRect(left, 0, width, ROW_HEIGHT);
    pen.globalAlpha = 1;
  }

  // Names stand upright where cells are wide enough, else one name in so many as fit.
  #paintHead(layout, colours) {
    const height = this.headHeight;
    const pen = this.#pen(this.headCanvas, layout.sight, height, layout.scale);
    this.headCanvas.style.left = `${layout.pinned}px`;
    const { width, scrolled, sight } = layout;
    const step = Math.max(1, Math.ceil(CELL_WIDTH.named / width));
    pen.font = this.font;
    pen.textBaseline = "middle";
    const first = Math.max(0, Math.floor(scrolled / width / step) * step - step);
    const last = Math.min(this.columns.length, Math.ceil((scrolled + sight) / width));
    for (let index = first, free = 0; index < last; index += step) {
      const centre = index * width - scrolled + (step > 1 ? width / 2 : (width - 2) / 2);
      // A name that would be cut by the edge is left out, but for the very first.
      const middle = index === 0 ? Math.max(8, centre) : centre;
      if (middle < Math.max(7, free) || middle > sight - 7) continue;
      free = middle + NAME_HEIGHT;
      pen.save();
      pen.translate(middle, height - 6);
      pen.rotate(-Math.PI / 2);
      pen.fillStyle = index === this.hovered || index === this.cursor ? colours.mark : colours.text;
      pen.fillText(fitted(pen, this.#short(this.columns[index]), height - 12), 0, 0);
      pen.restore();
      if (step > 1) {
        pen.fillStyle = colours.cells[CELL.absent];
        pen.fillRect(centre - 0.5, height - 4, 1, 4);
      }
    }
  }

  #spot(event) {
    const canvas = event.target;
    if (!(canvas instanceof HTMLCanvasElement) || !this.layout) return null;
    const x = event.clientX - canvas.getBoundingClientRect().left + this.layout.scrolled;
    const index = Math.floor(x / this.layout.width);
    return index >= 0 && index < this.columns.length ? { index, server: this.columns[index], field: canvas.field } : null;
  }

  #hover(event) {
    const spot = this.#spot(event);
    const tip = byId("tip");
    tip.hidden = !spot;
    if ((spot?.index ?? -1) !== this.hovered) {
      this.hovered = spot?.index ?? -1;
      this.paint();
    }
    if (!spot) return;
    tip.textContent = spot.field ? `${spot.server.name}: ${CELL_TEXT[spot.field.cells[spot.server.number]]}` : spot.server.name;
    const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${event.clientY + 18}px`;
  }

  #leave() {
    byId("tip").hidden = true;
    this.hovered = -1;
    this.paint();
  }

  #click(event) {
    const spot = this.#spot(event);
    if (!spot) return;
    if (spot.field) this.inspect("field", spot.field, spot.server);
    else this.inspect("server", spot.server);
  }

  #key(event, field) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step && this.columns.length) {
      this.cursor = Math.min(this.columns.length - 1, Math.max(-1, this.cursor + step));
      this.#cursorIntoSight();
      this.paint();
      this.#announceCell();
      return true;
    }
    if (event.key === "Enter" && this.cursor >= 0) {
      this.inspect("field", field, this.columns[this.cursor]);
      return true;
    }
    return false;
  }

  #cursorIntoSight() {
    const { width, pinned, start } = this.#layout();
    if (this.cursor < 0) {
      this.frame.scrollLeft = 0;
      return;
    }
    const left = start + this.cursor * width;
    const right = left + width;
    if (left - pinned < this.frame.scrollLeft) this.frame.scrollLeft = left - pinned;
    else if (right > this.frame.scrollLeft + this.frame.clientWidth) this.frame.scrollLeft = right - this.frame.clientWidth;
  }

  #announceCell() {
    const field = this.table.items[this.table.current];
    const server = this.columns[this.cursor];
    if (field) announce(server ? `${field.name} on ${server.name}: ${CELL_TEXT[field.cells[server.number]]}` : field.name);
  }

  // On paper nothing scrolls: every row, and all servers in a strip of one width.
  print(on) {
    this.printing = on;
    this.table.everything = on;
    this.table.draw();
    this.paperHead?.remove();
    this.headCanvas.hidden = on;
    if (!on) {
      this.paint();
      return;
    }
    this.table.table.style.width = "100%";
    const layout = { width: Math.min(CELL_WIDTH.most, PRINT.width / Math.max(1, this.columns.length)), scrolled: 0, sight: PRINT.width, pinned: 0, row: PRINT.row, scale: PRINT.scale };
    const colours = this.#colours();
    this.#paintHead(layout, colours);
    // The head of a table is repeated on every page, but not what is on a canvas in it.
    this.paperHead = el("img", { src: this.headCanvas.toDataURL(), width: PRINT.width, height: this.headHeight, alt: "" });
    this.headCanvas.after(this.paperHead);
    for (const row of this.table.shown.values()) {
      const canvas = row.lastElementChild.firstElementChild;
      this.#paintStrip(this.#pen(canvas, PRINT.width, PRINT.row - 1, PRINT.scale), canvas.field, layout, colours, false);
    }
  }
}

// The domain that all names end in (".example.net"), with its dot; empty where there is none.
function commonDomain(names) {
  if (names.length < 2) return "";
  const parts = names.map((name) => name.split("."));
  const shortest = Math.min(...parts.map((list) => list.length));
  let shared = 0;
  while (shared < shortest - 1 && parts.every((list) => list.at(-1 - shared) === parts[0].at(-1 - shared))) shared += 1;
  return shared ? `.${parts[0].slice(-shared).join(".")}` : "";
}

// The text, with its middle left out where it is too long.
function fitted(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  const characters = [...text];
  let kept = characters.length - 1;
  const cut = () => `${characters.slice(0, Math.ceil(kept / 2)).join("")}…${characters.slice(characters.length - Math.floor(kept / 2)).join("")}`;
  while (kept > 2 && pen.measureText(cut()).width > room) kept -= 1;
  return cut();
}
