// The page comes alive: labels, filter, what is chosen, theme.
(() => {
  const P = Porter, view = P.view, get = (id) => document.getElementById(id);
  const body = get("body"), stage = get("stage"), filter = get("filter");

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
