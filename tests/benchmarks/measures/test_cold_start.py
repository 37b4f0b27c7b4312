"""A start is timed to readiness, with what each load took of it, here and in an unpacked image."""

from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.measures.cold_start.report import write_starts
from benchmarks.measures.cold_start.starts import Place, Start, read_loads, start_once


def test_a_start_ends_when_all_models_of_the_store_serve(tiny_store: Path, tmp_path: Path) -> None:
    start = start_once(Place(tmp_path), tiny_store, "fp32", bytecode=True)
    assert set(start.loads) == {folder.name for folder in tiny_store.iterdir()}
    assert 0 < start.listening < start.ready
    assert sum(start.loads.values()) < start.ready
    assert start.cpu > 0


def test_each_load_is_timed_from_the_end_of_the_one_before(tmp_path: Path) -> None:
    log = tmp_path / "start.log"
    log.write_text(
        '{"event": "listening"}\n'
        '{"event": "version loaded", "model": "b", "seconds": 0.5}\n'
        '{"event": "version loaded", "model": "a", "seconds": 0.75}\n'
    )
    assert read_loads(log, {"a", "b"}) == {"b": 0.5, "a": 0.25}
    with pytest.raises(BenchmarkError, match="c did not load"):
        read_loads(log, {"a", "b", "c"})


def test_an_image_is_started_as_its_own_user_with_nothing_of_this_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSMARK_WORKERS", "7")
    place = Place(tmp_path, root=tmp_path / "root")
    assert place.command()[:3] == ["unshare", "--root", str(tmp_path / "root")]
    assert place.inside(tmp_path / "root" / "store") == "/store"
    assert not {"CLASSMARK_WORKERS", "VIRTUAL_ENV"} & set(place.environment(bytecode=True))
    assert "CLASSMARK_WORKERS" not in Place(tmp_path).environment(bytecode=True)


def test_the_page_has_a_row_for_starts_with_and_without_bytecode(tmp_path: Path) -> None:
    def start(ready: float) -> Start:
        return Start(0.5, ready, 1.0, {"a": 0.25, "b": 0.5})

    found = {"kept": [start(2.0), start(3.0), start(2.5)], "none": [start(4.0)]}
    text = write_starts(found, image=True, out=tmp_path).read_text()
    assert "**Ready after 2.5 s.**" in text
    assert "| bytecode | listening | load a | load b | ready | CPU |" in text
    assert "| none | 0.50 (0.50-0.50) |" in text
    assert (tmp_path / "cold-start.json").is_file()
