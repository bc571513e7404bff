// The runs in rows and columns: by a setting, by run, by time, or all side by side.
const RUN = "(run)";
const TIME = "(time)";

function groups(name, runs) {
  if (name === "") return [{ head: "", has: () => true }];
  if (name === RUN) return runs.map((run) => ({ head: label(run), has: (other) => other === run }));
  if (name === TIME) return data.times.map((time, place) => ({ head: `time ${time}`, has: () => true, time: place }));
  return valuesOf(name, runs).map((value) => ({
    head: `${name}=${shown(value)}`,
    has: (run) => shown(valueOf(run, name)) === shown(value),
  }));
}

function defaultArrangement() {
  const [first, second] = [...data.varying].sort((a, b) => data.seeds.includes(a) - data.seeds.includes(b));
  if (second === undefined) return ["", ""];
  return valuesOf(first).length > valuesOf(second).length && !data.seeds.includes(second) ? [second, first] : [first, second];
}

function largestTile(width, height, count, extra) {
  let best = { size: 0, across: 1 };
  for (let across = 1; across <= count; across += 1) {
    const size = Math.min((width - 3 * across) / across - 2, height / Math.ceil(count / across) - extra);
    if (size > best.size) best = { size, across };
  }
  return best;
}

function drawGrid() {
  const runs = visibleRuns();
  const [rows, columns] = [groups(chosen.rows, runs), groups(chosen.columns, runs)];
  const cells = rows.map((row) => columns.map((column) => runs.filter((run) => row.has(run) && column.has(run))));
  const most = Math.max(1, ...cells.flat().map((cell) => cell.length));
  const named = data.varying.filter((name) => ![chosen.rows, chosen.columns].includes(name));
  const captioned = most > 1 || (chosen.rows === "" && chosen.columns === "");
  const lines = (captioned ? 1 : 0) + (chosen.reference !== "" && data.maps[chosen.picture] ? 1 : 0);
  const grid = byId("grid");
  const heads = chosen.rows === "" ? 0 : Math.min(300, 12 + 7.5 * Math.max(...rows.map((row) => row.head.length)));
  const width = (grid.clientWidth - heads) / columns.length - 6;
  const below = window.innerHeight - (grid.getBoundingClientRect().top + window.scrollY) - 34;
  const height = Math.max(0, below - (chosen.columns === "" ? 0 : 24)) / rows.length - 6;
  const extra = 15 * lines + 5;
  const fit = largestTile(width, height, most, extra);
  const size = Math.floor(chosen.size === "fit" ? Math.max(fit.size, 76) : Number(chosen.size));
  const across = Math.min(most, chosen.size === "fit" ? fit.across : Math.max(1, Math.floor(width / (size + 5))));
  const table = make("table", {});
  if (chosen.columns !== "") {
    const corner = chosen.rows === "" ? [] : [make("td")];
    table.append(make("thead", {}, make("tr", {}, ...corner, ...columns.map(({ head }) => make("th", { scope: "col" }, head)))));
  }
  const body = rows.map((row, y) => {
    const head = chosen.rows === "" ? [] : [make("th", { scope: "row" }, row.head)];
    const filled = columns.map((column, x) => {
      const time = row.time ?? column.time ?? chosen.time;
      const tiles = cells[y][x].map((run) => tile(run, time, size, captioned ? label(run, named) : ""));
      const cell = make("div", { class: "cell" }, ...tiles);
      cell.style.maxWidth = `${across * (size + 5) + 2}px`;
      return make("td", {}, cell);
    });
    return make("tr", {}, ...head, ...filled);
  });
  table.append(make("tbody", {}, ...body));
  grid.style.overflowX = "auto";
  const focused = document.activeElement?.dataset?.run;
  grid.replaceChildren(runs.length ? table : make("p", {}, "No run passes the filter."));
  if (focused !== undefined) grid.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
  byId("now").textContent = data.times.length ? shown(data.times[chosen.time]) : "no time";
  drawKey();
}

function drawFacets() {
  const names = ["status", ...data.varying].filter((name) => valuesOf(name).length > 1);
  byId("facets").replaceChildren(...names.map((name) => {
    const boxes = valuesOf(name).map((value) => {
      const box = make("input", { type: "checkbox", checked: true, "data-name": name, value: shown(value) });
      box.addEventListener("change", () => {
        const hidden = chosen.hidden.get(name) ?? new Set();
        if (box.checked) hidden.delete(box.value);
        else hidden.add(box.value);
        chosen.hidden.set(name, hidden);
        drawAll();
      });
      return make("label", {}, box, ` ${shown(value)}`);
    });
    return make("fieldset", {}, make("legend", {}, name), ...boxes);
  }));
  byId("filters").hidden = names.length === 0;
}
