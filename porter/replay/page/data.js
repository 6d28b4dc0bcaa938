"use strict";
// The picture as the scripts use it: columns as typed arrays, and by lane where its turns and marks are.
const Porter = (globalThis.Porter = {});

(() => {
  const raw = JSON.parse(document.getElementById("data").textContent);
  const sums = (deltas) => {
    const found = new Float64Array(deltas.length);
    let sum = 0;
    for (let i = 0; i < deltas.length; i++) found[i] = sum += deltas[i];
    return found;
  };
  const text = (place) => (place < 0 ? null : raw.texts[place]);
  const changes = { ...raw.changes, t: sums(raw.changes.t) };
  const turns = {
    change: Int32Array.from(raw.turns.change),
    owner: Int32Array.from(raw.turns.owner),
    t: Float64Array.from(raw.turns.change, (change) => changes.t[change]),
  };
  const marks = { ...raw.marks, t: sums(raw.marks.t) };
  const BAD = new Set(["failed", "conflict", "stranger", "plugin"]);
  const NOBODY = -1, FREE = -2, WAITING = -3;

  const lanes = raw.lanes.map(([address, service]) => ({
    address, service, first: 0, end: 0, marks: [], spans: [], problems: 0, services: new Set(), eips: new Set(), nodes: new Set(),
  }));
  raw.turns.lane.forEach((lane, i) => {
    const found = lanes[lane], change = turns.change[i];
    if (!found.end) found.first = i;
    found.end = i + 1;
    found.services.add(raw.changes.service[change]);
    if (raw.changes.eip[change] >= 0) found.eips.add(raw.changes.eip[change]);
    if (turns.owner[i] >= 0) found.nodes.add(turns.owner[i]);
  });
  // An address that no node announces for a second or more. A shorter while is that between two decisions.
  const orphaned = (lane, turn) =>
    turns.owner[turn] === NOBODY && (turn + 1 < lanes[lane].end ? turns.t[turn + 1] : raw.length) - turns.t[turn] >= 1e6;
  lanes.forEach((lane, i) => {
    for (let turn = lane.first; turn < lane.end; turn++) if (orphaned(i, turn)) lane.problems++;
  });
  const band = { marks: [] };
  marks.lane.forEach((lane, i) => {
    (lane < 0 ? band : lanes[lane]).marks.push(i);
    if (lane >= 0 && BAD.has(marks.kind[i])) lanes[lane].problems++;
  });
  raw.spans.lane.forEach((lane, i) => {
    lanes[lane].spans.push(i);
    const lasts = raw.spans.end[i] - raw.spans.t[i] >= 1e6, kind = raw.spans.kind[i];
    if (kind === "quarantine" || (kind === "nobody" && lasts)) lanes[lane].problems++; // "several" has a mark
  });
  const low = (places) => [...places].map((place) => raw.texts[place].toLowerCase()).join("\n");
  for (const lane of lanes) {
    lane.names = {
      address: (lane.address || "").toLowerCase(),
      service: lane.service ? lane.service.toLowerCase() : low(lane.services),
      eip: low(lane.eips),
      node: low(lane.nodes),
    };
  }

  // A colour and a texture for every owner: eight colours that colour-blind people can tell apart (Okabe and Ito, and two
  // more), then the same with stripes and dots. The name stands beside it wherever there is room.
  const used = [...new Set(turns.owner.filter((owner) => owner >= 0))];
  used.sort((a, b) => raw.texts[a].localeCompare(raw.texts[b], "en", { numeric: true }));
  const styleOf = new Map(used.map((owner, i) => [owner, { colour: i % 8, texture: Math.floor(i / 8) % 7 }]));

  const begin = Date.parse(raw.begin);
  const two = (number) => String(number).padStart(2, "0");
  const clock = (t) => {
    const at = new Date(begin + t / 1000);
    return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  };
  const day = (t) => {
    const at = new Date(begin + t / 1000);
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  };
  const lasting = (span) => {
    if (span < 1000) return `${Math.round(span)} µs`;
    if (span < 1e6) return `${(span / 1000).toFixed(span < 1e4 ? 1 : 0)} ms`;
    const s = span / 1e6;
    if (s < 60) return `${s.toFixed(s < 10 ? 1 : 0)} s`;
    const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
    const at = parts.findIndex(([size]) => s >= size);
    const [size, unit] = parts[at], [less, small] = parts[at + 1];
    const rest = Math.floor((s % size) / less);
    return `${Math.floor(s / size)} ${unit}${rest ? ` ${rest} ${small}` : ""}`;
  };
  const ownerName = (owner) =>
    owner >= 0 ? raw.texts[owner] : { [NOBODY]: "no node", [FREE]: "free", [WAITING]: "waits" }[owner];

  // The first of a sorted column, between two places, that is greater than a value.
  const after = (column, value, first, end) => {
    while (first < end) {
      const middle = (first + end) >> 1;
      if (column[middle] > value) end = middle;
      else first = middle + 1;
    }
    return first;
  };
  const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";

  Object.assign(Porter, {
    raw, text, orphaned, changes, causes: raw.causes, turns, marks, spans: raw.spans, lanes, band, BAD, NOBODY, FREE, WAITING,
    owners: used, styleOf, ownerName, clock, day, lasting, zone, after, begin, length: Math.max(1, raw.length),
  });
})();
