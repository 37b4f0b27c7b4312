"""What the tests of the page have in common."""

from collections.abc import Callable

from playwright.sync_api import Page

Visit = Callable[..., Page]
Ask = Callable[[Page, str, str], None]

_WITHOUT_GROUPS = """marked => {
  const copy = marked.cloneNode(true);
  copy.querySelectorAll(".mark-group").forEach(group => group.remove());
  return copy.textContent;
}"""


def marked_text(page: Page) -> str:
    """Return the text whose entities are marked, without the names of their groups in it."""
    text: str = page.locator(".marked").evaluate(_WITHOUT_GROUPS)
    return text
