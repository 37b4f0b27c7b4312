"""Bundles made once a session through the product's own export, and what every test may use."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import KEY, Server, key_line, serving
from tests.support.tiny import SEQUENCE_LABELS, TOKEN_LABELS, export_bundles, make_checkpoint


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


Write = Callable[[str, str | bytes], Path]
WriteRows = Callable[[str, list[dict[str, Any]]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a text, or bytes, into a file of this name."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        raw = content.encode("utf-8") if isinstance(content, str) else content
        path.write_bytes(raw)
        return path

    return write_file


@pytest.fixture
def write_rows(write: Write) -> WriteRows:
    """Write objects as JSON lines into a file of this name."""

    def write_objects(name: str, rows: list[dict[str, Any]]) -> Path:
        return write(name, "".join(json.dumps(row) + "\n" for row in rows))

    return write_objects


ROOT = Path(__file__).parents[1]
DEMOS = ("sentiment", "topic", "intent", "ner", "sentiment-zh", "ner-zh")
MEASURED: dict[str, str] = {}


@pytest.fixture(scope="session")
def measured() -> dict[str, str]:
    """Figures a test wants shown; nothing asserts on them, because machines differ."""
    return MEASURED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if MEASURED:
        terminalreporter.section("measured")
    for name, value in MEASURED.items():
        terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold `mood` (three labels, versions 1 and 2) and `names` (entities); not to be changed."""
    folder = tmp_path_factory.mktemp("tiny")
    store = folder / "store"
    one, two = (make_checkpoint(folder / f"mood-{n}", SEQUENCE_LABELS, seed=n) for n in (1, 2))
    names = make_checkpoint(folder / "names", TOKEN_LABELS)
    export_bundles(store, [(one, "mood", 1), (two, "mood", 2), (names, "names", 1)])
    return store


@pytest.fixture
def store(tiny_store: Path, tmp_path: Path) -> Path:
    """A store of the test's own with the first versions of `mood` and `names`."""
    own = tmp_path / "store"
    for name in ("mood", "names"):
        shutil.copytree(tiny_store / name / "1", own / name / "1")
    return own


@pytest.fixture(scope="session")
def server(tiny_store: Path) -> Iterator[Server]:
    """One running service for all tests that only ask."""
    with serving(tiny_store, log_level="debug") as running:
        yield running


@pytest.fixture(scope="session")
def dialect_store(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold what the tiny store has, and `rank` (one logit) and `nli` (entailment)."""
    folder = tmp_path_factory.mktemp("dialects")
    store = folder / "store"
    rank = make_checkpoint(folder / "rank", ("relevant",), seed=3)
    nli = make_checkpoint(folder / "nli", ("contradiction", "neutral", "entailment"), seed=4)
    export_bundles(store, [(rank, "rank", 1), (nli, "nli", 1)])
    for name in ("mood", "names"):
        shutil.copytree(tiny_store / name, store / name)
    return store


@pytest.fixture(scope="session")
def dialect_server(dialect_store: Path) -> Iterator[Server]:
    with serving(dialect_store, log_level="debug") as running:
        yield running


@pytest.fixture(scope="session")
def guarded_server(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Wants a key, lets pages of one origin read, and refuses texts that are long."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(key_line("app", "predict", KEY))
    settings = {"api_keys_file": keys, "cors_origins": "https://app.example.com"}
    with serving(tiny_store, **settings) as running:
        yield running


@pytest.fixture(scope="session")
def demo_store() -> Path:
    """The demo models, as `make models models-zh` leaves them."""
    store = ROOT / os.environ.get("STORE", "models")
    missing = [name for name in DEMOS if not (store / name / "1" / "manifest.json").exists()]
    if missing:
        names = ", ".join(missing)
        pytest.fail(f"no bundle of {names} in {store}: `make models models-zh` makes them")
    return store
