"""The page is used from the keyboard alone, and shows where one is."""

import re

from playwright.sync_api import Page, expect

from tests.app.playground.page import Visit
from tests.support.server import Server


def focused(page: Page) -> str:
    name: str = page.evaluate("() => document.activeElement.id || document.activeElement.innerText")
    return name


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the focus stands on what has this id or these words."""
    passed = []
    for _ in range(40):
        page.keyboard.press("Tab")
        passed.append(focused(page))
        if passed[-1] == wanted:
            return
    raise AssertionError(f"no way to {wanted!r} among {passed}")


def test_a_model_is_asked_without_a_mouse(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    page.locator(".chip").first.wait_for()
    tab_to(page, "model")
    page.keyboard.press("n")
    expect(page.get_by_label("Model", exact=True)).to_have_value("names")
    tab_to(page, "text")
    page.keyboard.type("angela merkel visited paris")
    page.keyboard.press("Control+Enter")
    page.locator(".timings").wait_for()
    expect(page.get_by_role("status")).to_contain_text("Entities:")
    tab_to(page, "Chinese")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Text", exact=True)).to_have_value(re.compile("北京大学"))
    tab_to(page, "aggregation_strategy")
    page.keyboard.press("m")
    tab_to(page, "run")
    page.keyboard.press("Space")
    tab_to(page, "tab-curl")
    page.keyboard.press("ArrowRight")
    assert focused(page) == "tab-Python"
    expect(page.locator("#snippet")).to_contain_text('"aggregation_strategy": "max"')


def test_whatever_takes_the_focus_shows_it(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    page.locator(".chip").first.wait_for()
    passed = set()
    while "snippet" not in passed:
        page.keyboard.press("Tab")
        passed.add(focused(page))
        outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", focused(page)
        assert len(passed) < 40
