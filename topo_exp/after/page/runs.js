// The table of runs, and the window about one of them.
const isOnDisk = location.protocol === "file:"; // elsewhere, as in MLflow's page, relative links lead nowhere

function place(run) {
  if (!run.directory) return "no run yet";
  return isOnDisk ? make("a", { href: run.link }, run.name) : make("span", { title: run.directory }, run.name);
}

const COLUMNS = [
  ...data.varying.map((name) => [name, (run) => valueOf(run, name)]),
  ["status", (run) => run.status],
  ["reached", (run) => run.reached],
  ["seconds", (run) => (run.seconds === null ? null : Math.round(run.seconds))],
  ["warnings", (run) => run.warnings],
  ["tag", (run) => run.tag],
  ["directory", (run) => run.name],
].filter(([name]) => name !== "tag" || data.runs.some((run) => run.tag));

function drawRuns() {
  const value = Object.fromEntries(COLUMNS)[chosen.sort];
  const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : shown(a).localeCompare(shown(b)));
  const runs = value ? visibleRuns().sort((a, b) => order(value(a), value(b)) * (chosen.descending ? -1 : 1)) : visibleRuns();
  const heads = COLUMNS.map(([name]) => {
    const sorted = name === chosen.sort ? (chosen.descending ? "descending" : "ascending") : "none";
    const button = make("button", { type: "button", "data-sort": name, title: data.docs[name] ?? "" }, name);
    return make("th", { scope: "col", "aria-sort": sorted }, button);
  });
  const rows = runs.map((run) => make("tr", {}, ...COLUMNS.map(([name, of]) => {
    if (name === "directory") return make("td", {}, place(run));
    if (name === "status") return make("td", { class: `status-${run.status}` }, run.status, run.error ? `: ${run.error}` : "");
    const cell = of(run);
    return make("td", { class: typeof cell === "number" ? "number" : "" }, shown(cell));
  })));
  byId("runs").replaceChildren(make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
}

function openRun(run) {
  const dialog = byId("detail");
  const figures = data.pictures.map((name) => [name, pictureFace(run, chosen.time, name)]);
  const numbers = data.metrics.map((name) => [name, run.metrics[name]?.[chosen.time]]).filter(([, value]) => typeof value === "number");
  const compare = () => {
    chosen.reference = String(data.runs.indexOf(run));
    byId("reference").value = chosen.reference;
    dialog.close();
    drawAll();
  };
  dialog.replaceChildren(
    make("h3", { id: "detail-title" }, `${label(run)}, time ${shown(data.times[chosen.time])}`),
    make("p", {}, make("span", { class: `status-${run.status}` }, run.status), run.error ? `: ${run.error}` : "", run.warnings ? `, ${run.warnings} warnings` : "", " · ", place(run)),
    make("div", { class: "actions" },
      make("button", { type: "button", click: () => dialog.close() }, "Close"),
      make("button", { type: "button", id: "compare", click: compare }, "Show differences to this run")),
    make("div", { class: "pictures" }, ...figures.filter(([, found]) => found.face instanceof Element).map(([name, { face, late }]) =>
      make("figure", {}, face, make("figcaption", {}, late ? `${name} (${late})` : name)))),
    make("table", {}, make("tbody", {}, ...numbers.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, rounded(value)))))),
  );
  dialog.showModal();
}
