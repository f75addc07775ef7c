// Copyright (c) 2026, Prometheus Fleet contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A table of any length: rows of one height, of which only those in sight are in the document. It is a grid with one row
// in the tab order; arrow keys move through it, and the first cell's link opens the row.

const OVERSCAN = 6;

class RowTable {
  // columns: [{key, title, wide, number, pin, width, compare, head}]; cells(item) gives a th or td for each column.
  constructor({ frame, label, columns, rowHeight, cells, keyOf, empty, onKey, onCurrent, sort, afterRows }) {
    Object.assign(this, { frame, columns, rowHeight, cells, keyOf, empty, onKey, onCurrent, afterRows });
    this.sort = sort;
    this.items = [];
    this.shown = new Map();
    this.current = 0;
    this.everything = false;
    this.body = el("tbody");
    this.head = el("tr", { "aria-rowindex": 1 }, columns.map((column) => this.#heading(column)));
    this.table = el(
      "table",
      { role: "grid", "aria-label": label, "aria-readonly": "true", "aria-colcount": columns.length },
      el("colgroup", {}, columns.map((column) => this.#column(column))),
      el("thead", {}, this.head),
      this.body,
    );
    frame.replaceChildren(this.table);
    frame.addEventListener("scroll", oncePerFrame(() => this.draw()), { passive: true });
    this.table.addEventListener("keydown", (event) => this.#key(event));
    this.table.addEventListener("focusin", (event) => this.#focused(event));
    new ResizeObserver(oncePerFrame(() => this.draw())).observe(frame);
  }

  #column(column) {
    const node = el("col", { class: column.wide ? "wide" : null });
    if (column.width) node.style.width = column.width;
    return node;
  }

  #heading(column) {
    const kind = [column.pin && "pin", column.wide && "wide", column.number && "number", column.class].filter(Boolean).join(" ");
    const content = column.compare
      ? el("button", { type: "button", onclick: () => this.sortBy(column.key) }, column.title)
      : column.head ?? column.title;
    return el("th", { scope: "col", class: kind || null, "data-key": column.key }, content);
  }

  sortBy(key) {
    const column = this.columns.find((candidate) => candidate.key === key);
    const first = column.number ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    this.sort = { key, direction: this.sort.key === key && this.sort.direction === first ? other : first };
    this.show(this.items);
  }

  #sorted(items) {
    const { key, direction } = this.sort;
    const column = this.columns.find((candidate) => candidate.key === key);
    const sign = direction === "descending" ? -1 : 1;
    return [...items].sort((a, b) => sign * column.compare(a, b) || a.number - b.number);
  }

  // Show these items, in the order of the sort; the current row stays on its item where that is still here.
  show(items) {
    const held = this.items[this.current];
    this.items = this.#sorted(items);
    const index = held === undefined ? -1 : this.items.indexOf(held);
    this.current = Math.max(0, index);
    for (const cell of this.head.children) {
      if (cell.dataset.key === this.sort.key) cell.setAttribute("aria-sort", this.sort.direction);
      else cell.removeAttribute("aria-sort");
    }
    this.table.setAttribute("aria-rowcount", this.items.length + 1);
    this.clear();
    this.draw();
  }

  // Mark the row of the item that is open in the panel, or none.
  open(item) {
    this.opened = item;
    for (const [index, row] of this.shown) row.classList.toggle("opened", this.items[index] === item);
  }

  clear() {
    this.shown.clear();
    this.body.replaceChildren();
  }

  // Put the rows in sight into the document; rows that are there already are kept, so that focus stays.
  draw() {
    const total = this.items.length;
    // The frame grows with its rows up to a part of the window, so its own height says nothing before they are there.
    const room = window.innerHeight;
    const top = Math.max(0, this.frame.scrollTop - this.head.offsetHeight);
    const first = this.everything ? 0 : Math.max(0, Math.floor(top / this.rowHeight) - OVERSCAN);
    const last = this.everything ? total : Math.min(total, Math.ceil((top + room) / this.rowHeight) + OVERSCAN);
    for (const [index, row] of this.shown) {
      if (index < first || index >= last) {
        row.remove();
        this.shown.delete(index);
      }
    }
    this.body.querySelectorAll("tr.gap, tr.empty").forEach((row) => row.remove());
    let before = null;
    for (let index = last - 1; index >= first; index -= 1) {
      let row = this.shown.get(index);
      if (!row) {
        row = this.#row(index);
        this.shown.set(index, row);
        this.body.insertBefore(row, before);
      }
      before = row;
    }
    if (total === 0) this.body.append(el("tr", { class: "empty" }, el("td", { colspan: [...this.head.children].filter((cell) => cell.offsetWidth > 0).length }, this.empty)));
    if (first > 0) this.body.prepend(this.#gap(first));
    if (last < total) this.body.append(this.#gap(total - last));
    // Scrolled away from the current row, another must be in the tab order in its place.
    for (const [index, row] of this.shown) {
      const stop = index === this.current || (!this.shown.has(this.current) && index === Math.min(first + OVERSCAN, last - 1));
      row.querySelector("a")?.setAttribute("tabindex", stop ? "0" : "-1");
    }
    this.afterRows?.(this.shown);
  }

  #gap(rows) {
    const cell = el("td");
    cell.style.height = `${rows * this.rowHeight}px`;
    return el("tr", { class: "gap", "aria-hidden": "true" }, cell);
  }

  #row(index) {
    const item = this.items[index];
    const nodes = this.cells(item);
    nodes.forEach((node, number) => {
      const column = this.columns[number];
      node.classList.add(...[column.pin && "pin", column.wide && "wide", column.number && "number", column.class].filter(Boolean));
    });
    const row = el("tr", { "aria-rowindex": index + 2, "data-index": index, class: index === this.current ? "current" : null }, nodes);
    row.classList.toggle("opened", item === this.opened);
    row.style.height = `${this.rowHeight}px`;
    return row;
  }

  #focused(event) {
    const row = event.target.closest("tr[data-index]");
    if (row) this.#become(Number(row.dataset.index));
  }

  #become(index) {
    const changed = index !== this.current;
    this.#mark(this.current, false);
    this.current = index;
    this.#mark(index, true);
    if (changed) this.onCurrent?.(this.items[index]);
  }

  #mark(index, on) {
    const row = this.shown.get(index);
    row?.classList.toggle("current", on);
    row?.querySelector("a")?.setAttribute("tabindex", on ? "0" : "-1");
  }

  // Bring a row into sight, make it the current one and, where asked, focus its link.
  goTo(index, focus) {
    if (!this.items.length) return;
    const target = Math.min(Math.max(index, 0), this.items.length - 1);
    const head = this.head.offsetHeight;
    const top = target * this.rowHeight;
    const room = this.frame.clientHeight - head - this.rowHeight;
    if (top < this.frame.scrollTop) this.frame.scrollTop = top;
    else if (top > this.frame.scrollTop + room) this.frame.scrollTop = top - room;
    this.draw();
    this.#become(target);
    if (focus) this.shown.get(target)?.querySelector("a")?.focus({ preventScroll: true });
  }

  goToItem(item, focus) {
    const index = this.items.indexOf(item);
    if (index >= 0) this.goTo(index, focus);
  }

  #key(event) {
    if (!event.target.closest("tr[data-index]") || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.frame.clientHeight / this.rowHeight) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    if (event.key in steps) this.goTo(this.current + steps[event.key], true);
    else if (event.key === "Home") this.goTo(0, true);
    else if (event.key === "End") this.goTo(this.items.length - 1, true);
    else if (!this.onKey?.(event, this.items[this.current])) return;
    event.preventDefault();
  }
}
