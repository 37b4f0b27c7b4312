"""The client programs: how each one's script is run, and when."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.clients.asking import ENVIRONMENTS, HERE, python_of, script
from tests.support.environments import run_command

Command = Callable[[], Sequence[str]]


def in_environment(name: str, client: str) -> Command:
    return lambda: script(python_of(name), client)


def in_node() -> Sequence[str]:
    folder = ENVIRONMENTS / "node"
    if not (folder / "node_modules" / "@huggingface" / "inference").exists():
        folder.mkdir(parents=True, exist_ok=True)
        package = "@huggingface/inference@4.13.30"
        run_command(["npm", "install", "--silent", "--no-audit", package], folder)
    (folder / "huggingface.mjs").write_text((HERE / "scripts" / "huggingface.mjs").read_text())
    return ["node", str(folder / "huggingface.mjs")]


# The cheap ones run with every `make test`; what installs hundreds of megabytes, by
# `make test-clients` alone.
EVERYDAY, LARGE = pytest.mark.slow, pytest.mark.clients
CLIENTS = [
    pytest.param(
        lambda: script(Path(sys.executable), "huggingface"), id="huggingface_hub 0", marks=EVERYDAY
    ),
    pytest.param(
        in_environment("huggingface-1", "huggingface"), id="huggingface_hub 1", marks=LARGE
    ),
    pytest.param(in_environment("everyday", "huggingface"), id="huggingface_hub 2", marks=EVERYDAY),
    pytest.param(in_node, id="@huggingface/inference", marks=EVERYDAY),
    pytest.param(in_environment("everyday", "tei"), id="tei-client", marks=EVERYDAY),
    pytest.param(in_environment("everyday", "triton"), id="tritonclient", marks=EVERYDAY),
]
OPENAI = pytest.param(in_environment("everyday", "openai_client"), id="openai", marks=EVERYDAY)
MLFLOW = pytest.param(in_environment("mlflow", "mlflow_client"), id="mlflow-skinny", marks=LARGE)
PRESIDIO = pytest.param(
    in_environment("presidio", "presidio_client"), id="presidio-analyzer", marks=LARGE
)
DOCCANO = pytest.param(in_environment("doccano", "doccano_client"), id="doccano", marks=EVERYDAY)
LABEL_STUDIO = pytest.param(
    in_environment("label-studio", "label_studio_client"), id="label-studio-sdk", marks=LARGE
)
PLATFORMS = [OPENAI, MLFLOW, PRESIDIO, DOCCANO, LABEL_STUDIO]
