"""The README's commands are real, its fields the API's, its answers what the demo answers."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest

from app.bundle.base import Activation, AggregationStrategy, LongText
from app.schemas.requests import ClassifyRequest, NerRequest
from demo.__main__ import NAMES as DEMOS
from tests.support.commands import commands_of, unknown_options
from tests.support.server import serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = commands_of(README)
FIELDS = {
    name: (routes, meaning)
    for name, routes, meaning in re.findall(
        r"^\| `(\w+)` \| (both|classify|ner) \| (.+) \|$", README, re.MULTILINE
    )
}


def answered(page: str) -> list[tuple[str, Any]]:
    """Return each curl of a page with the answer printed below it."""
    blocks = re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
    return [
        (block.replace("\\\n", " ").strip(), json.loads(answer))
        for (language, block), (_, answer) in zip(blocks, blocks[1:], strict=False)
        if language == "sh" and block.startswith("curl")
    ]


CURLS = answered(README) + answered((ROOT / "docs" / "models.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make")])
def test_every_make_command_is_a_target(command: str) -> None:
    _, *targets = shlex.split(command)
    for target in targets:
        assert re.search(rf"^{target}:.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("classmark")])
def test_every_classmark_command_takes_its_options(command: str) -> None:
    assert not unknown_options(command)


def test_every_command_is_of_a_kind_that_is_tested() -> None:
    kinds = ("make", "classmark", "curl", "docker compose", ". .venv/bin/activate")
    for command in COMMANDS:
        assert command.startswith(kinds), command


def test_the_command_is_there_before_it_is_used() -> None:
    first = next(i for i, command in enumerate(COMMANDS) if command.startswith("classmark"))
    assert COMMANDS[first - 2 : first] == ["make install", ". .venv/bin/activate"]


def test_the_table_of_fields_is_that_of_the_api() -> None:
    classify, ner = set(ClassifyRequest.model_fields), set(NerRequest.model_fields)
    routes = dict.fromkeys(classify - ner, "classify") | dict.fromkeys(ner - classify, "ner")
    routes |= dict.fromkeys(classify & ner, "both")
    assert {name: route for name, (route, _) in FIELDS.items()} == routes


@pytest.mark.parametrize(
    ("field", "choices"),
    [
        ("long_text", get_args(LongText)),
        ("activation", get_args(Activation)),
        ("aggregation_strategy", get_args(AggregationStrategy)),
        ("on_error", ("fail", "report")),
    ],
)
def test_every_choice_of_a_field_is_named(field: str, choices: tuple[str, ...]) -> None:
    assert set(choices) <= set(re.findall(r"`(\w+)`", FIELDS[field][1]))


@pytest.mark.slow
def test_the_curls_answer_as_the_pages_show(demo_store: Path) -> None:
    assert {json.loads(shlex.split(command)[-1])["model"] for command, _ in CURLS} == set(DEMOS)
    with serving(demo_store) as server:
        for command, shown in CURLS:
            words = shlex.split(command.replace("http://127.0.0.1:8000", server.url))
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            _assert_alike(json.loads(done.stdout), shown)


def _assert_alike(answer: Any, shown: Any) -> None:
    """Hold structure, labels and spans exactly, and scores to what training elsewhere changes."""
    if isinstance(shown, dict):
        assert answer.keys() == shown.keys()
        for key in shown:
            if key == "score":
                assert answer[key] == pytest.approx(shown[key], abs=0.15)
            else:
                _assert_alike(answer[key], shown[key])
    elif isinstance(shown, list):
        assert len(answer) == len(shown)
        for one, other in zip(answer, shown, strict=True):
            _assert_alike(one, other)
    else:
        assert answer == shown
