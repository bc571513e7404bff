// Maps: pictures, differences between maps, and their keys.
const decoded = new Map();

function mapOf(run, time) {
  const entry = data.maps[chosen.picture]?.runs[data.runs.indexOf(run)]?.[time];
  if (!entry) return null;
  if (!decoded.has(entry)) {
    const codes = Uint8Array.from(atob(entry[2]), (letter) => letter.charCodeAt(0));
    decoded.set(entry, { rows: entry[0], columns: entry[1], codes });
  }
  return decoded.get(entry);
}

// Signed difference of two maps in the unit of the map; of a cyclic one the shorter way round. NaN without a value.
function difference(map, reference) {
  const { low, high, period } = data.maps[chosen.picture];
  const scale = (high - low) / (period === null ? 254 : 255);
  return Float64Array.from(map.codes, (code, unit) => {
    const other = reference.codes[unit];
    if (code === 255 || other === 255) return NaN;
    const steps = code - other;
    return scale * (period === null ? steps : ((((steps + 127) % 255) + 255) % 255) - 127);
  });
}

const largestDifference = () => {
  const { low, high, period } = data.maps[chosen.picture];
  return period === null ? high - low || 1 : period / 2;
};

// Blue, white, red for -1, 0, 1; grey without a value.
function diverging(share) {
  if (Number.isNaN(share)) return [184, 184, 184];
  const end = share < 0 ? [33, 102, 172] : [178, 24, 43];
  return end.map((part) => Math.round(247 + (part - 247) * Math.min(1, Math.abs(share))));
}

function differenceFace(run, reference, time) {
  const map = mapOf(run, time);
  const other = mapOf(reference, time);
  if (!map || !other) return { face: "no map here", caption: "" };
  if (map.rows !== other.rows || map.columns !== other.columns) return { face: "other number of units", caption: "" };
  const values = difference(map, other);
  const canvas = make("canvas", { width: map.columns, height: map.rows });
  const image = new ImageData(map.columns, map.rows);
  values.forEach((value, unit) => image.data.set([...diverging(value / largestDifference()), 255], 4 * unit));
  canvas.getContext("2d").putImageData(image, 0, 0);
  const finite = values.filter((value) => !Number.isNaN(value)).map(Math.abs);
  const mean = finite.length ? finite.reduce((sum, value) => sum + value, 0) / finite.length : null;
  const unit = data.maps[chosen.picture].unit;
  return { face: canvas, caption: `mean |Δ| ${rounded(mean)}${unit === "1" ? "" : unit === "°" ? "°" : ` ${unit}`}` };
}

// The picture of a run at a time, or the latest one before it, marked.
function pictureFace(run, time, name = chosen.picture) {
  const places = run.pictures?.[name];
  const place = latest(places, time);
  if (place === undefined) {
    if (!places) return { face: run.directory ? "no such picture" : run.status, late: "" };
    return { face: `from time ${data.times[Math.min(...Object.keys(places))]}`, late: "" };
  }
  const text = `${name} of ${label(run)} at time ${data.times[place]}`;
  const image = make("img", { src: data.uris[places[place]], alt: text, decoding: "sync", draggable: "false" });
  return { face: image, late: place === time ? "" : `at ${data.times[place]}` };
}

function tile(run, time, size, captioned) {
  const reference = data.runs[chosen.reference];
  const differs = reference && data.maps[chosen.picture];
  const { face, late = "", caption = "" } = differs ? differenceFace(run, reference, time) : pictureFace(run, time);
  const box = make("span", { class: "face" }, face);
  box.style.width = box.style.height = `${size}px`;
  if (!["done", "running"].includes(run.status)) box.append(make("span", { class: "mark" }, run.status));
  if (late) box.append(make("span", { class: "mark late" }, late));
  const button = make("button", {
    type: "button",
    class: run === reference ? "tile reference" : "tile",
    title: `${label(run)}: ${run.status}`,
    "aria-label": `${label(run)}, ${run.status}, time ${data.times[time]}${caption && `, ${caption}`}. Open the run`,
    "data-run": data.runs.indexOf(run),
    click: () => openRun(run),
  }, box);
  for (const text of [...(captioned ? [captioned] : []), ...(differs ? [caption || "–"] : [])]) {
    const line = make("span", { class: "caption" }, text);
    line.style.width = `${size}px`;
    button.append(line);
  }
  return button;
}

function orientationBars() {
  const bars = draw("svg", { width: 216, height: 24, role: "img", "aria-label": "colours of orientations" });
  for (let number = 0; number < 8; number += 1) {
    const [x, angle] = [14 + 27 * number, (number * Math.PI) / 8];
    const [dx, dy] = [9 * Math.cos(angle), -9 * Math.sin(angle)];
    const colour = `hsl(${number * 45} 100% 50%)`;
    bars.append(draw("line", { x1: x - dx, y1: 12 - dy, x2: x + dx, y2: 12 + dy, stroke: colour, "stroke-width": 4 }));
  }
  return bars;
}

function differenceBar() {
  const bar = draw("svg", { width: 160, height: 14, role: "img", "aria-label": "blue: smaller, red: larger" });
  for (let step = 0; step < 32; step += 1) {
    const [red, green, blue] = diverging((step - 15.5) / 15.5);
    bar.append(draw("rect", { x: 5 * step, y: 0, width: 5, height: 14, fill: `rgb(${red},${green},${blue})` }));
  }
  return bar;
}

function drawKey() {
  const reference = data.runs[chosen.reference];
  const map = data.maps[chosen.picture];
  const parts = [];
  if (reference && map) {
    const end = `${rounded(largestDifference())}${map.unit === "1" ? "" : map.unit}`;
    parts.push(`minus ${label(reference)}:`, make("span", {}, `−${end}`), differenceBar(), make("span", {}, `+${end}`));
    parts.push(map.period === null ? "" : "the shorter way round");
  } else if (reference) {
    parts.push(`no difference: ${chosen.picture} is not one map of a sheet; the pictures are shown`);
  } else if (map?.period === 180) {
    parts.push("prefers", orientationBars(), chosen.picture.endsWith("/orientation") ? "white: unselective" : "");
  } else if (map) {
    parts.push(map.unit === "1" || !map.unit ? "" : `in ${map.unit}`);
  }
  byId("key").replaceChildren(...parts.filter((part) => part !== ""));
}
