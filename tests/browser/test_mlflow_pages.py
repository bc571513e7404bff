"""MLflow's pages in a browser: the runs, their numbers over time, their maps side by side."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from topo_exp.record.handle import load_run
from topo_exp.record.layout import find_runs
from topo_exp.record.run_yaml import read_record

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER),
        reason="needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)",
    ),
]

ROOT = Path(__file__).parents[2]
DENSITIES = (3, 4, 5, 10)
"""Of the sweep's runs, which begin in another order."""
STEPS = ("0", "1", "2")
"""The steps of MLflow at the times 0, 1 and 2."""
VIEWS = ("maps over time", "development", "table")
WIDTH, HEIGHT = 1500, 3200
"""Of the window, in pixels: the first sections of charts fit, and no more, for each costs time."""
PATIENCE = 180.0
"""Seconds to wait for something to appear."""
CARD = "[data-testid=experiment-view-compare-runs-card]"
SECTION = "[data-testid=experiment-view-compare-runs-section-header]"


def environment(output: Path) -> dict[str, str]:
    """Return the environment of a user without settings, whose runs are in `output`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return {**clean, "TOPO_EXP_OUTPUT": str(output), "PYTHONPATH": str(ROOT)}


def program(output: Path, *words: str) -> subprocess.Popen[str]:
    """Start the program in an empty directory."""
    return subprocess.Popen(
        [sys.executable, "-m", "topo_exp", *words],
        cwd=output.parent,
        env=environment(output),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def pages(output: Path) -> Iterator[tuple[subprocess.Popen[str], str, dict[str, str]]]:
    """Yield the process that serves the pages, its address, and the other addresses that it prints, by their titles."""
    server = program(output, "ui", "--port", "0")
    try:
        assert server.stdout is not None
        assert select.select([server.stdout], [], [], PATIENCE)[0], "the server does not print its address"
        printed: dict[str, str] = {}
        while "MLflow" not in printed:
            title, _, address = server.stdout.readline().strip().rpartition(": ")
            printed[title] = address.split()[0]
        yield server, printed.pop("MLflow"), printed
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGINT)
        server.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make four small runs and their database, by the command line."""
    output = tmp_path_factory.mktemp("browser") / "Output"
    densities = ",".join(map(str, DENSITIES[1:] + DENSITIES[:1]))
    sweep = program(output, "-m", f"cortex_density={densities}", "times=[0,1,2]")
    _, errors = sweep.communicate(timeout=PATIENCE)
    assert sweep.returncode == 0, errors
    return output


@pytest.fixture(scope="module")
def runs(output: Path) -> list[Any]:
    """The runs, as their directories have them."""
    return [load_run(path) for path in find_runs([output])]


@pytest.fixture(scope="module")
def served(output: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of the server, and the addresses of the pages by title."""
    with pages(output) as (_, address, titles):
        yield address, titles


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser without a screen, that finds this machine only."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in (
        "--headless",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        f"--window-size={WIDTH},{HEIGHT}",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
        *(["--no-sandbox"] if os.getuid() == 0 else []),  # the sandbox refuses root
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
        try:
            yield driver
        finally:
            driver.quit()


def eventually(browser: Any, condition: Callable[[], Any], what: str) -> Any:
    """Wait until `condition` gives something true, and return it."""
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    ignored = (StaleElementReferenceException, IndexError, StopIteration)
    return WebDriverWait(browser, PATIENCE, poll_frequency=0.2, ignored_exceptions=ignored).until(
        lambda _: condition(), message=what
    )


def find(within: Any, selector: str) -> list[Any]:
    """Return the elements that a CSS selector finds."""
    return within.find_elements("css selector", selector)


def text(browser: Any) -> str:
    """Return all text of the page."""
    return find(browser, "body")[0].text


def picture_cards(browser: Any) -> dict[str, Any]:
    """Return the cards that show pictures, by title."""
    return {find(card, "h4")[0].text: card for card in find(browser, CARD) if find(card, "img")}


def chart_counts(browser: Any) -> dict[str, int]:
    """Return the number of charts in each section of the page, in order."""
    headers = [re.match(r"(.*?)\s*\((\d+)\)", header.text) for header in find(browser, SECTION)]
    return {header[1]: int(header[2]) for header in headers if header}


def steps_shown(browser: Any, card: Any) -> list[str]:
    """Return the step of each run's picture in a card, once all of them are loaded; else nothing."""
    from urllib.parse import unquote

    pictures = find(card, "img")
    loaded = browser.execute_script(
        "return arguments[0].every(image => image.complete && image.naturalWidth > 50)", pictures
    )
    return (
        [re.findall(r"\+step\+(\d+)\+", unquote(image.get_attribute("src")))[0] for image in pictures] if loaded else []
    )


@pytest.fixture
def laptop(browser: Any) -> Iterator[Any]:
    """The browser with a screen of 1600 x 900 and an empty page, for one test."""
    browser.get("about:blank")
    browser.set_window_size(1600, 900)
    yield browser
    browser.get("about:blank")
    browser.set_window_size(WIDTH, HEIGHT)


@pytest.fixture
def charts(browser: Any, served: tuple[str, dict[str, str]]) -> Any:
    """The page that the command names for the experiment, with its charts: loaded once, for it takes long."""
    if "compareRunsMode=CHART" not in browser.current_url or "viewStateShareKey" in browser.current_url:
        browser.get("about:blank")
        browser.get(plain_page(served))
    eventually(browser, lambda: find(browser, f"{CARD} img"), "pictures")
    return browser


def plain_page(served: tuple[str, dict[str, str]]) -> str:
    """Return the address of the experiment's charts without a saved view."""
    return re.sub(r"viewStateShareKey=[^&]*&", "", served[1]["tiny, maps over time"])


def test_the_addresses_of_saved_views_are_printed_first(served: tuple[str, dict[str, str]]) -> None:
    """It prints those of the experiment, then those of its latest sweep, all on this machine, then its own."""
    address, titles = served
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address)
    assert list(titles)[:3] == [f"tiny, {view}" for view in VIEWS]
    assert [title.rpartition(": ")[2] for title in list(titles)[3:6]] == list(VIEWS)
    assert all(re.match(r"tiny, sweep \w+: ", title) for title in list(titles)[3:6])
    assert re.match(r"tiny, page of the sweep \w+", list(titles)[6])
    assert all(page.startswith(f"{address}/#/experiments/") for page in titles.values())


PICTURES = """return [...document.querySelectorAll(arguments[0] + ' img')].map(image => {
    const place = image.getBoundingClientRect();
    return [place.top, place.bottom, place.left, place.right, image.complete ? image.naturalWidth : 0];
})"""


@pytest.mark.parametrize("index", [0, 3])
def test_four_maps_over_time_are_on_one_screen_without_a_click(
    laptop: Any, served: tuple[str, dict[str, str]], runs: list[Any], tmp_path: Path, index: int
) -> None:
    """The first row has a whole picture of each run, at least 140 pixels wide, and the slider over time below it.

    Runs of a sweep are in the order of their swept values, those of an experiment in the order of their start.
    """
    browser = laptop
    browser.get(list(served[1].values())[index])
    height = browser.execute_script("return window.innerHeight")

    def first_row() -> list[list[float]]:
        found = browser.execute_script(PICTURES, CARD)
        return [place for place in found if place[0] == found[0][0] and place[4] >= 150]

    row = eventually(browser, lambda: len(found := first_row()) == len(DENSITIES) and found, "four maps")
    browser.save_screenshot(tmp_path / "maps.png")
    assert all(top > 0 and bottom < height and right - left >= 140 for top, bottom, left, right, _ in row)
    assert len({left for _, _, left, _, _ in row}) == len(DENSITIES)
    (slider,) = find(browser, "[role=slider]")[:1]
    assert slider.get_attribute("aria-valuenow") == STEPS[-1]
    assert max(bottom for _, bottom, *_ in row) < slider.rect["y"] < height
    headers = [header.text.splitlines() for header in find(browser, f"{CARD} [role=columnheader]")][1:]
    names = [lines[-1].partition(" ")[0] for lines in headers]  # the first line is a colour
    begun = sorted(runs, key=lambda run: read_record(run.directory)["started"])
    expected = [run.parameters["cortex_density"] for run in begun] if index == 0 else list(DENSITIES)
    assert [int(name.removeprefix("cortex_density=")) for name in names] == expected
    assert "retina_density" not in find(browser, CARD)[0].text


def test_the_page_of_the_sweep_is_shown_inside_mlflow(
    laptop: Any, served: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    """From the printed address, without a click, the page shows a map of each run and one slider over time."""
    browser = laptop
    browser.get(list(served[1].values())[6])
    frame = eventually(browser, lambda: next(iter(find(browser, "iframe.mlflow-html-iframe")), None), "the page")
    browser.switch_to.frame(frame)
    maps = "#grid img, #grid canvas"
    eventually(browser, lambda: len(find(browser, maps)) >= len(DENSITIES), "a map of each run")
    assert find(browser, "input[type=range]")[0].is_displayed()
    browser.switch_to.default_content()
    browser.save_screenshot(tmp_path / "page.png")


def test_runs_are_listed_with_what_was_varied(
    browser: Any, served: tuple[str, dict[str, str]], runs: list[Any], tmp_path: Path
) -> None:
    """The table has all runs with the names of their directories; a parameter can be chosen as a column."""
    browser.set_window_size(2 * WIDTH, HEIGHT // 2)  # columns beyond the right edge are not made
    browser.get(plain_page(served).replace("=CHART", "=TABLE"))
    eventually(browser, lambda: all(run.directory.name in text(browser) for run in runs), "names of the runs")
    find(browser, "[data-testid=column-selection-dropdown]")[0].click()
    search = eventually(browser, lambda: find(browser, "input[placeholder='Search columns']")[0], "choice of columns")
    search.send_keys("cortex_density")
    nodes = "[data-testid=column-selector-tree] [class*=treenode]"
    choice = eventually(
        browser,
        lambda: next((node for node in find(browser, nodes) if node.text.strip() == "cortex_density"), None),
        "cortex_density among the columns",
    )
    find(choice, "[class*=tree-checkbox]")[0].click()
    cells, shown = "[role=gridcell][col-id*=cortex_density]", {str(density) for density in DENSITIES}
    eventually(
        browser,
        lambda: sorted({cell.text for cell in find(browser, cells)} & shown) == sorted(shown),
        "values of cortex_density",
    )
    browser.save_screenshot(tmp_path / "table.png")
    browser.set_window_size(WIDTH, HEIGHT)


def test_pictures_come_first_and_numbers_go_over_time(charts: Any, runs: list[Any], tmp_path: Path) -> None:
    """There is a card for each figure with one picture for each run, and below them a curve for each metric."""
    figures = {name for run in runs for name in run.figures}
    assert len(figures) >= 3
    cards = eventually(charts, lambda: len(found := picture_cards(charts)) == len(figures) and found, "all pictures")
    assert set(cards) == {f"Figures/{name}" for name in figures}
    for card in cards.values():
        eventually(charts, lambda card=card: len(steps_shown(charts, card)) == len(runs), "one picture for each run")
        assert all(run.directory.name in card.text for run in runs)
    charted = len(figures) + len(runs[0].metrics.columns)
    sections = eventually(
        charts, lambda: sum((counts := chart_counts(charts)).values()) == charted and counts, "all charts"
    )
    pictured = [section.split("/")[0] == "Figures" for section in sections]
    assert pictured == sorted(pictured, reverse=True)
    name = "V1/standard_gaussian_response_mean"
    curve = eventually(
        charts, lambda: next(card for card in find(charts, CARD) if find(card, "h4")[0].text == name), "a curve"
    )
    eventually(
        charts,
        lambda: len(find(curve, ".scatterlayer .trace .point")) == len(runs) * len(STEPS),
        "a point for each run and time",
    )
    charts.save_screenshot(tmp_path / "charts.png")


def test_the_slider_goes_through_time(charts: Any, runs: list[Any], tmp_path: Path) -> None:
    """Each step of a card's slider shows the pictures of the next time, for all runs."""
    from selenium.webdriver.common.keys import Keys

    name = next(name for name in runs[0].figures if name.endswith("activity"))
    card = eventually(charts, lambda: picture_cards(charts).get(f"Figures/{name}"), name)
    slider = find(card, "[role=slider]")[0]
    while slider.get_attribute("aria-valuenow") != STEPS[0]:
        slider.send_keys(Keys.ARROW_LEFT)
    for step, key in zip(STEPS, (None, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT), strict=True):
        if key:
            slider.send_keys(key)
        eventually(
            charts, lambda step=step: steps_shown(charts, card) == len(runs) * [step], f"pictures at step {step}"
        )
        assert slider.get_attribute("aria-valuenow") == step
        charts.save_screenshot(tmp_path / f"slider_{step}.png")


def test_pages_ask_nothing_of_other_machines(charts: Any, served: tuple[str, dict[str, str]]) -> None:
    """Whatever the pages load comes from the server on this machine."""
    import json

    entries = [json.loads(entry["message"])["message"] for entry in charts.get_log("performance")]
    asked = [entry["params"]["request"]["url"] for entry in entries if entry["method"] == "Network.requestWillBeSent"]
    network = [url for url in asked if url.startswith(("http:", "https:", "ws:", "wss:"))]
    assert len(network) > 10
    assert [url for url in network if not url.startswith(f"{served[0]}/")] == []


def test_a_picture_opens_in_full_size(charts: Any, runs: list[Any], tmp_path: Path) -> None:
    """A click on a small picture shows the file that the run has drawn."""
    import PIL.Image

    name, files = next((name, files) for name, files in runs[0].figures.items() if name.endswith("retinotopy"))
    card = eventually(charts, lambda: picture_cards(charts).get(f"Figures/{name}"), name)
    eventually(charts, lambda: steps_shown(charts, card), "pictures")
    find(card, "img")[0].click()
    eventually(charts, lambda: find(charts, ".rc-image-preview-img"), "the picture in full size")
    width = "return document.querySelector('.rc-image-preview-img').naturalWidth"
    shown = eventually(charts, lambda: charts.execute_script(width), "its width")
    with PIL.Image.open(files[0.0]) as drawn:
        assert shown == drawn.width
    charts.save_screenshot(tmp_path / "picture.png")
    charts.get("about:blank")  # nothing else can be seen while it is open


def test_a_run_has_a_page_with_all_about_it(
    browser: Any, served: tuple[str, dict[str, str]], runs: list[Any], tmp_path: Path
) -> None:
    """Parameters, tags and files of a run are on its page."""
    run = runs[0]
    browser.get(plain_page(served).replace("=CHART", "=TABLE"))
    eventually(browser, lambda: find_link(browser, run.directory.name), "the run").click()
    eventually(browser, lambda: "cortex_density" in text(browser) and "topo_exp.directory" in text(browser), "details")
    browser.save_screenshot(tmp_path / "run.png")
    seen = text(browser)
    for name in run.parameters:
        assert name in seen
    for tag in ("topo_exp.id", "topo_exp.host", "topo_exp.varied"):
        assert tag in seen
    assert run.metadata["command"] in seen
    browser.get(browser.current_url.split("?")[0] + "/artifacts")
    files = ("run.yaml", "run.log", "network.py", "metrics.csv")
    eventually(browser, lambda: all(name in text(browser) for name in files), "files")
    find_text(browser, "run.yaml").click()
    eventually(browser, lambda: run.metadata["id"] in text(browser), "what run.yaml says")
    browser.save_screenshot(tmp_path / "files.png")


def find_link(browser: Any, words: str) -> Any:
    """Return the link that ends with these words, as the name of a run does with that of its directory, or None."""
    return next((link for link in find(browser, "a") if link.text.endswith(words)), None)


def find_text(browser: Any, words: str) -> Any:
    """Return the innermost element with exactly these words."""
    return browser.find_elements("xpath", f"//*[normalize-space(text())='{words}']")[0]


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc")
def test_only_this_machine_is_served_and_nothing_is_left(output: Path) -> None:
    """The port is open on the loopback interface alone; after Ctrl-C no process and no open port remain."""
    with pages(output) as (server, address, _):
        port = int(address.rpartition(":")[2])
        assert listening(port) == ["127.0.0.1"]
        below = descendants(server.pid)
        assert below
        server.send_signal(signal.SIGINT)
        assert server.wait(PATIENCE) == 0
    ended = time.monotonic() + 5.0
    while (left := [pid for pid in below if alive(pid)]) and time.monotonic() < ended:
        time.sleep(0.1)
    assert left == []
    assert listening(port) == []


def listening(port: int) -> list[str]:
    """Return the local addresses at which a process listens to a port."""
    addresses = []
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            _, local, _, state, *_ = line.split()
            place, _, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                raw = bytes.fromhex(place)
                addresses.append(socket.inet_ntoa(raw[::-1]) if table == "tcp" else place)
    return addresses


def descendants(pid: int) -> list[int]:
    """Return the processes below a process."""
    direct = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return direct + [below for child in direct for below in descendants(child)]


def alive(pid: int) -> bool:
    """Whether a process goes on; one that is only waiting to be taken notice of does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
