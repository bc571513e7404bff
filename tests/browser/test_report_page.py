"""The page of a sweep in a browser, from disk: slider, rows and columns, filter, differences, keys."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.after.report_runs import make_sweep
from topo_exp.after.report import write_report

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER),
        reason="needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)",
    ),
]
HOSTILE = "<script>document.title='hit'</script><img src=x onerror=\"document.title='hit'\">"
CONTRASTS, SEEDS, TIMES = (15, 20, 50, 100), tuple(range(6)), (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser without a screen or a network."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in (
        "--headless",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
        *(["--no-sandbox"] if os.getuid() == 0 else []),
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    size = {"width": 1600, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address on disk of the page of 24 runs of six times."""
    settings = {"contrast": CONTRASTS, "input_seed": SEEDS}
    return write_report(
        make_sweep(tmp_path_factory.mktemp("page"), settings, times=TIMES, tag=HOSTILE, metric=f"V1/{HOSTILE}")
    ).as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Any:
    """The page, loaded anew."""
    browser.get(address)
    assert browser.execute_script("return document.documentElement.dataset.ready") == "true"
    return browser


def find(page: Any, selector: str) -> list[Any]:
    """Return the elements that a CSS selector finds."""
    return page.find_elements("css selector", selector)


def choose(page: Any, name: str, value: str) -> None:
    """Choose an entry of a list by its text."""
    from selenium.webdriver.support.ui import Select

    Select(find(page, f"#{name}")[0]).select_by_visible_text(value)


def shown(page: Any) -> list[str]:
    """Return the texts of all pictures of the grid."""
    return [image.get_attribute("alt") for image in find(page, "#grid img")]


def test_all_runs_are_on_the_first_screen(page: Any, tmp_path: Path) -> None:
    """24 maps at the last time, in rows and columns of the two settings, with one slider, without a click."""
    page.save_screenshot(tmp_path / "page.png")
    tiles = find(page, "#grid .tile")
    assert len(tiles) == 24
    assert all(tile.rect["y"] + tile.rect["height"] <= 900 and tile.rect["width"] >= 76 for tile in tiles)
    assert all(text.endswith("at time 5") for text in shown(page))
    assert [head.text for head in find(page, "#grid th[scope=row]")] == [f"contrast={each}" for each in CONTRASTS]
    assert [head.text for head in find(page, "#grid th[scope=col]")] == [f"input_seed={each}" for each in SEEDS]
    assert len(find(page, "#curves .band")) == len(CONTRASTS)
    assert page.get_log("browser") == []
    assert page.title == "sweep"


def test_the_slider_and_keys_change_the_time_of_all(page: Any) -> None:
    """Arrow keys move through time on the slider and anywhere else; each run shows its picture of that time."""
    from selenium.webdriver.common.keys import Keys

    find(page, "#time")[0].send_keys(Keys.HOME)
    assert all(text.endswith("at time 0") for text in shown(page))
    before = find(page, "#grid img")[0].get_attribute("src")
    find(page, "body")[0].send_keys(Keys.ARROW_RIGHT)
    assert all(text.endswith("at time 1") for text in shown(page))
    assert find(page, "#now")[0].text == "1"
    assert find(page, "#grid img")[0].get_attribute("src") != before


def test_times_can_be_columns(page: Any) -> None:
    """With runs as rows and times as columns, each run stands with all of its times."""
    choose(page, "rows", "run")
    choose(page, "columns", "time")
    assert len(find(page, "#grid th[scope=row]")) == 24
    assert [text.rpartition(" ")[2] for text in shown(page)[:6]] == ["0", "1", "2", "3", "4", "5"]


def test_a_filter_leaves_runs_out_everywhere(page: Any) -> None:
    """Grid, curves and table have the runs that pass, and the number is said."""
    find(page, "#filters summary")[0].click()
    find(page, "#facets input[data-name=contrast][value='15']")[0].click()
    assert len(find(page, "#grid .tile")) == 18
    assert len(find(page, "#curves .band")) == 3
    assert len(find(page, "#runs tbody tr")) == 18
    assert find(page, "#filtered")[0].text == "18 of 24 runs"


def test_the_key_of_an_orientation_map_has_bars(page: Any) -> None:
    """Eight bars say which orientation a colour stands for, with no unit beside them."""
    assert len(find(page, "#key line")) == 8
    assert find(page, "#key")[0].text.split("\n")[0].startswith("prefers")
    assert "°" not in find(page, "#key")[0].text


def test_differences_go_the_shorter_way_round(page: Any) -> None:
    """Maps that differ by 10 degrees from run to run differ by 10, and by 80 where 100 would be the longer way."""
    from selenium.webdriver.common.keys import Keys

    find(page, "#grid .tile")[0].send_keys(Keys.ENTER)
    assert find(page, "#detail")[0].is_displayed()
    find(page, "#compare")[0].click()
    captions = [caption.text for caption in find(page, "#grid .caption")]
    values = [float(caption.removeprefix("mean |Δ| ").removesuffix("°")) for caption in captions]
    expected = [min(10 * number % 180, 180 - 10 * number % 180) for number in range(24)]
    assert all(abs(value - wanted) < 0.75 for value, wanted in zip(values, expected, strict=True))
    assert "\N{MINUS SIGN}90°" in find(page, "#key")[0].text


def test_runs_are_sorted_by_a_column(page: Any) -> None:
    """A click on the head of a column sorts, a second one turns the order; the focus stays."""
    for wanted, order in (("0", "ascending"), ("5", "descending")):
        find(page, "[data-sort=input_seed]")[0].click()
        assert find(page, "#runs tbody tr td:nth-child(2)")[0].text == wanted
        assert find(page, "#runs th:nth-child(2)")[0].get_attribute("aria-sort") == order
    assert page.switch_to.active_element.get_attribute("data-sort") == "input_seed"
    assert HOSTILE in find(page, "#runs")[0].text
