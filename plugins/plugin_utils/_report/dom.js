// Copyright (c) 2026, Prometheus Fleet contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Building the document. Text only ever becomes a text node: the page's policy refuses markup made from strings.

const byId = (id) => document.getElementById(id);

// Make an element. Attributes that are null, undefined or false are left out; children may be nodes, text or lists of both.
function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const integers = new Intl.NumberFormat("en");
const collator = new Intl.Collator("en", { numeric: true });

const count = (number) => integers.format(number);
const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

function seconds(value) {
  if (value === null || value === undefined) return "–";
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} s`;
}

function bytes(value) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

// A moment as the store writes it ("2025-11-12T14:03:22Z"), short, in the reader's time zone, which it names: a page is
// mailed and printed. Text that is no moment stays as it is.
function moment(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return String(text);
  return date.toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
}

const place = (file, line) => (line ? `${file}:${line}` : String(file));

function announce(text) {
  byId("announcer").textContent = text;
}

// Call at most once for each frame, however often it is asked for.
function oncePerFrame(callback) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      callback();
    });
  };
}

// Fill a select with [value, text] pairs; the first is chosen.
function options(select, pairs) {
  select.replaceChildren(...pairs.map(([value, text]) => el("option", { value }, text)));
}

const distinct = (values) => [...new Set(values)].sort(collator.compare);
