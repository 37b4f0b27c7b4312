import pytest

from tests.score.support import Score, in_process


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Score:
    return in_process(monkeypatch, capsys)
