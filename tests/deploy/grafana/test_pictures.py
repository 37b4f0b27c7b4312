"""The pictures of the boards: every panel can be drawn, with data and without."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from PIL import Image

from deploy.grafana.board import Board
from deploy.grafana.boards import BOARDS
from deploy.grafana.pictures.__main__ import save
from deploy.grafana.pictures.page import WIDTH, draw, height
from deploy.grafana.pictures.prometheus import Prometheus, Range
from deploy.grafana.pictures.units import write

SPAN = Range(1_000_000.0, 1_000_600.0)
MOST_BYTES = 250_000


def answer(request: httpx.Request) -> httpx.Response:
    """Answer a query with two series, or one for each bucket, whose values rise."""
    asked = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
    names = set(re.findall(r"\w+", asked["query"]))
    bounds = ["0.5", "1.0", "+Inf"] if "le" in names else ["", ""]
    found = [_series(asked, {"le": le, "instance": f"i{at}"}) for at, le in enumerate(bounds)]
    return httpx.Response(200, json={"data": {"result": found}})


def _series(asked: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, Any]:
    if "start" not in asked:
        return {"metric": labels, "value": [SPAN.end, "0.5"]}
    # It begins after the range does, so there is a moment to mark.
    times = SPAN.times[20:]
    return {"metric": labels, "values": [[at, str(i % 3)] for i, at in enumerate(times)]}


def silence(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"data": {"result": []}})


@pytest.mark.parametrize(
    ("board", "prometheus"),
    [*((board, answer) for board in BOARDS), (BOARDS[-1], silence)],
    ids=[*(board.name for board in BOARDS), "no data"],
)
def test_every_panel_is_drawn(board: Board, prometheus: Any, tmp_path: Path) -> None:
    transport = httpx.MockTransport(prometheus)
    with httpx.Client(transport=transport, base_url="http://prometheus") as client:
        canvas = draw(board.to_json(), Prometheus(client, SPAN))
    path = tmp_path / "board.png"
    save(canvas, path)
    assert path.stat().st_size < MOST_BYTES
    with Image.open(path) as image:
        assert image.size == (WIDTH, canvas.height)


@pytest.mark.parametrize("board", BOARDS, ids=[board.name for board in BOARDS])
def test_the_picture_in_the_docs_has_the_boards_shape(board: Board) -> None:
    """A row that came or went since it was drawn changes its height: make dashboards."""
    path = Path(__file__).parents[3] / f"docs/dashboards/{board.name}.png"
    with Image.open(path) as image:
        assert image.size == (WIDTH, height(board.to_json()))
    assert path.stat().st_size < MOST_BYTES


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.0123, "s", "12.3 ms"),
        (150, "s", "2.5 min"),
        (0, "s", "0 s"),
        (0.25, "percentunit", "25%"),
        (3 * 2**20, "bytes", "3 MiB"),
        (12.34, "suffix: texts/s", "12.3 texts/s"),
        (123_456, "none", "123 K"),
        (float("nan"), "reqps", "-"),
    ],
)
def test_values_are_written_in_their_units(value: float, unit: str, written: str) -> None:
    assert write(value, unit) == written
