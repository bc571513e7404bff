// What the controls do.
let player = 0;

function drawAll() {
  const number = visibleRuns().length;
  byId("filtered").textContent = number === data.runs.length ? `all ${number} runs` : `${number} of ${data.runs.length} runs`;
  drawGrid();
  drawCurves();
  drawRuns();
}

function showTime(time) {
  chosen.time = Math.max(0, Math.min(data.times.length - 1, time));
  byId("time").value = chosen.time;
  byId("time").setAttribute("aria-valuetext", `time ${shown(data.times[chosen.time])}`);
  drawGrid();
  drawCurves();
}

function showPicture(step) {
  const count = data.pictures.length;
  if (!count) return;
  chosen.picture = data.pictures[(data.pictures.indexOf(chosen.picture) + step + count) % count];
  byId("picture").value = chosen.picture;
  drawGrid();
}

function play() {
  const button = byId("play");
  if (player) {
    clearInterval(player);
    player = 0;
  } else {
    player = setInterval(() => showTime((chosen.time + 1) % data.times.length), 800);
  }
  button.textContent = player ? "Pause" : "Play";
  button.setAttribute("aria-pressed", String(Boolean(player)));
}

function setUp() {
  [chosen.rows, chosen.columns] = defaultArrangement();
  const settings = data.varying.map((name) => [name, name]);
  const hues = data.varying.filter((name) => !data.seeds.includes(name));
  chosen.hue = hues.length ? "(all)" : data.varying.length ? "" : RUN;
  fillSelect("picture", data.pictures.map((name) => [name, name]), chosen.picture);
  fillSelect("rows", [["", "one"], [RUN, "run"], [TIME, "time"], ...settings], chosen.rows);
  fillSelect("columns", [["", "one"], [RUN, "run"], [TIME, "time"], ...settings], chosen.columns);
  fillSelect("reference", [["", "nothing"], ...data.runs.map((run, number) => [String(number), label(run)])], "");
  const numeric = data.varying.filter((name) => valuesOf(name).every((value) => typeof value === "number"));
  fillSelect("axis", [["time", "time"], ...numeric.map((name) => [name, name])], "time");
  fillSelect("hue", [...(hues.length ? [["(all)", "all settings but seeds"]] : []), ["", "nothing"], [RUN, "run"], ...settings], chosen.hue);
  byId("time").max = Math.max(0, data.times.length - 1);
  byId("time").value = chosen.time;
  byId("time").disabled = byId("play").disabled = data.times.length < 2;
  for (const name of ["picture", "rows", "columns", "reference", "size"]) {
    byId(name).addEventListener("change", (event) => {
      chosen[name] = event.target.value;
      drawGrid();
    });
  }
  for (const name of ["axis", "hue"]) {
    byId(name).addEventListener("change", (event) => {
      chosen[name] = event.target.value;
      drawCurves();
    });
  }
  byId("metric").addEventListener("input", (event) => {
    chosen.metric = event.target.value;
    drawCurves();
  });
  byId("more").addEventListener("click", () => {
    chosen.all = true;
    drawCurves();
  });
  byId("time").addEventListener("input", (event) => showTime(Number(event.target.value)));
  byId("play").addEventListener("click", play);
  byId("runs").addEventListener("click", (event) => {
    const name = event.target.dataset.sort;
    if (name === undefined) return;
    chosen.descending = chosen.sort === name && !chosen.descending;
    chosen.sort = name;
    drawRuns();
    [...byId("runs").querySelectorAll("[data-sort]")].find((button) => button.dataset.sort === name).focus();
  });
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
  });
  document.addEventListener("keydown", (event) => {
    const isTyped = event.target.matches?.("input, select, textarea") || byId("detail").open;
    if (isTyped || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "ArrowLeft") showTime(chosen.time - 1);
    else if (event.key === "ArrowRight") showTime(chosen.time + 1);
    else if (event.key === ",") showPicture(-1);
    else if (event.key === ".") showPicture(1);
    else return;
    event.preventDefault();
  });
  byId("filters").addEventListener("toggle", drawGrid);
  addEventListener("resize", drawGrid);
  drawFacets();
  showTime(chosen.time);
  drawAll();
  document.documentElement.dataset.ready = "true";
}

setUp();
