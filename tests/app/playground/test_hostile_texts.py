"""Whatever a text, a label or a model is called, it stays text."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.app.playground.page import Ask, Visit, marked_text
from tests.support.server import Server, serving

HOSTILE = [
    "<script>document.title='hit'</script>",
    "<img src=x onerror=\"document.title='hit'\">",
    "<svg onload=document.title='hit'>",
    '"><iframe srcdoc="<script>parent.document.title=\'hit\'</script>">',
    "javascript:document.title='hit'",
    "' onmouseover='document.title=`hit`' x='",
    "</textarea></pre></option><b>bold</b>",
    "{{constructor.constructor('document.title=1')()}} ${document.title='hit'}",
    "&lt;b&gt; &amp; &#60;script&#62;",
    "<style>*{display:none}</style><base href=//evil.test><link rel=stylesheet href=//evil.test/x>",
    "__proto__",
    "\u202eesrever\u202c \u2066isolated\u2069 \ufeff",
]


@pytest.fixture(scope="module")
def hostile(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service whose labels and entity groups are what an attacker would call them."""
    store = tmp_path_factory.mktemp("hostile")
    labels = {"mood": HOSTILE[:3], "names": ["O", *tags(HOSTILE[3], HOSTILE[1])]}
    for name, called in labels.items():
        folder = Path(shutil.copytree(tiny_store / name / "1", store / name / "1"))
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"labels": called}))
    with serving(store, drain_seconds=0) as running:
        yield running


def tags(*groups: str) -> list[str]:
    return [f"{part}-{group}" for group in groups for part in "BI"]


def assert_unharmed(page: Page) -> None:
    assert page.title() == "Classmark"
    assert page.locator("iframe, base, main script, main img, main style, main b").count() == 0


def test_a_text_stays_text(server: Server, visit: Visit, ask: Ask) -> None:
    page = visit(server.url)
    for text in HOSTILE:
        with page.expect_response("**/v1/ner"):
            ask(page, "names", f"angela merkel {text} visited paris")
        expect(page.locator("#answer-card")).not_to_have_attribute("aria-busy", "true")
        assert marked_text(page) == f"angela merkel {text} visited paris"
        for language in ("Python", "JavaScript", "curl"):
            page.get_by_role("tab", name=language).click()
            expect(page.locator("#snippet")).to_contain_text("angela merkel")
        assert_unharmed(page)


def test_labels_and_groups_stay_text(hostile: Server, visit: Visit, ask: Ask) -> None:
    page = visit(hostile.url)
    ask(page, "mood", "a good film")
    assert set(page.locator(".label-name").all_text_contents()) == set(HOSTILE[:3])
    assert page.locator(".known bdi").all_text_contents() == HOSTILE[:3]
    assert_unharmed(page)
    ask(page, "names", "angela merkel visited paris in the new store of apple")
    page.locator(".mark").first.wait_for()
    assert set(page.locator(".mark-group").all_text_contents()) <= {HOSTILE[1], HOSTILE[3]}
    assert_unharmed(page)


def test_names_and_reasons_of_models_stay_text(server: Server, visit: Visit) -> None:
    def with_names(route: Route) -> None:
        answer = route.fetch().json()
        mood = next(model for model in answer["models"] if model["name"] == "mood")
        named = [mood | {"name": name, "recipe": name, "degraded": name} for name in HOSTILE]
        failure = {"version": 3, "reason": HOSTILE[0], "at": "2026-01-01T00:00:00Z"}
        named.append({"name": "broken", "status": "failed", "version": None, "versions": []})
        named[-1]["last_failure"] = failure
        route.fulfill(json={"models": named})

    page = visit(server.url, lambda page: page.route("**/v1/models", with_names))
    options = page.get_by_label("Model", exact=True).locator("option")
    expect(options).to_have_count(len(HOSTILE) + 1)
    assert options.all_text_contents()[:-1] == HOSTILE
    expect(page.locator("#facts")).to_contain_text(HOSTILE[0])
    page.get_by_label("Text", exact=True).fill("a good film")
    for index in range(len(HOSTILE)):
        page.get_by_label("Model", exact=True).select_option(index=index)
        expect(page.locator("#snippet")).to_contain_text("a good film")
        page.get_by_role("button", name="Run").click()
        expect(page.get_by_role("alert")).to_contain_text("404")
        assert_unharmed(page)


def test_a_problem_stays_text(server: Server, visit: Visit, ask: Ask) -> None:
    fields = {"errors": [{"field": HOSTILE[0], "problem": HOSTILE[1]}], "request_id": HOSTILE[4]}
    problem = {
        "title": HOSTILE[1],
        "status": 422,
        "detail": f"{HOSTILE[2]}; {HOSTILE[0]}",
        **fields,
    }

    def refuse(route: Route) -> None:
        route.fulfill(status=422, json=problem)

    page = visit(server.url, lambda page: page.route("**/v1/classify", refuse))
    ask(page, "mood", "a good film")
    for text in (HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[4]):
        expect(page.get_by_role("alert")).to_contain_text(text)
    assert_unharmed(page)


def test_a_proxys_page_instead_of_an_answer_stays_text(
    server: Server, visit: Visit, ask: Ask
) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=502, content_type="text/html", body=HOSTILE[0])

    page = visit(server.url, lambda page: page.route("**/v1/classify", refuse))
    ask(page, "mood", "a good film")
    expect(page.get_by_role("alert")).to_contain_text(HOSTILE[0])
    assert_unharmed(page)
