"""The report of a real Prometheus's day, in a real browser, which asks nobody for anything."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.deployment.files import ROOT
from tests.deployment.prometheus import running
from tests.report.history import HOSTILE, write_day

CHROMIUM = "/usr/bin/chromium"
YESTERDAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the command writes of yesterday."""
    folder = tmp_path_factory.mktemp("report")
    write_day(YESTERDAY, folder / "data")
    with running({"global": {}}, folder) as prometheus:
        command = [sys.executable, "-m", "report", "--prometheus", prometheus.url]
        command += ["--day", f"{YESTERDAY:%Y-%m-%d}", "--out", str(folder / "report.html")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(report: Path, browser: Browser) -> Iterator[Page]:
    """The opened report; at the end nothing may have failed, or been asked of anybody."""
    page = browser.new_page()
    faults: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    yield page
    page.close()
    assert (faults, asked) == ([], [report.as_uri()])


def rows(page: Page, section: str) -> list[list[str]]:
    found = page.locator(f"#{section} tr:has(td)")
    return [row.locator("td").all_inner_texts() for row in found.all()]


def test_it_tells_what_was_recorded_of_the_day(page: Page) -> None:
    assert f"{YESTERDAY:%Y-%m-%d} 00:00" in page.locator("header").inner_text()
    service = page.locator("#service").inner_text()
    assert "99.00 % of 144,000 requests" in service
    assert "ready 100.00 % of the time" in service
    ((name, of, since, until),) = rows(page, "alerts")
    assert (name, of) == ("ClassmarkOpinionSurge", "severity warning, topic sports")
    assert (since, until) == (f"{YESTERDAY:%Y-%m-%d} 11:40:00", f"{YESTERDAY:%Y-%m-%d} 11:59:00")
    topics = {row[0]: row[1:] for row in rows(page, "topics")}
    assert topics["sports"] == ["14,600", "4,520", "31.0 %", "-1.9"]
    assert topics["政治"] == ["14,400", "4,320", "30.0 %", "+0.0"]
    ((model, labels, uncertain),) = rows(page, "models")
    assert (model, uncertain) == ("mood", "10.0 %")
    assert labels.endswith("negative 40.0 %")


def test_labels_are_shown_as_they_are_and_do_nothing(page: Page) -> None:
    assert HOSTILE in [row[0] for row in rows(page, "topics")]
    assert page.title().startswith("Classmark, ")
    assert page.locator("script, img").count() == 0
    assert (page.locator("#share svg").text_content() or "").count("政治") == 1
    assert "$cash$ \\frac" in (page.locator("#share svg").text_content() or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_within_plots_has_the_colour_of_the_text_around(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    text = "getComputedStyle(document.querySelector('#topics figure svg text')).fill"
    assert page.evaluate(text) == page.evaluate("getComputedStyle(document.body).color")
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", back)[:3])) / 3
    assert (brightness > 128) == (scheme == "light")


def test_a_dark_screen_prints_black_on_white(page: Page) -> None:
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_no_id_stands_for_two_things(page: Page) -> None:
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids)) > 100
