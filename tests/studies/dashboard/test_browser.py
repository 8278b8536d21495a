"""The page in a real browser: Debian's chromium, driven by selenium."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tightfit import SpecError
from tightfit.studies.dashboard import app, create_dashboard, make_server
from tightfit.studies.figures import draw_cloud, front, style
from tightfit.studies.report import write_report
from tightfit.studies.results import Results

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="no chromium with its chromedriver (Debian: chromium, chromium-driver)",
    ),
]


@dataclass
class Page:
    """A browser that looks at a page."""

    driver: webdriver.Chrome
    address: str = ""
    exported: list[int] = field(default_factory=list)

    def wait(self, what: Callable[[], object]) -> None:
        """Wait until ``what`` gives something true."""
        WebDriverWait(self.driver, 20).until(lambda _: what())

    def one(self, selector: str) -> WebElement:
        """Return the element of a CSS selector once it is there."""
        self.wait(lambda: self.driver.find_elements(By.CSS_SELECTOR, selector))
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """Return an element's text; its parts may be drawn anew at any moment."""
        found = self.driver.execute_script(
            "return document.querySelector(arguments[0])?.innerText || ''", selector
        )
        return str(found)

    def says(self, selector: str, words: str) -> None:
        """Wait until an element's text has the words."""
        self.wait(lambda: words in self.text(selector))

    def click_on_network(self, key: str) -> None:
        """Move the pointer to the mark of a network in the front's figure and click."""
        self.wait(lambda: self.driver.execute_script(_MARK, key))
        ActionChains(self.driver).move_to_element(
            self.driver.execute_script(_MARK, key)
        ).click().perform()

    def row(self, trial: int) -> WebElement:
        """Return the button of a trial in the table."""
        return self.driver.find_element(By.XPATH, f"//button[text()='trial {trial}']")

    def ink(self) -> str:
        """Return the colour of the words in the front's figure."""
        found = self.driver.execute_script(
            "return document.querySelector('#front .js-plotly-plot')?._fullLayout?.font.color"
        )
        return str(found)

    def prefer(self, scheme: str) -> None:
        """Let the system turn dark or light."""
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def focused(self) -> str:
        """Return the text of what the keyboard is on."""
        return str(self.driver.execute_script("return document.activeElement.innerText"))

    def buttons(self) -> set[str]:
        """Return the titles of the buttons that figures have."""
        found = self.driver.execute_script(
            "return [...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)"
        )
        return set(found)

    def complaints(self) -> list[str]:
        """Return what the browser's console says."""
        return [str(entry["message"]) for entry in self._log("browser")]

    def foreign_requests(self) -> list[str]:
        """Return the addresses that were asked for elsewhere than on this page's server."""
        messages = (json.loads(entry["message"])["message"] for entry in self._log("performance"))
        urls = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        # The browser's own first tab is none of ours.
        own = (self.address, "data:", "blob:", "chrome:")
        return [url for url in urls if not url.startswith(own)]

    def _log(self, name: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(name)  # type: ignore[no-untyped-call]
        return entries


_MARK = """
const figure = document.querySelector("#front .js-plotly-plot");
for (const trace of figure?.calcdata || []) {
  const keys = trace[0].trace.customdata || [];
  const position = [...keys].indexOf(arguments[0]);
  if (position < 0) continue;
  const marks = figure.querySelectorAll(`.trace${trace[0].trace.uid} path.point`);
  return marks[position];
}
"""


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, "--window-size=1400,1300", f"--user-data-dir={tmp_path / 'browser'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Page(driver)
    finally:
        driver.quit()


@pytest.fixture
def serving(page: Page) -> Iterator[Callable[..., Page]]:
    """Serve a run and open its page."""
    closing: list[Callable[[], None]] = []

    def start(
        load: Callable[[], Results], *, failing: str = "", until: threading.Event | None = None
    ) -> Page:
        def export(trial: int) -> Path:
            if until is not None:
                until.wait(20)
            if failing:
                raise SpecError(failing)
            page.exported.append(trial)
            return Path(f"exports/trial-{trial}")

        server = make_server(create_dashboard(load, export), port=0)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        closing.append(server.close)
        page.address = server.url
        page.driver.get(page.address)
        page.one("#front .main-svg")
        return page

    yield start
    for close in closing:
        close()


def test_a_click_on_a_point_shows_the_network_and_export_exports_it(
    results: Results, serving: Callable[..., Page]
) -> None:
    page = serving(lambda: results)
    page.says("#member-name", "Trial 24")

    page.click_on_network("36")
    page.says("#member-name", "Trial 36")
    page.one("#layers .bars path")
    page.says("#settings", "training.learning_rate")
    page.wait(lambda: page.one("#export").is_enabled())
    page.one("#export").click()
    page.says("#exported", "Trial 36 lies in exports/trial-36")

    assert page.exported == [36]
    assert page.complaints() == []
    assert page.foreign_requests() == []


def test_a_row_and_then_the_same_point_again_show_their_networks(
    results: Results, serving: Callable[..., Page]
) -> None:
    page = serving(lambda: results)
    page.click_on_network("36")
    page.says("#member-name", "Trial 36")

    page.row(0).click()
    page.says("#member-name", "Trial 0")
    page.click_on_network("36")
    page.says("#member-name", "Trial 36")
    page.says("tr.shown", "trial 36")

    assert page.complaints() == []


def test_a_network_that_is_not_on_the_front_cannot_be_exported(
    results: Results, serving: Callable[..., Page]
) -> None:
    page = serving(lambda: results)

    page.click_on_network("n0")

    page.says("#member-name", "Small net squeezenet1_1")
    page.says("#exportable", "Only members of the front can be exported.")
    assert not page.one("#export").is_enabled()


def test_an_export_that_fails_says_why(results: Results, serving: Callable[..., Page]) -> None:
    page = serving(lambda: results, failing="the disk of exports is full")
    page.says("#member-name", "Trial 24")

    page.one("#export").click()

    page.says("#exported", "Trial 24 was not exported: the disk of exports is full")
    page.wait(lambda: page.one("#export").is_enabled())


@pytest.mark.parametrize(
    ("other", "name", "enabled"),
    [("n0", "Small net squeezenet1_1", False), ("24", "Trial 24", True)],
)
def test_a_network_that_is_shown_during_an_export_leaves_it_alone(
    results: Results, serving: Callable[..., Page], other: str, name: str, enabled: bool
) -> None:
    done = threading.Event()
    page = serving(lambda: results, until=done)
    page.click_on_network("36")
    page.says("#member-name", "Trial 36")
    page.wait(lambda: page.one("#export").is_enabled())

    page.one("#export").click()
    page.wait(lambda: not page.one("#export").is_enabled())
    page.click_on_network(other)
    page.says("#member-name", name)

    assert not page.one("#export").is_enabled()
    done.set()
    page.says("#exported", "Trial 36 lies in exports/trial-36")
    page.wait(lambda: page.one("#export").is_enabled() is enabled)
    assert page.exported == [36]


def test_the_page_takes_another_scheme_when_the_run_is_long_finished(
    results: Results, serving: Callable[..., Page]
) -> None:
    page = serving(lambda: results)
    page.says(".state", "finished")
    page.wait(lambda: page.ink() == style.INK)

    page.prefer("dark")
    page.wait(lambda: page.ink() == style.DARK[style.INK])
    page.prefer("light")
    page.wait(lambda: page.ink() == style.INK)


def test_a_finished_run_that_is_resumed_or_removed_is_noticed(
    unfinished: Callable[[int], Results],
    serving: Callable[..., Page],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "REST_MS", 500)
    seen: list[Results | SpecError] = [replace(unfinished(30), finished=True)]

    def load() -> Results:
        if isinstance(seen[0], SpecError):
            raise seen[0]
        return seen[0]

    page = serving(load)
    page.says(".state", "finished, 24 trials trained")

    seen[0] = unfinished(40)
    page.says(".state", "not finished, 34 trials trained")
    seen[0] = replace(unfinished(40), finished=True)
    page.wait(lambda: page.text(".state").startswith("finished"))
    seen[0] = SpecError("runs/x is not a run")
    page.says("#notice", "The run cannot be read at the moment: runs/x is not a run")


def test_the_keyboard_stays_on_its_row(
    unfinished: Callable[[int], Results], serving: Callable[..., Page]
) -> None:
    stage = [unfinished(39)]
    page = serving(lambda: stage[0])
    page.says("#networks", "trial 0")

    page.row(0).send_keys(Keys.ENTER)
    page.says("tr.shown", "trial 0")
    assert page.focused() == "trial 0"
    stage[0] = unfinished(40)
    page.says(".state", "34 trials trained")
    page.wait(lambda: page.focused() == "trial 0")
    ActionChains(page.driver).send_keys(Keys.TAB, Keys.ENTER).perform()
    page.says("#member-name", "Trial 26")
    page.says("tr.shown", "trial 26")
    assert page.focused() == "trial 26"


def test_the_keyboard_reaches_a_network_that_is_in_no_row(
    results: Results, serving: Callable[..., Page]
) -> None:
    page = serving(lambda: results)
    page.says("#member-name", "Trial 24")

    page.one("#any-network").send_keys(Keys.ENTER)
    page.one("input.dash-dropdown-search").send_keys("trial 20")
    page.wait(lambda: "trial 20" in page.text(".dash-dropdown-options"))
    ActionChains(page.driver).send_keys(Keys.ARROW_DOWN, Keys.SPACE).perform()

    page.says("#member-name", "Trial 20")
    page.says("#member", "Failed: the loss was not finite at step 12")


def test_no_figure_offers_to_upload_itself(
    results: Results, serving: Callable[..., Page], tmp_path: Path
) -> None:
    page = serving(lambda: results)
    page.one("#front .modebar-btn")
    assert "Download plot" in page.buttons()
    assert not [each for each in page.buttons() if "Share" in each]

    report = write_report(results, tmp_path / "report.html")
    page.driver.get(report.as_uri())
    page.one("[data-figure=front] .modebar-btn")
    assert not [each for each in page.buttons() if "Share" in each]

    # Written without the configuration of our pages.
    bare = tmp_path / "bare.html"
    bare.write_text(draw_cloud(front(results)).to_html(), "utf-8")
    page.driver.get(bare.as_uri())
    page.one(".modebar-btn")
    assert not [each for each in page.buttons() if "Share" in each]


def test_the_page_follows_a_run_until_it_is_finished(
    unfinished: Callable[[int], Results], results: Results, serving: Callable[..., Page]
) -> None:
    stage = [unfinished(12)]
    page = serving(lambda: stage[0])
    page.says(".state", "not finished")

    stage[0] = results

    page.says(".state", "finished, 34 trials trained")
    page.says(".headline", "Trial 24 keeps all limits")
    page.says("#networks", "trial 36")
    assert page.complaints() == []


def test_a_run_that_cannot_be_read_keeps_its_page_and_says_why(
    unfinished: Callable[[int], Results], serving: Callable[..., Page]
) -> None:
    seen: list[Results | SpecError] = [unfinished(40)]

    def load() -> Results:
        if isinstance(seen[0], SpecError):
            raise seen[0]
        return seen[0]

    page = serving(load)
    page.says("#member-name", "Trial 24")

    seen[0] = SpecError("journal.log is locked")

    page.says("#notice", "The run cannot be read at the moment: journal.log is locked")
    assert "Trial 24" in page.text("#member-name")


def test_an_empty_front_shows_what_to_relax_and_exports_nothing(
    empty_front: Results, serving: Callable[..., Page]
) -> None:
    page = serving(lambda: empty_front)

    page.says("#notice", "Trial 0 needs accuracy ≥ 94.5 % relaxed to 90.9 %")
    page.says("#hypervolume", "No trial is feasible")
    assert not page.one("#export").is_enabled()
    assert page.complaints() == []


def test_the_reports_figures_are_drawn_and_its_table_sorts(
    results: Results, page: Page, tmp_path: Path
) -> None:
    path = write_report(results, tmp_path / "report.html")
    page.address = path.as_uri()

    page.driver.get(page.address)

    for name in ("front", "tracks", "hypervolume", "obstacles", "layers"):
        page.one(f"[data-figure={name}] .main-svg")
    heading = page.driver.find_elements(By.CSS_SELECTOR, "th[data-sort]")[2]
    heading.click()
    sizes = page.driver.execute_script(
        "return [...document.querySelectorAll('tbody')[1].rows].slice(1)"
        ".map(row => Number(row.children[2].dataset.value))"
    )
    assert sizes == sorted(sizes)
    assert page.complaints() == []
    assert page.foreign_requests() == []


def test_a_report_with_long_errors_fits_a_narrow_page(
    results: Results, page: Page, tmp_path: Path
) -> None:
    path = "/home/user/" + "a-folder-of-runs/" * 8 + "model.safetensors"
    failed = replace(results.records[20], reason=f"OSError: {path} could not be read")
    report = write_report(
        replace(results, records=(*results.records, failed)), tmp_path / "report.html"
    )
    page.driver.set_window_size(420, 900)

    page.driver.get(report.as_uri())

    page.one("[data-figure=layers] .main-svg")
    wide, seen = page.driver.execute_script(
        "return [document.documentElement.scrollWidth, window.innerWidth]"
    )
    assert wide <= seen
    # Figures keep their places when the page gets another width.
    page.driver.set_window_size(1200, 900)
    page.wait(lambda: page.driver.execute_script("return window.innerWidth") > 1000)
    tops = page.driver.execute_script(
        "return [...document.querySelectorAll('.figure')].map(place => "
        "place.querySelector('.main-svg').getBoundingClientRect().height - place.clientHeight)"
    )
    assert max(tops) <= 1
