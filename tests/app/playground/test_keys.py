"""Where the service has keys, a visitor enters one; the page keeps it in memory alone."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.playground.page import Ask, Visit
from tests.support.server import Server, serving

KEY = "a-key-nobody-else-has"
KEPT = "() => [localStorage.length, sessionStorage.length, document.cookie, location.search]"


@pytest.fixture(scope="module")
def guarded(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two front ends with keys: each of them has the page."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"visitor predict {hashlib.sha256(KEY.encode()).hexdigest()}\n")
    with serving(tiny_store, api_keys_file=keys, workers=2, drain_seconds=0) as running:
        yield running


def enter(page: Page, key: str) -> None:
    page.get_by_role("button", name="Enter an API key").click()
    page.get_by_role("textbox", name="API key").fill(key)
    page.keyboard.press("Enter")


def test_a_key_is_asked_for_used_and_kept_nowhere(guarded: Server, visit: Visit, ask: Ask) -> None:
    page = visit(guarded.url)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("this call needs an API key")
    enter(page, "not a key")
    expect(alert).to_contain_text("the API key is not known")
    enter(page, KEY)
    expect(alert).to_have_count(0)
    ask(page, "mood", "a good film")
    expect(page.locator(".label")).to_have_count(3)
    for language in ("curl", "Python", "JavaScript"):
        page.get_by_role("tab", name=language).click()
        expect(page.locator("#snippet")).to_contain_text("Bearer YOUR_API_KEY")
    assert page.evaluate(KEPT) == [0, 0, "", ""]
    assert KEY not in page.content()
    expect(page.locator("#key")).to_have_value("")
    page.reload()
    expect(alert).to_contain_text("this call needs an API key")


def test_the_dialog_can_be_left_without_a_key(guarded: Server, visit: Visit) -> None:
    page = visit(guarded.url)
    page.get_by_role("button", name="Enter an API key").click()
    page.get_by_role("textbox", name="API key").fill(KEY)
    page.keyboard.press("Escape")
    expect(page.locator("#key-dialog")).to_be_hidden()
    expect(page.locator("#key")).to_have_value("")
    expect(page.get_by_role("alert")).to_contain_text("this call needs an API key")
