"""What is sent: texts, pairs and options, as the form has them."""

import json

import pytest
from playwright.sync_api import Route, expect

from tests.app.playground.page import Ask, Visit
from tests.support.server import Server


def test_options_are_sent_and_asked_again_as_they_change(
    server: Server, visit: Visit, ask: Ask
) -> None:
    page = visit(server.url)
    ask(page, "mood", "a great movie " * 40)
    expect(page.locator(".label")).to_have_count(3)
    expect(page.locator(".reading strong")).to_be_visible()
    page.get_by_label("Top labels").fill("1")
    page.get_by_label("Long text").select_option("window")
    expect(page.locator(".label")).to_have_count(1)
    expect(page.locator(".reading")).to_contain_text("windows")
    page.get_by_label("Long text").select_option("error")
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("422")
    expect(problem.locator(".remedy")).not_to_be_empty()
    page.get_by_label("Model", exact=True).select_option("names")
    strategies = page.get_by_label("Aggregation").locator("option").all_text_contents()
    assert strategies == ["default", "none", "simple", "first", "average", "max"]


def test_two_texts_are_sent_as_a_pair(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    page.get_by_label("Text", exact=True).fill("a good film")
    page.get_by_text("Second text").first.click()
    page.get_by_role("textbox", name="Second text").fill("a bad plot")
    with page.expect_request("**/v1/classify") as asked:
        page.get_by_role("button", name="Run").click()
    assert asked.value.post_data_json["inputs"] == {
        "text": "a good film",
        "text_pair": "a bad plot",
    }
    page.locator(".timings").wait_for()


@pytest.mark.parametrize("described", [True, False])
def test_activation_is_offered_where_the_service_describes_it(
    server: Server, visit: Visit, described: bool
) -> None:
    field = {"enum": ["default", "softmax", "sigmoid", "none"], "type": "string"}
    schema = {"ClassifyRequest": {"properties": {"activation": field} if described else {}}}
    answer = json.dumps({"components": {"schemas": schema}})

    def answer_so(route: Route) -> None:
        route.fulfill(body=answer, content_type="application/json")

    page = visit(server.url, lambda page: page.route("**/openapi.json", answer_so))
    page.get_by_label("Least score").wait_for()
    offered = page.get_by_label("Activation").locator("option").all_text_contents()
    assert offered == (["default", "softmax", "sigmoid", "none"] if described else [])


def test_an_empty_text_is_not_sent(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    text = page.get_by_label("Text", exact=True)
    expect(text).not_to_have_value("")  # an example to begin with
    text.fill("")
    page.get_by_role("button", name="Run").click()
    expect(text).to_be_focused()
    expect(page.locator("#answer .nothing")).to_be_visible()
