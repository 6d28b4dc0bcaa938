// The pointer: what lies under it, dragging, the wheel.
(() => {
  const P = Porter, view = P.view, get = (id) => document.getElementById(id);
  const lanes = get("lanes"), body = get("body");

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
    if (drag && !drag.moved) P.pick(at(event), { quiet: true });
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
})();
