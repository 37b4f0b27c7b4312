"""English and Chinese say the same things."""

from typing import Any

import pytest
from playwright.sync_api import expect

from app.playground.assets import STATIC
from tests.app.playground.page import Visit
from tests.support.server import Server


@pytest.fixture
def words(server: Server, visit: Visit) -> Any:
    page = visit(server.url)
    return page.evaluate("async () => (await import('./playground/lib/words.js')).WORDS")


def test_both_languages_have_the_same_words_and_places(words: Any) -> None:
    english, chinese = words["en"], words["zh"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert chinese[key].count("{") == text.count("{"), key


def test_no_word_is_left_over(words: Any) -> None:
    sources = "\n".join(
        path.read_text()
        for path in STATIC.rglob("*")
        if path.suffix in (".js", ".html") and path.name != "words.js"
    )
    made = ("stage_", "reads_")  # of what the service says
    unused = [key for key in words["en"] if f'"{key}"' not in sources and not key.startswith(made)]
    assert not unused


def test_the_browsers_language_is_taken_until_another_is_chosen(
    server: Server, visit: Visit
) -> None:
    page = visit(server.url, locale="zh-CN")
    expect(page.get_by_role("button", name="运行")).to_be_visible()
    assert page.evaluate("() => document.documentElement.lang") == "zh-CN"
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Run")).to_be_visible()
    expect(page.get_by_text("What serves")).to_be_visible()
