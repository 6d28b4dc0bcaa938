// What is said of a change: beside the pointer, in the panel, and to screen readers. All of it is put in as text.
(() => {
  const P = Porter;
  const element = (name, text, className) => {
    const found = document.createElement(name);
    if (text !== undefined && text !== null) found.textContent = text;
    if (className) found.className = className;
    return found;
  };
  const of = (turn) => {
    const change = P.turns.change[turn], c = P.changes;
    return {
      change, seq: c.seq[change], what: c.what[change], service: P.text(c.service[change]), eip: P.text(c.eip[change]),
      address: P.text(c.address[change]), previous: P.text(c.previous[change]), from: c.from[change], to: c.to[change],
      reason: P.text(c.reason[change]), decided: c.decided[change], deeds: c.deeds[change] || [],
      cause: {
        seq: P.causes.seq[c.cause[change]], t: P.causes.t[c.cause[change]], kind: P.text(P.causes.kind[c.cause[change]]),
        text: P.text(P.causes.text[c.cause[change]]),
      },
    };
  };
  const title = (lane) => P.lanes[lane].address || P.lanes[lane].service;
  // In a few words what happened on this lane.
  const deed = (lane, turn) => {
    const found = of(turn), owner = P.turns.owner[turn], here = P.lanes[lane].address;
    const old = found.from >= 0 ? P.text(found.from) : "nobody", now = found.to >= 0 ? P.text(found.to) : "no node";
    if (owner === P.WAITING) return "waits for an address";
    if (owner === P.FREE) return here && found.address && found.address !== here ? `given up for ${found.address}` : "released";
    if (found.cause.kind === "beginning") return `had by ${now} before`;
    if (found.previous !== here) return found.to >= 0 ? `new, on ${now}` : "new, on no node";
    return found.from === found.to ? `stays on ${now}` : `${old} → ${now}`;
  };
  const moment = (t) => `${P.day(t)} ${P.clock(t)}`;

  const tip = document.getElementById("tip");
  const hint = (at, lines) => {
    tip.hidden = !lines;
    if (!lines) return;
    tip.replaceChildren(...lines.map(([text, className]) => element("p", text, className)));
    const { offsetWidth: w, offsetHeight: h } = tip;
    tip.style.left = `${Math.max(4, Math.min(at.x + 14, innerWidth - w - 8))}px`;
    tip.style.top = `${at.y + 18 + h > innerHeight ? at.y - h - 12 : at.y + 18}px`;
  };
  const hintOf = ({ lane, turn, mark, span }) => {
    if (mark >= 0) return [[P.SIGNS[P.marks.kind[mark]][2]], [P.text(P.marks.text[mark])], [`${moment(P.marks.t[mark])}${P.marks.seq[mark] ? `, entry ${P.marks.seq[mark]}` : ""}`, "soft"]];
    const found = of(turn), t = P.turns.t[turn];
    const lines = [[`${title(lane)}: ${deed(lane, turn)}`], [found.service, "soft"], [found.reason], [`since ${moment(t)}, for ${P.lasting(P.turnEnd(lane, turn) - t)}`, "soft"]];
    if (span >= 0) lines.push([P.text(P.spans.text[span])]);
    return lines;
  };

  const panel = document.getElementById("panel");
  const owner = (place, none) => {
    const found = element("span", place >= 0 ? P.text(place) : none);
    return place >= 0 && P.styleOf.has(place) ? [P.swatch(place), found] : [found];
  };
  const section = (heading, ...children) => [element("h3", heading), ...children];
  const latencies = (found) => {
    const table = element("table"), body = table.createTBody();
    const line = (what, after, seq) => {
      const row = body.insertRow();
      row.insertCell().textContent = seq ? `${what} (entry ${seq})` : what;
      row.insertCell().textContent = after;
    };
    line(`observed (entry ${found.cause.seq})`, P.clock(found.cause.t));
    line("decided", `+ ${P.lasting(found.decided)}`, found.seq);
    const words = { published: "written to the API", shown: "shown by the API", announced: "announced here", withdrawn: "withdrawn here" };
    for (const [what, seq, after] of found.deeds) line(words[what], `+ ${P.lasting(found.decided + after)}`, seq);
    if (!found.deeds.length) line("this log tells of no deed", "");
    return table;
  };
  const history = (lane, turn) => {
    const { first, end } = P.lanes[lane], list = element("ol");
    const from = Math.max(first, Math.min(turn - 25, end - 51)), until = Math.min(end, from + 51);
    for (let one = from; one < until; one++) {
      const item = element("li"), button = element("button");
      button.type = "button";
      button.append(element("time", (P.length > 864e8 ? `${P.day(P.turns.t[one]).slice(5)} ` : "") + P.clock(P.turns.t[one]).slice(0, 8)), element("span", deed(lane, one)));
      button.setAttribute("aria-current", String(one === turn));
      button.addEventListener("click", () => P.pick({ lane, turn: one, mark: -1 }));
      item.append(button);
      list.append(item);
    }
    const all = end - first;
    return section(`${all.toLocaleString("en")} change${all === 1 ? "" : "s"} in this lane${until - from < all ? `, ${until - from} shown` : ""}`, list);
  };
  const meanwhile = (lane, begin, end) => {
    const found = P.lanes[lane].spans.filter((i) => P.spans.kind[i] !== "announced" && P.spans.t[i] < end && P.spans.end[i] > begin).slice(0, 20);
    const lines = found.map((i) => element("p", `${P.clock(P.spans.t[i]).slice(0, 12)}, for ${P.lasting(P.spans.end[i] - P.spans.t[i])}: ${P.text(P.spans.text[i])}`));
    return lines.length ? section("Meanwhile", ...lines) : [];
  };
  const steps = (lane, turn) => {
    const row = element("div", null, "steps"), { first, end } = P.lanes[lane];
    for (const [text, to] of [["← before", turn - 1], ["after →", turn + 1]]) {
      const button = element("button", text);
      button.type = "button";
      button.disabled = to < first || to >= end;
      button.addEventListener("click", () => P.pick({ lane, turn: to, mark: -1 }));
      row.append(button);
    }
    return row;
  };
  const empty = () => {
    const lines = ["Choose a change in the timeline: here is why it came, since when, and how long it took."];
    const worst = P.lanes.reduce((sum, lane) => sum + (lane.problems ? 1 : 0), 0);
    panel.replaceChildren(element("h2", "Details"), element("p", lines[0], "soft"));
    if (worst) {
      const button = element("button", "First problem");
      button.type = "button";
      button.addEventListener("click", () => P.nextProblem(1));
      const row = element("div", null, "steps");
      row.append(button);
      panel.append(element("p", `${worst} address${worst === 1 ? " has" : "es have"} problems.`), row);
    }
    if (P.raw.differences)
      panel.append(element("p", `This version decides otherwise than was recorded, ${P.raw.differences} times: 'porter replay --verify' shows where.`, "bad"));
  };
  const panelOf = (chosen) => {
    if (!chosen) return empty();
    const { lane, turn, mark } = chosen, parts = [element("h2", title(lane))];
    if (mark >= 0) {
      parts.push(element("p", `${P.SIGNS[P.marks.kind[mark]][0]} ${P.SIGNS[P.marks.kind[mark]][2]}`, "bad"),
        ...section("What", element("p", P.text(P.marks.text[mark]))),
        ...section("When", element("p", `${moment(P.marks.t[mark])}${P.marks.seq[mark] ? `, entry ${P.marks.seq[mark]}` : ""}`)));
      if (turn >= 0) parts.push(element("h3", "The address at that time"));
    }
    if (turn >= 0) {
      const found = of(turn), t = P.turns.t[turn], until = P.turnEnd(lane, turn), last = turn + 1 >= P.lanes[lane].end;
      const move = element("p", null, "move");
      if (P.turns.owner[turn] === P.FREE || P.turns.owner[turn] === P.WAITING) move.append(element("span", deed(lane, turn)));
      else move.append(...owner(found.from, found.previous ? "no node" : "new"), element("span", "→"), ...owner(found.to, "no node"));
      parts.push(element("p", `${found.service}${found.eip ? `, Eip ${found.eip}` : ""}`, "soft"), move,
        element("p", `since ${moment(t)}`), element("p", `for ${P.lasting(until - t)}${last ? ", to the end of the log" : ""}`, "soft"), steps(lane, turn),
        ...section("Why", element("p", found.reason)),
        ...section("Cause", element("p", found.cause.text), element("p", `${found.cause.kind}, entry ${found.cause.seq}`, "soft")),
        ...meanwhile(lane, t, until), ...section("How long it took", latencies(found)), ...history(lane, turn));
    }
    panel.replaceChildren(...parts);
    panel.scrollTop = 0;
  };
  const say = ({ lane, turn, mark }) => {
    const words = mark >= 0
      ? `${title(lane)}: ${P.SIGNS[P.marks.kind[mark]][2]}. ${P.text(P.marks.text[mark])}`
      : `${title(lane)}: ${deed(lane, turn)}, ${P.clock(P.turns.t[turn])}. ${of(turn).reason}`;
    document.getElementById("said").textContent = words;
  };
  Object.assign(P, { element, of, hint, hintOf, panelOf, say, title });
})();
