"""Asking Prometheus, and the service: what goes wrong says what to do."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from report.day import INFERENCE, read_alerts, read_day
from report.entities import MentionedEntity, read_entities
from report.errors import ReportError
from report.options import Span
from report.prometheus import PrometheusApi
from tests.deployment.files import ROOT

RULES = ROOT / "docker/prometheus/rules"
START = datetime(2026, 3, 4, tzinfo=UTC)
SPAN = Span(START, START + timedelta(minutes=4))
Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer) -> httpx.Client:
    return httpx.Client(base_url="http://user:secret@host", transport=httpx.MockTransport(answer))


def api(answer: Answer, tell: Callable[[], None] = lambda: None) -> PrometheusApi:
    return PrometheusApi(client(answer), SPAN, tell)


def result(*series: dict[str, Any]) -> Answer:
    body = {"status": "success", "data": {"result": list(series)}}
    return lambda _: httpx.Response(200, json=body)


def refuse(error: type[httpx.TransportError]) -> Answer:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error("refused")

    return answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refuse(httpx.ConnectError), "no Prometheus at http://host.*--prometheus"),
        (refuse(httpx.ReadTimeout), "took over 60 s .*fewer --hours"),
        (lambda _: httpx.Response(404, text="<html>"), "is no Prometheus: .* answered 404"),
        (lambda _: httpx.Response(200, json=[]), "is no Prometheus: .* answered 200"),
        (
            lambda _: httpx.Response(422, json={"status": "error", "error": "too many samples"}),
            "refused a query: too many samples",
        ),
    ],
)
def test_a_prometheus_that_does_not_answer_is_named_without_its_password(
    answer: Answer, said: str
) -> None:
    with pytest.raises(ReportError, match=said) as caught:
        api(answer).number("up")
    assert "secret" not in str(caught.value)


def test_a_time_in_which_nothing_was_recorded_is_named_with_the_remedy() -> None:
    with pytest.raises(ReportError, match=r"recorded nothing .* 2026-03-04 00:00 .*another --day"):
        read_day(api(result()), SPAN)


def test_a_curve_has_a_gap_where_nothing_was_recorded() -> None:
    first = START.timestamp()
    values = [[first, "1"], [first + 1, "2"], [first + 3, "4"]]
    (curve,) = api(result({"metric": {}, "values": values})).curves("up")
    assert len(curve.values) == 241
    assert curve.values[:2] == [1, 2]
    assert math.isnan(curve.values[2])
    assert curve.values[3] == 4


def test_an_alert_that_pauses_fired_twice_and_one_at_the_end_still_fires() -> None:
    end = SPAN.end.timestamp()
    moments = [end - 900, end - 840, end - 60, end - 30]
    labels = {"__name__": "ALERTS", "alertname": "ClassmarkSlow", "alertstate": "firing", "a": "b"}
    series = {"metric": labels, "values": [[at, "1"] for at in moments]}
    fired = read_alerts(api(result(series)), SPAN)
    assert [(one.since, one.until, one.is_over) for one in fired] == [
        (end - 900, end - 840, True),
        (end - 60, end - 30, False),
    ]
    assert (fired[0].name, fired[0].labels) == ("ClassmarkSlow", {"a": "b"})


def test_requests_are_those_that_the_rules_count() -> None:
    selected = re.findall(r'route=~"[^"]*"', (RULES / "service.yml").read_text())
    assert {INFERENCE} == set(selected)


def test_every_query_is_told_of_before_it_is_asked() -> None:
    told: list[str] = []
    asked = api(result(), lambda: told.append("query"))
    asked.number("up")
    asked.curves("up")
    assert told == ["query", "query"]


def test_entities_are_those_of_the_day_with_what_is_not_sure() -> None:
    entity = {"name": "Paris", "entity_group": "LOC", "count": 9, "error": 2}

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/opinions/entities"
        assert request.url.params["window"] == "day"
        return httpx.Response(200, json={"entities": [entity]})

    assert read_entities(client(answer)) == [MentionedEntity("Paris", "LOC", 9, 2)]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: httpx.Response(401, text="no key"), "answered 401: no key; .*--key"),
        (refuse(httpx.ConnectError), "no service at http://.*leave --service away"),
    ],
)
def test_a_service_that_does_not_tell_is_named_with_the_remedy(answer: Answer, said: str) -> None:
    with pytest.raises(ReportError, match=said):
        read_entities(client(answer))
