"""Every example of docs/clients.md runs as it stands, against the demo models."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.asking import python_of
from tests.clients.commands import in_node
from tests.support.server import Server, serving

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```(python|javascript|bash)\n(.*?)^```", PAGE, re.M | re.S)
ADDRESS = "http://127.0.0.1:8000"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo_server(demo_store: Path) -> Iterator[Server]:
    with serving(demo_store) as running:
        yield running


@pytest.mark.parametrize(
    ("language", "code"), EXAMPLES, ids=[f"{kind}-{n}" for n, (kind, _) in enumerate(EXAMPLES)]
)
def test_an_example_runs_and_shows_something(
    demo_server: Server, tmp_path: Path, language: str, code: str
) -> None:
    code = code.replace(ADDRESS, demo_server.url)
    code = code.replace(ADDRESS.removeprefix("http://"), demo_server.url.removeprefix("http://"))
    if language == "python":
        command = [str(python_of("everyday")), "-c", code]
    elif language == "javascript":
        file = Path(in_node()[1]).with_name("example.mjs")
        file.write_text(code)
        command = ["node", str(file)]
    else:
        command = ["bash", "-euo", "pipefail", "-c", code]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
