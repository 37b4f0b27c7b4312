"""The code that the page offers to copy runs as it is, and answers what the page shows."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.app.playground.page import Ask, Visit
from tests.support.server import Server

TEXTS = [
    'it\'s "good" $HOME `id` $(id) \\ \\n !! %s {a} * ~ #',
    "two\nlines\tand \U0001f469\u200d\U0001f469\u200d\U0001f467 中国 \u202eesrever\u202c \u2028 é",
    "'; touch hit; echo '",
]


def copied(page: Page, language: str) -> str:
    page.get_by_role("tab", name=language).click()
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    text: str = page.evaluate("() => navigator.clipboard.readText()")
    return text


@pytest.mark.parametrize("text", TEXTS)
def test_each_language_asks_what_the_page_asked(
    server: Server, visit: Visit, ask: Ask, text: str, tmp_path: Path
) -> None:
    page = visit(server.url, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("Model", exact=True).select_option("names")
    page.get_by_label("Least score").fill("0.25")
    with page.expect_response("**/v1/ner") as answered:
        ask(page, "names", text)
    asked, shown = answered.value.request.post_data_json, answered.value.json()
    assert (asked["inputs"], asked["threshold"]) == (text, 0.25)
    curl = run(["bash", "-c", copied(page, "curl")], tmp_path)
    assert json.loads(curl) == shown
    python = run([sys.executable, "-c", copied(page, "Python")], tmp_path)
    assert python == f"{shown}\n"
    assert said(page, copied(page, "JavaScript")) == shown
    assert list(tmp_path.iterdir()) == []


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def said(page: Page, code: str) -> Any:
    """Run code as a browser's console does, and return what it says."""
    with page.expect_console_message() as message:
        page.evaluate(f"async () => {{ {code} }}")
    return message.value.args[0].json_value()
