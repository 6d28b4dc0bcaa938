// The page comes alive: pointer, keys, filter and theme.
(() => {
  const P = Porter, view = P.view, get = (id) => document.getElementById(id);
  const lanes = get("lanes"), body = get("body"), stage = get("stage"), filter = get("filter");

  // The labels on screen are as many elements as there are rows on screen, filled anew when it scrolls.
  const pool = [];
  P.labels = () => {
    const first = Math.floor(view.top / P.LANE), count = Math.min(view.visible.length - first, Math.ceil(view.height / P.LANE) + 1);
    while (pool.length < count) {
      const button = P.element("button", null, "label");
      button.type = "button";
      button.tabIndex = -1;
      button.append(P.element("b"), P.element("span"), P.element("i"));
      button.addEventListener("click", () => {
        const { first: one, end } = P.lanes[button.lane];
        if (end > one) pick({ lane: button.lane, turn: P.turnAt(button.lane, view.to) >= 0 ? P.turnAt(button.lane, view.to) : one, mark: -1 });
      });
      pool.push(button);
      get("labels").append(button);
    }
    pool.forEach((button, i) => {
      button.hidden = i >= count;
      if (button.hidden) return;
      const place = view.visible[first + i], lane = P.lanes[place];
      button.style.transform = `translateY(${(first + i) * P.LANE - view.top}px)`;
      button.classList.toggle("chosen", Boolean(view.chosen && view.chosen.lane === place));
      if (button.lane === place) return;
      button.lane = place;
      const services = [...lane.services].map(P.text);
      const [title, more, sign] = button.children;
      title.textContent = lane.address || "no address";
      more.textContent = services.length ? `${services[services.length - 1]}${services.length > 1 ? ` +${services.length - 1}` : ""}` : "";
      sign.textContent = lane.problems ? `▲ ${lane.problems}` : "";
      button.title = [title.textContent, ...services.slice(0, 12)].join("\n");
    });
  };

  const layout = () => {
    view.width = Math.max(100, body.clientWidth - get("labels").offsetWidth);
    view.height = body.clientHeight;
    stage.style.height = `${view.height}px`;
    get("spacer").style.height = `${Math.max(view.visible.length * P.LANE, view.height)}px`;
    view.top = body.scrollTop;
    P.redraw();
  };
  const refilter = () => {
    P.choose({ text: filter.value, problems: get("problems").checked, order: get("order").value });
    const found = view.visible.length, all = P.lanes.length;
    get("found").textContent = found === all ? `${all.toLocaleString("en")} lane${all === 1 ? "" : "s"}` : `${found.toLocaleString("en")} of ${all.toLocaleString("en")} lanes`;
    get("nothing").hidden = found > 0;
    body.scrollTop = 0;
    P.recount();
    for (const chip of document.querySelectorAll(".chip")) chip.setAttribute("aria-pressed", String(filter.value === chip.filter));
    layout();
  };

  const at = (event) => {
    const { left, top } = lanes.getBoundingClientRect();
    const x = event.clientX - left, row = Math.floor((event.clientY - top + view.top) / P.LANE), lane = view.visible[row];
    if (lane === undefined || x < 0 || x > view.width) return null;
    const near = P.lanes[lane].marks.filter((mark) => Math.abs(P.x(P.marks.t[mark]) - x) < 8);
    const turn = P.turnAt(lane, P.time(x + 1));
    const span = P.lanes[lane].spans.find((i) => P.spans.kind[i] !== "announced" && P.x(P.spans.t[i]) <= x && P.x(P.spans.end[i]) >= x);
    if (near.length) return { lane, turn, mark: near[near.length - 1], span: -1 };
    return turn >= 0 && P.turns.owner[turn] !== P.FREE ? { lane, turn, mark: -1, span: span === undefined ? -1 : span } : null;
  };
  const pick = (found, { quiet = false } = {}) => {
    view.chosen = found;
    P.panelOf(found);
    if (found) {
      const row = view.rowOf.get(found.lane), y = row * P.LANE;
      if (row !== undefined && (y < body.scrollTop || y + P.LANE > body.scrollTop + view.height)) body.scrollTop = y - view.height / 2;
      if (!quiet) P.reveal(found.mark >= 0 ? P.marks.t[found.mark] : P.turns.t[found.turn]);
      P.say(found);
    }
    P.redraw();
  };
  P.pick = pick;

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
    pick(found[here < 0 ? (step > 0 ? 0 : found.length - 1) : (here + step + found.length) % found.length]);
  };

  const along = (step) => {
    if (!view.visible.length) return;
    const now = view.chosen && view.rowOf.has(view.chosen.lane) ? view.chosen : null;
    const lane = now ? now.lane : view.visible[Math.floor(view.top / P.LANE)], { first, end } = P.lanes[lane];
    if (end <= first) return;
    const turn = now && now.turn >= 0 ? now.turn + step : Math.max(first, P.turnAt(lane, view.from));
    pick({ lane, turn: Math.min(end - 1, Math.max(first, turn)), mark: -1 });
  };
  const across = (step) => {
    const now = view.chosen, row = now ? view.rowOf.get(now.lane) : undefined;
    for (let next = row === undefined ? Math.floor(view.top / P.LANE) : row + step; next >= 0 && next < view.visible.length; next += step) {
      const lane = view.visible[next], { first, end } = P.lanes[lane];
      if (end <= first) continue;
      const t = now && now.turn >= 0 ? P.turns.t[now.turn] : view.from;
      pick({ lane, turn: Math.max(first, P.turnAt(lane, t)), mark: -1 });
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
    Escape: () => pick(null),
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

  let drag = null;
  lanes.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, from: view.from, to: view.to, top: body.scrollTop, moved: false };
    lanes.setPointerCapture(event.pointerId);
  });
  lanes.addEventListener("pointermove", (event) => {
    if (!drag) {
      const found = at(event);
      P.hint({ x: event.clientX, y: event.clientY }, found && P.hintOf(found));
      return;
    }
    const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    drag.moved = true;
    lanes.classList.add("moving");
    P.hint(null, null);
    const by = (dx / view.width) * (drag.to - drag.from);
    body.scrollTop = drag.top - dy;
    P.show(drag.from - by, drag.to - by);
  });
  lanes.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) pick(at(event), { quiet: true });
    drag = null;
    lanes.classList.remove("moving");
  });
  lanes.addEventListener("pointercancel", () => { drag = null; });
  lanes.addEventListener("pointerleave", () => P.hint(null, null));
  lanes.addEventListener("dblclick", (event) => P.zoom(0.4, event.offsetX));

  const wheel = (event, always) => {
    const pixels = event.deltaMode ? 16 : 1, dx = event.deltaX * pixels, dy = event.deltaY * pixels;
    const scrolls = get("spacer").offsetHeight > body.clientHeight + 1;
    if (event.ctrlKey || event.metaKey || always || (!scrolls && !event.shiftKey && Math.abs(dy) > Math.abs(dx))) {
      event.preventDefault();
      P.zoom(Math.exp(Math.max(-1, Math.min(1, dy * 0.002))), event.offsetX);
    } else if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) {
      event.preventDefault();
      P.pan(event.shiftKey && !dx ? dy : dx);
    }
    P.hint(null, null);
  };
  lanes.addEventListener("wheel", (event) => wheel(event, false), { passive: false });
  for (const id of ["axis", "overview", "band"]) get(id).addEventListener("wheel", (event) => wheel(event, true), { passive: false });
  const follow = (canvas, move) => {
    let last = null;
    canvas.addEventListener("pointerdown", (event) => { last = event.offsetX; canvas.setPointerCapture(event.pointerId); move(event.offsetX, null); });
    canvas.addEventListener("pointermove", (event) => { if (last !== null) { move(event.offsetX, last); last = event.offsetX; } });
    canvas.addEventListener("pointerup", () => { last = null; });
  };
  follow(get("overview"), (x) => {
    const span = view.to - view.from, middle = (x / view.width) * P.length;
    P.show(middle - span / 2, middle + span / 2);
  });
  follow(get("axis"), (x, last) => { if (last !== null) P.pan(last - x); });
  get("band").addEventListener("pointermove", (event) => {
    const near = P.band.marks.filter((mark) => Math.abs(P.x(P.marks.t[mark]) - event.offsetX) < 8).slice(-6);
    P.hint({ x: event.clientX, y: event.clientY }, near.length ? near.flatMap((mark) => [[P.text(P.marks.text[mark])], [`${P.clock(P.marks.t[mark])}, entry ${P.marks.seq[mark]}`, "soft"]]) : null);
  });
  get("band").addEventListener("pointerleave", () => P.hint(null, null));

  filter.addEventListener("input", refilter);
  get("problems").addEventListener("change", refilter);
  get("order").addEventListener("change", refilter);
  get("clear").addEventListener("click", () => { filter.value = ""; get("problems").checked = false; refilter(); filter.focus(); });
  get("in").addEventListener("click", () => P.zoom(0.5));
  get("out").addEventListener("click", () => P.zoom(2));
  get("fit").addEventListener("click", P.fit);
  get("help").addEventListener("click", () => get("legendary").showModal());
  body.addEventListener("scroll", () => { view.top = body.scrollTop; P.redraw(); });
  new ResizeObserver(layout).observe(body);

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const wear = (name) => {
    document.documentElement.dataset.theme = name;
    P.theme();
    signs();
    P.redraw();
  };
  get("theme").addEventListener("click", () => wear(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  dark.addEventListener("change", () => wear(dark.matches ? "dark" : "light"));

  const signs = () => {
    const row = (draw, text) => {
      const found = P.element("div", null, "sign"), canvas = document.createElement("canvas");
      draw(P.sized(canvas, 26, 18));
      found.append(canvas, P.element("span", text));
      return found;
    };
    const rows = Object.entries(P.SIGNS).map(([kind, [, , text]]) => row((to) => P.sign(to, kind, 13, 9), text));
    const line = (colour, y, dash) => (to) => {
      to.strokeStyle = P.ink[colour];
      to.lineWidth = 2;
      to.setLineDash(dash);
      to.beginPath();
      to.moveTo(1, y);
      to.lineTo(25, y);
      to.stroke();
    };
    rows.push(
      row((to) => { to.strokeStyle = P.ink.none; to.setLineDash([4, 3]); to.strokeRect(1, 3, 24, 12); }, "has an address that no node announces"),
      row((to) => { to.strokeStyle = P.ink.soft; to.setLineDash([4, 3]); to.strokeRect(1, 3, 24, 12); }, "waits for an address"),
      row(line("ink", 9, []), "the node of this log announces it"),
      ...Object.values(P.SPANS).map(([colour, dash, text]) => row(line(colour, 9, dash), text)),
    );
    get("signlist").replaceChildren(...rows);
  };
  const legend = () => {
    for (const owner of P.owners) {
      const chip = P.element("button", null, "chip");
      chip.type = "button";
      chip.filter = `node:${P.text(owner).split(", ")[0].toLowerCase()}`;
      chip.append(P.swatch(owner), P.element("span", P.text(owner)));
      chip.title = "Only addresses that it had";
      chip.setAttribute("aria-pressed", "false");
      chip.addEventListener("click", () => { filter.value = filter.value === chip.filter ? "" : chip.filter; refilter(); });
      get("legend").append(chip);
    }
  };
  const about = () => {
    const { raw } = P, count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
    get("about").append(
      P.element("strong", raw.title), `${raw.node ? `, log of ${raw.node}` : ""} · ${P.day(0)} ${P.clock(0).slice(0, 8)} to ${P.day(raw.length)} ${P.clock(raw.length).slice(0, 8)} (${P.lasting(raw.length)}) · `
      + `${count(raw.entries, "entry", "entries")}, ${count(P.changes.t.length, "change")} · Porter ${raw.porter}`,
    );
  };
  // How long it takes to draw while zooming in and out, in milliseconds a frame: for tests and the curious.
  P.measure = (frames = 120) => {
    const times = [], { from, to } = view;
    for (let i = 0; i < frames; i++) {
      P.zoom(i < frames / 2 ? 0.93 : 1 / 0.93, view.width * 0.4);
      const begin = performance.now();
      P.draw();
      times.push(performance.now() - begin);
    }
    P.show(from, to);
    times.sort((a, b) => a - b);
    return { median: times[frames >> 1], worst: times[frames - 1] };
  };

  P.theme();
  wear(dark.matches ? "dark" : "light");
  legend();
  about();
  refilter();
  P.panelOf(null);
  P.ready = performance.now();
})();
