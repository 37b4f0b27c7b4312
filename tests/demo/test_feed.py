"""The feed: what is planned, what is sent, and what happens when the service is away."""

import json
import random
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from demo.errors import DemoError
from demo.feed.__main__ import main
from demo.feed.plan import Plan, Surge
from demo.feed.stream import stream
from demo.feed.texts import OpinionTexts, by_label, lead

TEXTS = OpinionTexts(
    {"sports": ["A cup is won. It was late."], "tech": ["A chip is made. It is small."]},
    {"negative": ["I hate it."], "positive": ["I love it."]},
)
SURGE = Surge("tech", after=60.0, seconds=30.0, texts_per_second=4.0)
PLAN = Plan(("sports", "tech"), texts_per_second=8.0, negative_share=0.25, surge=SURGE)
Answer = Callable[[httpx.Request], httpx.Response]


class Clock:
    """Stands still but for sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def send(plan: Plan, answer: Answer, seconds: float) -> Counter[str]:
    clock = Clock()
    client = httpx.Client(base_url="http://service", transport=httpx.MockTransport(answer))
    return stream(plan, TEXTS, client, seconds, random.Random(0), clock, clock.sleep)


def test_the_mix_is_stable_and_the_surge_is_negative_and_of_its_topic_alone() -> None:
    rng = random.Random(0)
    before = Counter(PLAN.due(0.0, 60.0, rng))
    surge = Counter(PLAN.due(60.0, 90.0, rng))
    surge.subtract(Counter({kind: count // 2 for kind, count in before.items()}))
    assert before.total() == pytest.approx(480, abs=60)
    for topic in PLAN.topics:
        both = before[topic, "negative"] + before[topic, "positive"]
        assert both == pytest.approx(240, abs=45)
        assert before[topic, "negative"] / both == pytest.approx(0.25, abs=0.08)
    assert surge["tech", "negative"] == pytest.approx(120, abs=40)
    assert abs(surge["sports", "negative"]) < 30


@pytest.mark.parametrize(
    ("start", "end", "seconds"), [(0, 60, 0), (59, 61, 1), (60, 90, 30), (0, 99, 30), (90, 99, 0)]
)
def test_a_surge_lasts_from_its_beginning_to_its_end(
    start: float, end: float, seconds: float
) -> None:
    assert SURGE.overlap(start, end) == seconds


def test_the_same_seed_sends_the_same_texts_for_as_long_as_asked() -> None:
    def record(sent: list[str]) -> Answer:
        def answer(request: httpx.Request) -> httpx.Response:
            body = json.loads(request.content)
            assert request.url.path == "/v1/analyze"
            assert body["models"] == ["topic", "sentiment", "ner"]
            sent.extend(body["inputs"])
            return httpx.Response(200)

        return answer

    runs: list[list[str]] = [[], []]
    counts = [send(PLAN, record(run), 20.0) for run in runs]
    assert runs[0] == runs[1]
    # The first text asks whether anybody is there.
    assert counts[0] == Counter(answered=len(runs[0]) - 1)
    assert len(runs[0]) == pytest.approx(160, abs=40)


def test_a_service_that_refuses_or_is_away_for_a_while_loses_texts_and_does_not_stop_the_feed() -> (
    None
):
    asked = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked % 3 == 0:
            raise httpx.ConnectError("refused")
        return httpx.Response(429 if asked % 3 == 1 else 200)

    counts = send(PLAN, answer, 60.0)
    assert set(counts) == {"answered", "refused", "lost"}


@pytest.mark.parametrize(
    ("status", "named"), [(404, "the demo models topic, sentiment, ner"), (401, "--key")]
)
def test_a_service_that_cannot_answer_ends_the_feed_with_the_remedy(
    status: int, named: str
) -> None:
    with pytest.raises(DemoError, match=f"answered {status}: no; .*{named}"):
        send(PLAN, lambda _: httpx.Response(status, text="no"), 60.0)


def test_a_service_that_is_not_there_is_named_with_the_remedy() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(DemoError, match=r"no service at http://service.*--url"):
        send(PLAN, answer, 60.0)


def test_a_text_is_the_lead_of_a_report_and_a_short_opinion() -> None:
    report = "Big cup won \n\nIt was late. Many slept.\n\nMore."
    assert lead(report) == "Big cup won. It was late."
    assert TEXTS.compose("tech", "negative", random.Random(0)) == (
        "A chip is made. It is small. I hate it."
    )
    assert by_label([("one two", "b"), ("one", "b"), ("one", "a")], 1) == {
        "a": ["one"],
        "b": ["one"],
    }


@pytest.mark.parametrize("options", [["--rate", "0"], ["--negative", "2"], ["--for", "inf"]])
def test_a_number_that_cannot_be_meant_is_refused(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(options)
    assert options[1] in capsys.readouterr().err
