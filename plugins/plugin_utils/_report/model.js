// Copyright (c) 2026, Prometheus Fleet contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The data behind the page: the JSON that the page carries, with what follows from it.

const CELL = { absent: 0, made: 1, otherwise: 2, unknown: 3 };
const CELL_TEXT = ["absent", "made", "made otherwise", "not known"];
const SEVERITY_RANK = new Map(Object.entries({ critical: 0, error: 0, high: 0, warning: 1, medium: 1, info: 2, low: 2 }));
const STORE_CLASS = new Map(Object.entries({ synced: "good", missing: "warning", outdated: "warning", orphan: "error" }));

// "0-2,5" → [0, 1, 2, 5]
function numbersOf(ranges) {
  const numbers = [];
  for (const span of ranges ? ranges.split(",") : []) {
    const [first, last] = span.split("-").map(Number);
    for (let number = first; number <= (last ?? first); number += 1) numbers.push(number);
  }
  return numbers;
}

function severityClass(severity) {
  return ["error", "warning", "info"][SEVERITY_RANK.get(severity) ?? 2];
}

// Words that must all be found, in any order.
function matcher(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (haystack) => words.every((word) => haystack.includes(word));
}

function readModel(data) {
  const model = { ...data };
  model.unchecked = data.unchecked.length ? `${data.unchecked.join(" and ")} not checked` : "";
  model.findings = data.findings.map((finding, number) => readFinding(finding, number));
  model.findings.sort((a, b) => a.rank - b.rank || b.servers.length - a.servers.length || a.number - b.number);
  const byLabel = new Map();
  for (const finding of model.findings) {
    for (const label of finding.label ? [finding.label] : []) {
      byLabel.set(label, [...(byLabel.get(label) ?? []), finding]);
    }
  }
  model.fields = data.fields.map((field, number) => readField(field, number, data.servers, byLabel));
  model.servers = data.servers.map((server, number) => readServer(server, number));
  // An orphan is on no server, which is no difference between servers.
  for (const field of model.fields.filter((candidate) => candidate.ways.length)) {
    field.cells.forEach((cell, number) => {
      if (cell === CELL.otherwise || cell === CELL.absent) model.servers[number].differences += 1;
    });
  }
  for (const finding of model.findings) {
    for (const number of finding.servers) model.servers[number].findings += 1;
  }
  model.fieldByName = new Map(model.fields.map((field) => [field.name, field]));
  model.serverByName = new Map(model.servers.map((server) => [server.name, server]));
  return model;
}

function readFinding(finding, number) {
  const servers = numbersOf(finding.servers);
  const words = [finding.source, finding.kind, finding.severity, finding.label, finding.message, finding.file];
  return {
    ...finding,
    number,
    servers,
    rank: SEVERITY_RANK.get(finding.severity) ?? 2,
    haystack: words.filter(Boolean).join("\n").toLowerCase(),
  };
}

// A field with a cell for each server: the commonest way is "made", every other "made otherwise".
function readField(field, number, servers, byLabel) {
  const cells = new Uint8Array(servers.length);
  servers.forEach((server, index) => {
    cells[index] = server.known ? CELL.absent : CELL.unknown;
  });
  field.ways.forEach((way, index) => {
    for (const server of numbersOf(way.servers)) cells[server] = index === 0 ? CELL.made : CELL.otherwise;
  });
  const counts = [0, 0, 0, 0];
  for (const cell of cells) counts[cell] += 1;
  const rules = field.ways.flatMap((way) => way.rules);
  const words = [field.name, field.display_name, field.origin, field.source_label, field.regex];
  words.push(...rules.flatMap((rule) => [rule.regex, rule.stage, ...(rule.source_labels ?? [])]));
  words.push(...rules.flatMap((rule) => rule.places.flatMap((spot) => [place(spot.file, spot.line), ...spot.jobs])));
  const findings = byLabel.get(field.name) ?? [];
  return {
    ...field,
    number,
    cells,
    counts,
    findings,
    absentSomewhere: field.ways.length > 0 && counts[CELL.absent] > 0,
    made: counts[CELL.made] + counts[CELL.otherwise],
    worst: findings.length ? Math.min(...findings.map((finding) => finding.rank)) : 3,
    haystack: distinct(words.filter(Boolean).map(String)).join("\n").toLowerCase(),
  };
}

function readServer(server, number) {
  const [connect, transfer, total] = server.seconds ?? [0, 0, 0];
  const words = [server.name, server.status, server.endpoint, server.transport, server.error];
  return {
    ...server,
    number,
    differences: 0,
    findings: 0,
    total: server.seconds ? total : null,
    phases: [["connect", connect], ["transfer", transfer], ["other", Math.max(0, total - connect - transfer)]],
    haystack: words.filter(Boolean).join("\n").toLowerCase(),
  };
}

const statusClass = (server) => {
  if (!server.answered) return "error";
  return server.status === "partial" ? "warning" : "good";
};

const storeClass = (status) => STORE_CLASS.get(status) ?? "info";

function cellSummary(field) {
  const parts = CELL_TEXT.map((text, cell) => [field.counts[cell], text]).filter(([number]) => number > 0);
  return parts.sort((a, b) => b[0] - a[0]).map(([number, text]) => `${text} on ${count(number)}`).join(", ");
}
