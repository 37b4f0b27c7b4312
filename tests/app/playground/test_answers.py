"""What a visitor sees: labels, entities where they stand, times, facts, problems."""

import json
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.app.playground.page import Ask, Visit, marked_text
from tests.support.server import Server

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"  # five code points, eight UTF-16 units
TEXTS = {
    "emoji": f"{FAMILY} angela merkel visited paris \U0001f5fd with john smith {FAMILY}",
    "chinese": "你好，angela 在北京 visited 世界。",
    "right to left": "قال angela merkel في paris إن john זכה smith",
    "combining": "e\u0301 angela merkel\n\tvisited  paris with john",
}


def post(server: Server, path: str, **body: Any) -> Any:
    with server.client() as client:
        return client.post(path, json=body).json()


def test_labels_stand_as_the_service_ranks_them(server: Server, visit: Visit, ask: Ask) -> None:
    page = visit(server.url)
    ask(page, "mood", "a great movie")
    labels = post(server, "/v1/classify", model="mood", inputs="a great movie")["results"][0][
        "labels"
    ]
    assert page.locator(".label-name").all_text_contents() == [one["label"] for one in labels]
    shown = [float(score.rstrip("%")) for score in page.locator(".label-score").all_text_contents()]
    assert shown == pytest.approx([100 * one["score"] for one in labels], abs=0.06)
    widths = page.locator(".fill").evaluate_all("fills => fills.map(fill => fill.style.width)")
    shares = [float(width.rstrip("%")) for width in widths]
    assert shares == pytest.approx([100 * one["score"] for one in labels], abs=0.01)
    announced = page.locator("#announcement")
    expect(announced).to_contain_text(labels[0]["label"])


def test_scores_that_are_no_shares_are_bars_of_the_widest(
    server: Server, visit: Visit, ask: Ask
) -> None:
    labels = [{"label": f"label {n}", "score": 4.0 - n} for n in range(20)]
    result = {"tokens": 3, "windows": 1, "truncated": False, "labels": labels}

    def answer_so(route: Route) -> None:
        route.fulfill(json={"model": "mood", "version": 2, "results": [result]})

    page = visit(server.url, lambda page: page.route("**/v1/classify", answer_so))
    ask(page, "mood", "a good film")
    expect(page.locator(".label")).to_have_count(12)
    page.get_by_role("button", name="Show all 20 labels").click()
    expect(page.locator(".label")).to_have_count(20)
    assert page.locator(".label-score").all_text_contents()[:2] == ["4", "3"]
    widths = page.locator(".fill").evaluate_all("fills => fills.map(fill => fill.style.width)")
    assert widths[0] == f"{100 * 4 / 15:.4f}%"
    assert widths[-1] == "100%"


@pytest.mark.parametrize("kind", TEXTS)
def test_entities_are_marked_where_they_stand(
    server: Server, visit: Visit, ask: Ask, kind: str
) -> None:
    text = TEXTS[kind]
    entities = post(server, "/v1/ner", model="names", inputs=text)["results"][0]["entities"]
    assert any(entity["start"] > 4 for entity in entities), "nothing to mark behind the first words"
    page = visit(server.url)
    ask(page, "names", text)
    marked = [text[entity["start"] : entity["end"]] for entity in entities]
    assert page.locator(".mark-text").all_text_contents() == marked
    assert marked_text(page) == text
    starts = page.locator("tbody td:nth-child(3)").all_text_contents()
    assert starts == [f"{entity['start']}–{entity['end']}" for entity in entities]


def test_an_offset_is_a_code_point_whatever_utf16_makes_of_it(
    server: Server, visit: Visit, ask: Ask
) -> None:
    text = f"{FAMILY}中𠀀文 סוף"
    spans = [(0, 5), (6, 7), (9, 12)]
    entities = [
        {"entity_group": "X", "score": 1, "word": text[a:b], "start": a, "end": b} for a, b in spans
    ]
    result = {"tokens": 3, "windows": 1, "truncated": False, "entities": entities}
    answer = json.dumps({"model": "names", "version": 1, "results": [result]})

    def answer_so(route: Route) -> None:
        route.fulfill(body=answer, content_type="application/json")

    page = visit(server.url, lambda page: page.route("**/v1/ner", answer_so))
    ask(page, "names", text)
    assert page.locator(".mark-text").all_text_contents() == [FAMILY, "𠀀", "סוף"]


def test_times_facts_and_load_are_shown(server: Server, visit: Visit, ask: Ask) -> None:
    page = visit(server.url)
    ask(page, "mood", "a good film")
    stages = " ".join(page.locator(".stage").all_text_contents())
    assert all(stage in stages for stage in ("encode", "queue", "run", "decode", "network"))
    facts = page.locator("#facts")
    for fact in (
        "2 (in the store: 2, 1)",
        "fp32 · CPU",
        "Agreement with the checkpoint",
        "positive",
    ):
        expect(facts).to_contain_text(fact)
    meters = page.locator(".meter")
    expect(meters).to_have_count(5)
    ask(page, "mood", "a good film")
    expect(meters.nth(1).locator("dd")).to_contain_text("ms")  # of the request since the first poll


def test_a_service_that_cannot_be_reached_is_a_problem(
    server: Server, visit: Visit, ask: Ask
) -> None:
    page = visit(server.url, lambda page: page.route("**/v1/classify", lambda route: route.abort()))
    ask(page, "mood", "a good film")
    expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached")
    expect(page.get_by_role("alert").locator(".remedy")).to_contain_text("see whether it runs")


def test_a_store_without_models_says_how_one_comes(server: Server, visit: Visit) -> None:
    page = visit(
        server.url,
        lambda page: page.route("**/v1/models", lambda route: route.fulfill(json={"models": []})),
    )
    expect(page.locator("#facts")).to_contain_text("Export a checkpoint into the model store")
    page.unroute("**/v1/models")
    expect(page.get_by_label("Model", exact=True)).to_have_value("mood")
