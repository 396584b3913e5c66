"""The page in Debian's Chromium, from disk: nothing fetched, nothing run, everything plays, sorts and can be read.

install_browser.sh <folder> makes ready; AXE_CORE names its axe.min.js. PSEUDOVOX_REPORT=exp/mini/report looks at that
page, too. With PSEUDOVOX_BROWSER_TESTS=required, as in CI, a browser that is missing is a failure. Pictures of the page
are left in the folder PSEUDOVOX_SCREENSHOTS, if it is given.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_run import experiment, make_run

pytestmark = pytest.mark.browser
REQUIRED = os.environ.get("PSEUDOVOX_BROWSER_TESTS") == "required"
PATIENCE = 600  # seconds, on a machine that has other work
WIDTHS, THEMES = (390, 1280), ("light", "dark")


def lacking(what: str) -> None:
    if REQUIRED:
        pytest.fail(f"{what}, and PSEUDOVOX_BROWSER_TESTS is required")
    pytest.skip(f"{what}; tests/report/page/install_browser.sh installs it")


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        lacking("selenium is missing (utils/install.sh dev)")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        lacking("chromium or chromedriver is missing")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    # As root, Chromium's own sandbox does not start; the page is ours.
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--autoplay-policy=no-user-gesture-required",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(chromedriver))
    started.set_page_load_timeout(PATIENCE)
    started.set_script_timeout(PATIENCE)
    started.command_executor.client_config.timeout = PATIENCE + 60
    yield started
    started.quit()


@pytest.fixture(scope="module", params=["tiny", "comparison", "given"])
def opened(request: pytest.FixtureRequest, driver: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The driver with a page open: of the run made by hand, of two such runs compared, of PSEUDOVOX_REPORT."""
    if request.param == "tiny":
        folder = request.getfixturevalue("tiny_page")
    elif request.param == "comparison":
        from pseudovox.report.page.write import write_comparison

        folder = tmp_path_factory.mktemp("comparison")
        write_comparison(folder, {name: experiment(make_run(folder, name)[0], None) for name in ("a", "b")})
    elif os.environ.get("PSEUDOVOX_REPORT"):
        folder = Path(os.environ["PSEUDOVOX_REPORT"]).resolve()
    else:
        pytest.skip("PSEUDOVOX_REPORT is not given")
    look(driver, 1280, "light")
    driver.get_log("performance")
    driver.get((folder / "index.html").as_uri())
    driver.page_name = request.param
    return driver


def look(driver: Any, width: int, theme: str) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def test_opens_without_an_error_or_a_request(opened: Any) -> None:
    assert [entry["message"] for entry in opened.get_log("browser")] == []
    asked = [
        event["params"]["request"]["url"]
        for event in (json.loads(entry["message"])["message"] for entry in opened.get_log("performance"))
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert asked and [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert opened.execute_script("return window.ran") is None, "something from the data was run"


def test_every_picture_loads(opened: Any) -> None:
    shown = opened.execute_script("return [...document.images].map((i) => [i.src, i.complete && i.naturalWidth > 0])")
    assert [source for source, loaded in shown if not loaded] == []
    pictures = opened.execute_script("return document.querySelectorAll('.drawing svg path').length")
    assert pictures > 0


PLAY = """
const done = arguments[arguments.length - 1];
(async () => {
  const told = [];
  for (const audio of document.querySelectorAll("audio")) {
    audio.volume = 0;
    try {
      await audio.play();
      await new Promise((resolve, reject) => {
        const look = () => audio.currentTime > 0 || audio.ended ? resolve() : setTimeout(look, 20);
        setTimeout(() => reject(new Error("does not move")), 20000);
        look();
      });
      const playing = [...document.querySelectorAll("audio")].filter((other) => !other.paused).length;
      told.push([audio.src, audio.duration, playing, ""]);
    } catch (error) { told.push([audio.src, audio.duration, 0, String(error)]); }
  }
  for (const audio of document.querySelectorAll("audio")) audio.pause();
  done(told);
})();
"""


def test_every_player_plays_and_one_at_a_time(opened: Any) -> None:
    told = opened.execute_async_script(PLAY)
    if opened.page_name == "tiny":
        assert len(told) > 10
    for source, duration, playing, error in told:
        assert not error and duration > 0 and playing <= 1, (source, duration, playing, error)


def test_keys(opened: Any) -> None:
    if opened.page_name == "comparison":
        pytest.skip("nothing to listen to")
    from selenium.webdriver.common.by import By

    section = opened.find_element(By.ID, "listen")
    opened.execute_script("for (const audio of document.querySelectorAll('audio')) audio.loop = true")
    section.send_keys("2")
    playing = "return [...document.querySelectorAll('.version.playing h4')].map((h) => h.textContent)"
    [name] = opened.execute_async_script(f"const f = () => {{ {playing} }}; setTimeout(() => arguments[0](f()), 500)")
    assert name.startswith("2")
    section.send_keys("0")
    section.send_keys("n")
    assert opened.execute_script("return [...document.querySelectorAll('.sample')].findIndex((s) => !s.hidden)") == 1
    assert opened.execute_script("return document.activeElement.getAttribute('aria-pressed')") == "true"
    assert opened.execute_script("return [...document.querySelectorAll('audio')].every((a) => a.paused)")
    opened.execute_script("for (const audio of document.querySelectorAll('audio')) audio.loop = false")


def test_sorting(opened: Any) -> None:
    from selenium.webdriver.common.by import By

    for order, back in (("ascending", False), ("descending", True)):
        button = opened.find_element(By.XPATH, "//th/button[starts-with(., 'WER')]")
        # The driver would scroll it under the bar at the top.
        opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()
        head = opened.find_element(By.XPATH, "//th[button[starts-with(., 'WER')]]")
        assert head.get_attribute("aria-sort") == order
        column = opened.execute_script("return arguments[0].cellIndex", head)
        values = opened.execute_script(
            "return [...document.querySelectorAll('.summary tbody:not([hidden]) tr:not(.of)')]"
            ".map((row) => row.cells[arguments[0]].dataset.value)", column
        )  # fmt: skip
        numbers = [float(value) for value in values if value]
        assert len(numbers) > 1 and numbers == sorted(numbers, reverse=back)
        assert values[len(numbers) :] == [""] * (len(values) - len(numbers)), "what was not run stands below"


def test_switching_attackers(opened: Any) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select

    chooser = Select(opened.find_element(By.CSS_SELECTOR, "[data-switch='attacker']"))
    before = chooser.first_selected_option.text
    shown = (
        "return [...document.querySelectorAll('figure[data-attacker]:not([hidden])')].map((f) => f.dataset.attacker)"
    )
    for name in [option.text for option in chooser.options]:
        chooser.select_by_visible_text(name)
        assert set(opened.execute_script(shown)) <= {name}
        assert name == "original" or opened.execute_script(shown)
    chooser.select_by_visible_text(before)


def test_fits_the_screen(opened: Any) -> None:
    folder = Path(os.environ["PSEUDOVOX_SCREENSHOTS"]) if os.environ.get("PSEUDOVOX_SCREENSHOTS") else None
    for width in (320, *WIDTHS):
        for theme in THEMES:
            look(opened, width, theme)
            wide = opened.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{wide} pixels on a screen of {width}"
            if folder and width in WIDTHS:
                folder.mkdir(parents=True, exist_ok=True)
                taken = opened.execute_cdp_cmd(
                    "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True}
                )
                (folder / f"{opened.page_name}-{width}-{theme}.png").write_bytes(base64.b64decode(taken["data"]))


def test_the_button_turns_light_to_dark(opened: Any) -> None:
    from selenium.webdriver.common.by import By

    look(opened, 1280, "light")
    colour = "return getComputedStyle(document.body).backgroundColor"
    before = opened.execute_script(colour)
    button = opened.find_element(By.CSS_SELECTOR, "[data-theme-switch]")
    button.click()
    assert opened.execute_script(colour) != before and button.text == "Light"
    button.click()
    assert opened.execute_script(colour) == before


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_serious(opened: Any, theme: str) -> None:
    axe = os.environ.get("AXE_CORE", "")
    if not Path(axe).is_file():
        lacking("AXE_CORE names no axe.min.js")
    opened.execute_script(Path(axe).read_text(encoding="utf-8"))
    for width in WIDTHS:
        look(opened, width, theme)
        opened.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
        # What is inside a figure is one picture with a text of its own.
        run = "axe.run({exclude: [['.drawing svg > *']]})"
        found = opened.execute_async_script(f"{run}.then(arguments[0], (e) => arguments[0]({{failed: String(e)}}))")
        assert "failed" not in found, found
        serious = [
            (one["id"], one["help"], [node["target"] for node in one["nodes"]][:4])
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == []
        opened.execute_script("for (const d of document.querySelectorAll('details')) d.open = false")
