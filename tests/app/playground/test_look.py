"""How the page looks: light, dark, on a phone."""

import pytest

from tests.app.playground.page import Ask, Visit
from tests.support.server import Server


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_light_and_dark_follow_the_system_until_switched(
    server: Server, visit: Visit, scheme: str, other: str
) -> None:
    page = visit(server.url, color_scheme=scheme)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate("() => getComputedStyle(document.documentElement).colorScheme") == other
    assert page.evaluate(ground) != before


def test_a_phone_scrolls_one_way_only(server: Server, visit: Visit, ask: Ask) -> None:
    page = visit(server.url, viewport={"width": 390, "height": 800})
    for model in ("mood", "names"):
        ask(page, model, "angela merkel visited " + "x" * 400)
        assert page.evaluate("() => document.documentElement.scrollWidth") == 390
