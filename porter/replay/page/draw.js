// Canvas only: the strip of all time, the scale, the band of the agent, and the lanes that are on screen.
(() => {
  const P = Porter, view = P.view;
  const { COLOURS, INK_ON, SPANS, ink, paint, sign, sized, canvas } = P;
  const signsOf = (to, marks, y) => {
    const last = {};
    let first = 0, end = marks.length;
    const from = P.time(-8), until = P.time(view.width + 8);
    while (first < end) { const m = (first + end) >> 1; if (P.marks.t[marks[m]] < from) first = m + 1; else end = m; }
    for (let i = first; i < marks.length && P.marks.t[marks[i]] <= until; i++) {
      const kind = P.marks.kind[marks[i]], at = P.x(P.marks.t[marks[i]]);
      if (last[kind] !== undefined && at - last[kind] < 7) continue;
      last[kind] = at;
      sign(to, kind, at, y);
    }
  };

  // One lane. Turns that share a pixel are passed over by bisection, so the cost is that of pixels, not of turns.
  const BAR = 16, GAP = 4;
  const laneBars = (to, lane, y) => {
    const { first, end } = P.lanes[lane], { t, owner } = P.turns, perPixel = (view.to - view.from) / view.width;
    let turn = Math.max(first, P.after(t, view.from, first, end) - 1);
    to.textAlign = "left";
    to.textBaseline = "middle";
    while (turn < end && t[turn] <= view.to) {
      const left = Math.max(-2, P.x(t[turn])), until = P.turnEnd(lane, turn), right = Math.min(view.width + 2, P.x(until));
      const who = owner[turn];
      if (right - left >= 1 || turn + 1 >= end) {
        if (who !== P.FREE) bar(to, who, left, y + GAP, Math.max(1.5, right - left));
        turn++;
        continue;
      }
      const next = Math.max(turn + 1, P.after(t, Math.max(t[turn], view.from) + perPixel, turn, end) - 1);
      to.fillStyle = next > turn + 1 ? ink.ink : who >= 0 ? COLOURS[P.styleOf.get(who).colour] : ink.none;
      to.fillRect(left, y + GAP, 1.5, BAR);
      turn = next;
    }
  };
  const bar = (to, who, left, top, width) => {
    const inner = width > 3 ? width - 1 : width; // a hair between two turns
    if (who >= 0) {
      const style = P.styleOf.get(who);
      to.fillStyle = paint(to, style);
      to.beginPath();
      to.roundRect(left, top, inner, BAR, Math.min(3, inner / 2));
      to.fill();
      const room = Math.min(left + width, view.width) - Math.max(left, 0);
      if (room > 44) name(to, P.text(who), Math.max(left, 0) + 6, top + BAR / 2, room - 12, INK_ON[style.colour], style);
      return;
    }
    to.strokeStyle = who === P.NOBODY ? ink.none : ink.soft;
    to.lineWidth = 1.2;
    to.setLineDash([4, 3]);
    to.strokeRect(left + 0.5, top + 0.5, Math.max(0.5, inner - 1), BAR - 1);
    to.setLineDash([]);
    const room = Math.min(left + width, view.width) - Math.max(left, 0);
    if (room > 50) name(to, P.ownerName(who), Math.max(left, 0) + 6, top + BAR / 2, room - 12, to.strokeStyle);
  };
  const widths = new Map();
  const name = (to, text, left, middle, room, colour, style) => {
    to.font = '600 11.5px system-ui, "DejaVu Sans", sans-serif';
    let width = widths.get(text);
    if (width === undefined) widths.set(text, (width = to.measureText(text).width));
    if (width > room) return;
    if (style && style.texture) {
      to.fillStyle = COLOURS[style.colour];
      to.fillRect(left - 3, middle - 7, width + 6, 14);
    }
    to.fillStyle = colour;
    to.fillText(text, left, middle + 0.5);
  };
  const laneSpans = (to, lane, y) => {
    for (const i of P.lanes[lane].spans) {
      const left = Math.max(-2, P.x(P.spans.t[i])), right = Math.min(view.width + 2, P.x(P.spans.end[i]));
      if (right < 0 || left > view.width) continue;
      const width = Math.max(2, right - left);
      if (P.spans.kind[i] === "announced") {
        to.fillStyle = ink.ink;
        to.fillRect(left, y + GAP + BAR + 1, width, 2);
      } else {
        const [colour, dash] = SPANS[P.spans.kind[i]];
        to.strokeStyle = ink[colour];
        to.lineWidth = 2.5;
        to.setLineDash(dash);
        to.beginPath();
        to.moveTo(left, y + 2);
        to.lineTo(left + width, y + 2);
        to.stroke();
        to.setLineDash([]);
      }
    }
  };

  const drawLanes = () => {
    const to = sized(canvas("lanes"), view.width, view.height);
    const first = Math.floor(view.top / P.LANE);
    grid(to, view.height);
    for (let row = first; row < view.visible.length; row++) {
      const y = row * P.LANE - view.top, lane = view.visible[row];
      if (y > view.height) break;
      if (view.chosen && view.chosen.lane === lane) {
        to.fillStyle = ink.chosen;
        to.fillRect(0, y, view.width, P.LANE);
      }
      to.fillStyle = ink.line;
      to.globalAlpha = 0.6;
      to.fillRect(0, y + P.LANE - 1, view.width, 1);
      to.globalAlpha = 1;
      laneBars(to, lane, y);
      laneSpans(to, lane, y);
      signsOf(to, P.lanes[lane].marks, y + GAP + BAR / 2);
    }
    chosenFrame(to);
  };
  const chosenFrame = (to) => {
    const found = view.chosen, row = found ? view.rowOf.get(found.lane) : undefined;
    if (row === undefined) return;
    const y = row * P.LANE - view.top + GAP;
    const left = P.x(found.turn >= 0 ? P.turns.t[found.turn] : P.marks.t[found.mark]);
    const right = found.mark >= 0 ? left : P.x(P.turnEnd(found.lane, found.turn));
    to.strokeStyle = ink.ink;
    to.lineWidth = 2;
    to.beginPath();
    to.roundRect(found.mark >= 0 ? left - 9 : left - 1, y - 2, Math.max(4, found.mark >= 0 ? 18 : right - left + 1), BAR + 4, 4);
    to.stroke();
    laneSpans(to, found.lane, y - GAP);
    signsOf(to, P.lanes[found.lane].marks, y + BAR / 2);
  };

  const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1.5e4, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5,
    36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5, 12096e5, 2592e6, 7776e6, 31536e6]; // milliseconds
  const ticks = () => {
    const span = (view.to - view.from) / 1000, most = Math.max(2, view.width / 110);
    const step = STEPS.find((one) => span / one <= most) || STEPS[STEPS.length - 1];
    const zone = new Date(P.begin + view.from / 1000).getTimezoneOffset() * 60000;
    const found = [];
    const begin = P.begin - zone;
    for (let at = Math.ceil((begin + view.from / 1000) / step) * step; at <= begin + view.to / 1000; at += step)
      found.push((at - begin) * 1000);
    return { step, found };
  };
  const grid = (to, height) => {
    to.fillStyle = ink.line;
    for (const t of ticks().found) to.fillRect(Math.round(P.x(t)), 0, 1, height);
  };
  const drawAxis = () => {
    const to = sized(canvas("axis"), view.width, 28), { step, found } = ticks();
    to.font = '12px system-ui, "DejaVu Sans", sans-serif';
    to.textBaseline = "middle";
    to.textAlign = "left";
    for (const t of found) {
      const at = Math.round(P.x(t)), clock = P.clock(t);
      to.fillStyle = ink.line;
      to.fillRect(at, 0, 1, 28);
      to.fillStyle = ink.soft;
      const label = step >= 864e5 ? P.day(t) : step >= 6e4 ? clock.slice(0, 5) : step >= 1e3 ? clock.slice(0, 8) : clock;
      to.fillText(step < 1 ? `${clock}${String(Math.round(t) % 1000).padStart(3, "0")}` : label, at + 5, 15);
    }
    canvas("day").textContent = `${P.day(Math.max(0, view.from))}, ${P.zone()}`;
  };
  const drawBand = () => {
    const to = sized(canvas("band"), view.width, 28);
    grid(to, 28);
    signsOf(to, P.band.marks, 14);
  };

  let bins = null;
  const count = () => {
    const width = Math.max(1, Math.floor(view.width)), changes = new Uint32Array(width), bad = new Uint32Array(width);
    const place = (t) => Math.min(width - 1, Math.max(0, Math.floor((t / P.length) * (width - 1))));
    for (const lane of view.visible) {
      const { first, end, marks } = P.lanes[lane];
      for (let turn = first; turn < end; turn++) changes[place(P.turns.t[turn])]++;
      for (const mark of marks) if (P.BAD.has(P.marks.kind[mark])) bad[place(P.marks.t[mark])]++;
    }
    for (const mark of P.band.marks) if (P.BAD.has(P.marks.kind[mark])) bad[place(P.marks.t[mark])]++;
    bins = { width, changes, bad, most: Math.log1p(changes.reduce((a, b) => Math.max(a, b), 1)) };
  };
  const drawOverview = () => {
    const to = sized(canvas("overview"), view.width, 46);
    if (!bins || bins.width !== Math.max(1, Math.floor(view.width))) count();
    to.fillStyle = ink.accent;
    to.globalAlpha = 0.75;
    for (let i = 0; i < bins.width; i++)
      if (bins.changes[i]) { const h = 3 + (Math.log1p(bins.changes[i]) / bins.most) * 29; to.fillRect(i, 38 - h, 1, h); }
    to.globalAlpha = 1;
    to.fillStyle = ink.bad;
    for (let i = 0; i < bins.width; i++) if (bins.bad[i]) to.fillRect(i - 0.5, 39, 2, 6);
    const left = Math.max(0, (view.from / P.length) * view.width), right = Math.min(view.width, (view.to / P.length) * view.width);
    to.fillStyle = ink.page;
    to.globalAlpha = 0.7;
    to.fillRect(0, 0, left, 46);
    to.fillRect(right, 0, view.width - right, 46);
    to.globalAlpha = 1;
    to.strokeStyle = ink.accent;
    to.lineWidth = 1.5;
    to.strokeRect(Math.min(left + 0.75, view.width - 3), 0.75, Math.max(2, right - left - 1.5), 44.5);
  };

  const draw = () => {
    drawOverview();
    drawAxis();
    drawBand();
    drawLanes();
    P.labels();
  };
  let asked = false;
  const redraw = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  };
  Object.assign(P, { draw, redraw, recount: () => { bins = null; } });
})();
