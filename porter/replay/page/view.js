// What of it is seen: from when to when, which lanes in which order, what is chosen. Nothing is drawn here.
(() => {
  const P = Porter;
  const LANE = 26;
  const margin = P.length * 0.01 + 1000;
  const view = (P.view = { from: -margin, to: P.length + margin, width: 800, height: 400, top: 0, chosen: null, visible: [] });
  const least = 50; // microseconds from edge to edge

  const x = (t) => ((t - view.from) / (view.to - view.from)) * view.width;
  const time = (px) => view.from + (px / view.width) * (view.to - view.from);
  const show = (from, to) => {
    const whole = P.length + 2 * margin;
    const span = Math.min(whole, Math.max(least, to - from));
    view.from = Math.min(Math.max(from, -margin), P.length + margin - span);
    view.to = view.from + span;
    P.redraw();
  };
  const zoom = (factor, px = view.width / 2) => {
    const at = time(px), span = (view.to - view.from) * factor;
    show(at - (px / view.width) * span, at + (1 - px / view.width) * span);
  };
  const pan = (px) => {
    const by = (px / view.width) * (view.to - view.from);
    show(view.from + by, view.to + by);
  };
  const fit = () => show(-margin, P.length + margin);
  const reveal = (t) => {
    const span = view.to - view.from;
    if (t < view.from + span * 0.05 || t > view.to - span * 0.05) show(t - span / 2, t + span / 2);
  };

  const KINDS = ["address", "service", "node", "eip"];
  const fits = (lane, words) =>
    words.every(([kind, word]) => (kind ? [kind] : KINDS).some((one) => lane.names[one].includes(word)));
  const parsed = (text) =>
    text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
      const [kind, rest] = word.split(/:(.*)/s);
      return KINDS.includes(kind) && rest !== undefined ? [kind, rest] : [null, word];
    });
  const choose = ({ text, problems, order }) => {
    const words = parsed(text);
    const found = [];
    P.lanes.forEach((lane, i) => {
      if ((!problems || lane.problems) && fits(lane, words)) found.push(i);
    });
    const size = { changes: (i) => P.lanes[i].end - P.lanes[i].first, problems: (i) => P.lanes[i].problems }[order];
    if (size) found.sort((a, b) => size(b) - size(a) || a - b);
    view.visible = found;
    view.rowOf = new Map(found.map((lane, row) => [lane, row]));
  };
  // The turn of a lane that holds at a time, -1 for none yet.
  const turnAt = (lane, t) => {
    const found = P.after(P.turns.t, t, P.lanes[lane].first, P.lanes[lane].end) - 1;
    return found < P.lanes[lane].first || !P.lanes[lane].end ? -1 : found;
  };
  const turnEnd = (lane, turn) => (turn + 1 < P.lanes[lane].end ? P.turns.t[turn + 1] : P.length);

  Object.assign(P, { LANE, x, time, show, zoom, pan, fit, reveal, choose, turnAt, turnEnd });
})();
