// What colours, textures and marks mean, and how one of them is drawn.
(() => {
  const P = Porter;
  const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#8a6fc7", "#c9b800", "#7d8a99"];
  const INK_ON = ["#ffffff", "#1b1400", "#ffffff", "#2a0c1c", "#04202f", "#ffffff", "#1f1c00", "#10151b"];
  const SIGNS = {
    failed: ["▲", "bad", "could not be announced, or not be written"],
    conflict: ["◆", "bad", "two nodes claim one address"],
    stranger: ["●", "warn", "a host that is no node claims it"],
    plugin: ["✖", "bad", "a protocol plugin failed"],
    started: ["▶", "soft", "the agent started"],
    stopped: ["■", "soft", "the agent stopped"],
    leader: ["★", "soft", "another leader"],
    silent: ["○", "warn", "an agent fell silent, or is gone"],
    heard: ["◉", "ok", "an agent is heard again"],
    node: ["▼", "warn", "a node became Ready or not, or is gone"],
  };
  const SPANS = {
    quarantine: ["warn", [3, 2], "quarantine: handed out to nobody new"],
    several: ["bad", [], "several nodes announce it, as their logs say together"],
    nobody: ["bad", [6, 3], "no node announces it, as their logs say together"],
  };
  const ink = {};
  const theme = () => {
    const found = getComputedStyle(document.documentElement);
    for (const name of ["page", "card", "ink", "soft", "line", "stripe", "accent", "chosen", "bad", "warn", "ok", "none"])
      ink[name] = found.getPropertyValue(`--${name}`).trim();
    patterns.clear();
  };
  const canvas = (id) => document.getElementById(id);
  const sized = (found, width, height) => {
    const dots = devicePixelRatio || 1;
    if (found.width !== Math.round(width * dots) || found.height !== Math.round(height * dots)) {
      found.width = Math.round(width * dots);
      found.height = Math.round(height * dots);
      found.style.width = `${width}px`;
      found.style.height = `${height}px`;
    }
    const to = found.getContext("2d");
    to.setTransform(dots, 0, 0, dots, 0, 0);
    to.clearRect(0, 0, width, height);
    return to;
  };

  const patterns = new Map();
  const strokes = [null, [[0, 8, 8, 0]], [[0, 0, 8, 8]], [[0, 4, 8, 4]], [[4, 0, 4, 8]], "dots", [[0, 8, 8, 0], [0, 0, 8, 8]]];
  const paint = (to, { colour, texture }) => {
    if (!texture) return COLOURS[colour];
    const key = colour * 8 + texture;
    let found = patterns.get(key);
    if (!found) {
      const tile = new OffscreenCanvas(8, 8), pen = tile.getContext("2d");
      pen.fillStyle = COLOURS[colour];
      pen.fillRect(0, 0, 8, 8);
      pen.strokeStyle = pen.fillStyle = "rgb(255 255 255 / 75%)";
      pen.lineWidth = 1.6;
      if (strokes[texture] === "dots") pen.fillRect(2, 2, 3, 3);
      else for (const [a, b, c, d] of strokes[texture]) { pen.beginPath(); pen.moveTo(a, b); pen.lineTo(c, d); pen.stroke(); }
      found = to.createPattern(tile, "repeat");
      patterns.set(key, found);
    }
    return found;
  };
  const swatch = (owner) => {
    const found = document.createElement("canvas");
    const to = sized(found, 22, 12);
    to.fillStyle = paint(to, P.styleOf.get(owner));
    to.fillRect(0, 0, 22, 12);
    return found;
  };
  const sign = (to, kind, at, y, size = 13) => {
    const [shape, colour] = SIGNS[kind];
    to.font = `700 ${size}px system-ui, "DejaVu Sans", sans-serif`;
    to.textAlign = "center";
    to.textBaseline = "middle";
    to.lineWidth = 3.5;
    to.lineJoin = "round";
    to.strokeStyle = ink.card;
    to.strokeText(shape, at, y);
    to.fillStyle = ink[colour];
    to.fillText(shape, at, y);
  };
  Object.assign(P, { COLOURS, INK_ON, SIGNS, SPANS, ink, theme, canvas, sized, paint, swatch, sign });
})();
