// Keys: along a lane, across the lanes, from problem to problem, in time.
(() => {
  const P = Porter, view = P.view, get = (id) => document.getElementById(id);
  const lanes = get("lanes"), body = get("body"), filter = get("filter");

  // Problems of the lanes on the list, in time: marks, and turns to no node.
  const problems = () => {
    const found = [];
    for (const lane of view.visible) {
      for (const mark of P.lanes[lane].marks) if (P.BAD.has(P.marks.kind[mark])) found.push({ t: P.marks.t[mark], lane, turn: P.turnAt(lane, P.marks.t[mark]), mark });
      for (let turn = P.lanes[lane].first; turn < P.lanes[lane].end; turn++) if (P.orphaned(lane, turn)) found.push({ t: P.turns.t[turn], lane, turn, mark: -1 });
    }
    return found.sort((a, b) => a.t - b.t || view.rowOf.get(a.lane) - view.rowOf.get(b.lane));
  };
  P.nextProblem = (step) => {
    const found = problems(), now = view.chosen;
    if (!found.length) { get("said").textContent = "no problems"; return; }
    const here = now ? found.findIndex((one) => one.lane === now.lane && one.turn === now.turn && one.mark === now.mark) : -1;
    P.pick(found[here < 0 ? (step > 0 ? 0 : found.length - 1) : (here + step + found.length) % found.length]);
  };

  const along = (step) => {
    if (!view.visible.length) return;
    const now = view.chosen && view.rowOf.has(view.chosen.lane) ? view.chosen : null;
    const lane = now ? now.lane : view.visible[Math.floor(view.top / P.LANE)], { first, end } = P.lanes[lane];
    if (end <= first) return;
    const turn = now && now.turn >= 0 ? now.turn + step : Math.max(first, P.turnAt(lane, view.from));
    P.pick({ lane, turn: Math.min(end - 1, Math.max(first, turn)), mark: -1 });
  };
  const across = (step) => {
    const now = view.chosen, row = now ? view.rowOf.get(now.lane) : undefined;
    for (let next = row === undefined ? Math.floor(view.top / P.LANE) : row + step; next >= 0 && next < view.visible.length; next += step) {
      const lane = view.visible[next], { first, end } = P.lanes[lane];
      if (end <= first) continue;
      const t = now && now.turn >= 0 ? P.turns.t[now.turn] : view.from;
      P.pick({ lane, turn: Math.max(first, P.turnAt(lane, t)), mark: -1 });
      return;
    }
  };
  const KEYS = {
    ArrowLeft: (event) => (event.shiftKey ? P.pan(-view.width / 8) : along(-1)),
    ArrowRight: (event) => (event.shiftKey ? P.pan(view.width / 8) : along(1)),
    ArrowUp: () => across(-1),
    ArrowDown: () => across(1),
    PageUp: () => { body.scrollTop -= view.height; },
    PageDown: () => { body.scrollTop += view.height; },
    Home: () => P.show(0, view.to - view.from),
    End: () => P.show(P.length - (view.to - view.from), P.length),
    Enter: () => (view.chosen ? get("panel").focus() : along(0)),
    "+": () => P.zoom(0.6), "=": () => P.zoom(0.6), "-": () => P.zoom(1 / 0.6), 0: P.fit,
    n: () => P.nextProblem(1), p: () => P.nextProblem(-1),
    Escape: () => P.pick(null),
  };
  lanes.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key](event);
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing) { event.preventDefault(); filter.focus(); }
    if (event.key === "?" && !typing) get("legendary").showModal();
    if (event.key === "Escape" && (event.target === filter || get("panel").contains(event.target))) lanes.focus();
  });
})();
