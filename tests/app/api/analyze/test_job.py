"""A request to several models is admitted once, runs side by side, and ends as one."""

import asyncio
import gc
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.api.analyze.job import AnalyzeJob
from app.api.inference.job import InferenceJob
from app.engine.joint_run import JointRun
from app.errors import DeadlineExceeded
from app.service import ModelAnswers
from tests.support.connection import COST_SECONDS, FakePending, Side, connected, until

pytestmark = pytest.mark.anyio
TEXTS = ["a good film", "angela merkel met john smith"]
LONG = "a good film and a bad plot " * 60
ROUTE = {"route": "/v1/analyze", "model": "", "version": ""}


def ask(side: Side, inputs: Any = TEXTS, **options: Any) -> None:
    side.send(json.dumps({"inputs": inputs, **options}).encode(), path="/v1/analyze")


async def taken(side: Side) -> list[FakePending]:
    """Return what was submitted to mood and to names, before either has ended."""
    return [await side.taken(), await side.taken()]


async def test_all_models_are_submitted_before_any_has_ended(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        ask(side)
        mood, names = await taken(side)
        assert (len(mood._logits), len(names._logits)) == (2, 2)
        names.end()
        mood.end()
        head, answer = await side.read()
        assert head.startswith(b"HTTP/1.1 200")
        assert answer["models"] == [{"name": "mood", "version": 2}, {"name": "names", "version": 1}]
        assert mood.closed.is_set()
        assert names.closed.is_set()


async def test_the_whole_is_admitted_once(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.runner.full = True
        ask(side)
        head, _ = await side.read()
        assert head.startswith(b"HTTP/1.1 429")
        assert b"retry-after: 3" in head
        assert side.runner.taken.empty()
        assert len(side.runner.costs) == 1


async def test_what_the_queue_refuses_is_refused_as_a_whole(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.runner.refusals = 1
        ask(side)
        head, _ = await side.read()
        assert head.startswith(b"HTTP/1.1 429")
        assert side.runner.taken.empty()


async def test_what_it_cost_is_what_all_models_cost(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.runner.ends_at_once = True
        ask(side)
        await side.read()
        ask(side)
        await side.read()
        assert side.runner.costs == [0.0, pytest.approx(2 * COST_SECONDS)]


async def test_a_client_that_leaves_takes_the_work_of_all_models_along(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        ask(side)
        runs = await taken(side)
        side.writer.close()
        for run in runs:
            await asyncio.wait_for(run.closed.wait(), 10)
        await until(lambda: side.sample("requests_total", **ROUTE, status="499") == 1)


async def test_a_run_that_ends_by_an_error_ends_the_request_and_the_others(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store) as side:
        ask(side)
        mood, names = await taken(side)
        names._error = DeadlineExceeded("the time ran out")
        names.end()  # mood runs on
        head, problem = await side.read()
        assert head.startswith(b"HTTP/1.1 504")
        assert problem["detail"] == "the time ran out"
        assert mood.closed.is_set()
        mood.end()  # too late, and nobody is told


async def test_an_input_that_one_model_fails_on_is_named_with_the_model(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        ask(side)
        mood, names = await taken(side)
        mood.end()
        names.end({1: "poison"})
        head, problem = await side.read()
        assert head.startswith(b"HTTP/1.1 500")
        assert problem["detail"] == "names: inputs.1: poison"


async def test_an_input_that_one_model_fails_on_is_reported_and_the_others_answer(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store) as side:
        ask(side, on_error="report")
        mood, names = await taken(side)
        mood.end()
        names.end({1: "poison"})
        head, answer = await side.read()
        assert head.startswith(b"HTTP/1.1 200")
        first, second = answer["results"]
        assert list(first["names"]) == ["tokens", "windows", "truncated", "entities"]
        assert second["names"]["error"]["detail"] == "inputs.1: poison"
        assert len(second["mood"]["labels"]) == 3
        await until(
            lambda: side.sample("failed_inputs_total", model="names", status_class="5xx") == 1
        )


async def test_only_the_models_that_the_cache_has_no_answer_of_run(tiny_store: Path) -> None:
    async with connected(tiny_store, cache_megabytes=1) as side:
        side.runner.ends_at_once = True
        ask(side, models=["mood"])
        _, first = await side.read()
        await side.taken()
        ask(side)
        _, both = await side.read()
        names = await side.taken()
        assert names._logits[0].ndim == 2  # of tokens
        assert side.runner.taken.empty()
        assert [one["mood"] for one in both["results"]] == [one["mood"] for one in first["results"]]
        ask(side)
        head, again = await side.read()
        assert again == both
        assert b"server-timing: cache;dur=0\r\n" in head
        assert side.runner.taken.empty()


async def test_long_texts_are_read_on_another_thread_and_answered_alike(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        ask(side, inputs=[LONG] * 8, long_text="window")
        runs = await taken(side)
        assert len({len(run._logits) for run in runs}) == 1
        for run in runs:
            run.end()
        _, answer = await side.read()
        assert {one["windows"] for result in answer["results"] for one in result.values()} != {1}


async def test_a_request_under_way_is_answered_by_the_versions_that_it_began_with(
    tiny_store: Path, store: Path
) -> None:
    async with connected(store) as side:
        ask(side)
        runs = await taken(side)
        shutil.copytree(tiny_store / "mood" / "2", store / "mood" / "2")
        await side.service.registry.scan()
        for run in runs:
            run.end()
        _, answer = await side.read()
        assert [one["version"] for one in answer["models"]] == [1, 1]
        side.runner.ends_at_once = True
        ask(side)
        _, answer = await side.read()
        assert [one["version"] for one in answer["models"]] == [2, 1]


async def test_each_model_counts_what_it_read_and_answered_and_the_request_counts_once(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store) as side:
        side.runner.ends_at_once = True
        ask(side)
        await side.read()
        await until(lambda: side.sample("requests_total", **ROUTE, status="200") == 1)
        for model, version in (("mood", "2"), ("names", "1")):
            labels = {"model": model, "version": version}
            assert side.sample("input_tokens_count", **labels) == 2
            assert side.sample("stage_seconds_count", model=model, stage="run") == 1
        assert side.sample("answers_total", model="mood", version="2", label="negative") == 2
        ask(side, models=["mood"])
        await side.read()
        alone = {"route": "/v1/analyze", "model": "mood", "version": "2", "status": "200"}
        await until(lambda: side.sample("requests_total", **alone) == 1)


async def test_observers_are_told_the_answers_of_each_model_after_they_were_sent(
    tiny_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[list[ModelAnswers]] = []

    def fails(_: object) -> None:
        raise ZeroDivisionError

    async with connected(tiny_store) as side:
        side.runner.ends_at_once = True
        side.service.answer_observers.append(lambda answers: told.append([*answers]))
        side.service.answer_observers.append(fails)
        ask(side, ["a", ""], on_error="report")
        await side.read()
        ask(side, "b")
        head, _ = await side.read()  # nothing of an observer's trouble is the caller's
        assert head.startswith(b"HTTP/1.1 200")
        await until(lambda: len(told) == 2)
    mood, names = told[0]
    assert (mood.servable.name, names.servable.name) == ("mood", "names")
    assert [answer and answer.labels for answer in mood.answers] == [("negative",), None]
    assert "ZeroDivisionError" in caplog.text


async def test_nothing_of_a_request_is_left_to_the_collector(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.runner.ends_at_once = True
        ask(side)
        await side.read()
        await taken(side)
        gc.collect()
        gc.disable()
        try:
            ask(side)
            await side.read()
            await taken(side)
            await asyncio.sleep(0)
            kinds = (AnalyzeJob, InferenceJob, JointRun)
            left = [one for one in gc.get_objects() if type(one) in kinds]
        finally:
            gc.enable()
        assert not left
