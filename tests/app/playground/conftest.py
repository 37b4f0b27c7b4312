"""The page in a real browser: Debian's chromium, which asks nobody but the service."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.app.playground.page import Ask, Visit

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser a module: while it is there, asynchronous tests of this thread could not run."""
    if not CHROMIUM.exists():
        pytest.fail(
            f"no {CHROMIUM}, which the tests of the playground drive: apt-get install chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Open the page of a service; at the end nothing may have failed, or been sent elsewhere."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_page(url: str, before: Callable[[Page], None] | None = None, **options: Any) -> Page:
        settings: dict[str, Any] = {"locale": "en-US"} | options
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: faults.extend(_complaints(message)))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(f"a dialog: {dialog.message}"))
        page.on("request", lambda asked: faults.extend(_foreign(asked.url, url)))
        if before is not None:
            before(page)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


def _complaints(message: ConsoleMessage) -> list[str]:
    """Return what the browser complains of, but for an API that refuses or cannot be reached."""
    is_refusal = message.text.startswith("Failed to load resource: ") and (
        urlsplit(message.location["url"]).path.startswith("/v1/")
    )
    return [] if is_refusal or message.type not in ("error", "warning") else [message.text]


def _foreign(asked: str, url: str) -> list[str]:
    return [] if urlsplit(asked).netloc == urlsplit(url).netloc else [f"asked {asked}"]


@pytest.fixture
def ask() -> Ask:
    """Choose a model, enter a text, run it, and wait for what comes back."""

    def run(page: Page, model: str, text: str) -> None:
        page.get_by_label("Model", exact=True).select_option(model)
        page.get_by_label("Text", exact=True).fill(text)
        page.get_by_role("button", name="Run").click()
        page.locator(".timings, .problem").wait_for()

    return run
