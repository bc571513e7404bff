// Metrics as curves: mean and confidence interval over the runs that agree in all that is drawn apart.
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b"];
const SHOWN = 9;
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [360, 210, 48, 20, 10, 34];

function hueOf(run) {
  if (chosen.hue === RUN) return label(run);
  if (chosen.hue === "") return "all runs";
  return label(run, chosen.hue === "(all)" ? data.varying.filter((name) => !data.seeds.includes(name) && name !== chosen.axis) : [chosen.hue]);
}

function curveGroups(runs) {
  return [...new Set(runs.map(hueOf))].map((name, place) => ({
    name,
    colour: COLOURS[place % COLOURS.length],
    dash: ["", "6 3", "2 3", "8 3 2 3"][Math.floor(place / COLOURS.length) % 4],
    runs: runs.filter((run) => hueOf(run) === name),
  }));
}

function summarise(values) {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { mean, low: mean, high: mean, n };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = data.student[n - 2] * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half, n };
}

function pointsOf(group, metric) {
  const byX = new Map();
  const add = (x, value) => {
    if (typeof x === "number" && typeof value === "number") byX.set(x, [...(byX.get(x) ?? []), value]);
  };
  for (const run of group.runs) {
    const values = run.metrics[metric] ?? [];
    if (chosen.axis === "time") values.forEach((value, place) => add(data.times[place], value));
    else add(valueOf(run, chosen.axis), values[chosen.time]);
  }
  return [...byX].sort((a, b) => a[0] - b[0]).map(([x, values]) => ({ x, ...summarise(values) }));
}

function ticks(low, high, count = 4) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9); value * step <= high + 1e-9 * step; value += 1) found.push(Number((value * step).toPrecision(12)));
  return found;
}

const padded = (low, high) => (low === high ? [low - (Math.abs(low) || 1) / 10, high + (Math.abs(high) || 1) / 10] : [low, high]);

function chart(metric, curves) {
  const points = curves.flatMap((curve) => curve.points);
  const [x0, x1] = padded(Math.min(...points.map((p) => p.x)), Math.max(...points.map((p) => p.x)));
  const [y0, y1] = padded(Math.min(...points.map((p) => p.low)), Math.max(...points.map((p) => p.high)));
  const x = (value) => LEFT + ((value - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - ((value - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  const unit = data.units[metric];
  const picture = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${metric} against ${chosen.axis}` });
  for (const value of ticks(y0, y1)) {
    picture.append(draw("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
    picture.append(draw("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, rounded(value)));
  }
  for (const value of ticks(x0, x1, 5)) {
    picture.append(draw("text", { x: x(value), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, rounded(value)));
  }
  picture.append(draw("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, chosen.axis === "time" ? "time (iterations)" : chosen.axis));
  if (chosen.axis === "time") {
    const now = x(data.times[chosen.time]);
    picture.append(draw("line", { class: "cursor", x1: now, x2: now, y1: TOP, y2: HEIGHT - BOTTOM }));
  }
  for (const { colour, dash, name, points: own } of curves) {
    const band = [...own.map((p) => `${x(p.x)},${y(p.high)}`), ...own.toReversed().map((p) => `${x(p.x)},${y(p.low)}`)];
    picture.append(draw("polygon", { class: "band", points: band.join(" "), fill: colour, "fill-opacity": 0.16 }));
    picture.append(draw("polyline", { class: "curve", points: own.map((p) => `${x(p.x)},${y(p.mean)}`).join(" "), fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": dash }));
    for (const p of own) {
      const range = p.n > 1 ? ` [${rounded(p.low)}, ${rounded(p.high)}]` : "";
      const text = `${name}, ${chosen.axis} ${p.x}: ${rounded(p.mean)}${range}, n = ${p.n}`;
      picture.append(draw("circle", { cx: x(p.x), cy: y(p.mean), r: 3, fill: colour }, draw("title", {}, text)));
    }
  }
  const meaning = [data.docs[metric], unit && unit !== "1" ? `in ${unit}` : ""].filter(Boolean).join(", ");
  return make("figure", {}, make("figcaption", {}, metric, make("small", {}, meaning)), picture);
}

function drawCurves() {
  const curves = curveGroups(visibleRuns());
  const wanted = data.metrics.filter((name) => name.toLowerCase().includes(chosen.metric.toLowerCase()));
  const drawn = wanted
    .map((metric) => [metric, curves.map((curve) => ({ ...curve, points: pointsOf(curve, metric) })).filter((curve) => curve.points.length)])
    .filter(([, found]) => found.length);
  const charts = (chosen.all ? drawn : drawn.slice(0, SHOWN)).map(([metric, found]) => chart(metric, found));
  byId("curves").replaceChildren(...(charts.length ? charts : [make("p", {}, "No number to draw.")]));
  byId("more").hidden = chosen.all || drawn.length <= SHOWN;
  byId("more").textContent = `Show all ${drawn.length} metrics`;
  const most = Math.max(0, ...drawn.flatMap(([, found]) => found.flatMap((curve) => curve.points.map((p) => p.n))));
  byId("legend").replaceChildren(
    ...curves.map(({ name, colour, dash }) => make("span", {}, swatch(colour, dash), name)),
    most > 1 ? make("span", {}, `mean and ${100 * data.confidence} % confidence, n ≤ ${most}`) : "",
  );
}

function swatch(colour, dash) {
  const line = draw("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: colour, "stroke-width": 3, "stroke-dasharray": dash });
  return draw("svg", { width: 22, height: 10, "aria-hidden": "true" }, line);
}
