// Data of the page, what is chosen, and small helpers. Texts from records reach the page as text nodes only.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

const chosen = {
  picture: data.pictures[0] ?? "",
  time: data.times.length - 1,
  rows: "",
  columns: "",
  reference: "",
  size: "fit",
  axis: "time",
  hue: "",
  metric: "",
  all: false,
  sort: "",
  descending: false,
  hidden: new Map(), // name of a setting, or "status" -> values that are left out
};

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name === "click") element.addEventListener("click", value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const shown = (value) => (value === null || value === undefined ? "–" : String(value));
const rounded = (value) => (value === null ? "–" : String(Number(value.toPrecision(4))));

function valueOf(run, name) {
  if (name === "status") return run.status;
  return run.settings[data.varying.indexOf(name)];
}

function label(run, names = data.varying) {
  const words = names.map((name) => `${name}=${shown(valueOf(run, name))}`);
  return words.join(" ") || run.name;
}

// Different values of a setting, numbers in their order, others as they come.
function valuesOf(name, runs = data.runs) {
  const found = [...new Map(runs.map((run) => [shown(valueOf(run, name)), valueOf(run, name)])).values()];
  return found.every((value) => typeof value === "number") ? found.sort((a, b) => a - b) : found;
}

const isVisible = (run) =>
  [...chosen.hidden].every(([name, values]) => !values.has(shown(valueOf(run, name))));
const visibleRuns = () => data.runs.filter(isVisible);

// The place of the latest time up to `time` that a mapping "place of a time -> thing" has; undefined if there is none.
function latest(byTime, time) {
  for (let place = time; place >= 0; place -= 1) if (byTime?.[place] !== undefined) return place;
  return undefined;
}

function fillSelect(id, options, value) {
  byId(id).replaceChildren(
    ...options.map(([key, text]) => make("option", { value: key, selected: key === value }, text)),
  );
}
