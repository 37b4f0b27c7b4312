import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement

from app.settings import Settings
from tests.deployment.files import DOCKERFILE, INSTALL_SCRIPT, ROOT

OFFLINE = {"torch", "transformers", "optimum", "onnx", "datasets", "accelerate", "spacy"}
TEXT = DOCKERFILE.read_text()
STAGES = {
    match[2]: match[0]
    for match in re.finditer(r"^FROM (\S+) AS (\S+)\n(?:(?!FROM ).*\n)*", TEXT, re.MULTILINE)
}


def _closure(requirement: Requirement, seen: set[str]) -> set[str]:
    """Return what installing a requirement brings, as this environment's packages declare it."""
    name = requirement.name.lower().replace("_", "-")
    seen.add(name)
    try:
        needed = [Requirement(line) for line in requires(name) or []]
    except PackageNotFoundError:
        return seen
    for other in needed:
        environments = [{"extra": extra} for extra in requirement.extras or [""]]
        wanted = not other.marker or any(other.marker.evaluate(e) for e in environments)
        if wanted and other.name.lower().replace("_", "-") not in seen:
            _closure(other, seen)
    return seen


@pytest.mark.parametrize("extra", ["serve", "serve-gpu"])
def test_no_image_installs_what_only_export_and_training_need(extra: str) -> None:
    assert f"install-requirements.sh {extra} store\n" in TEXT
    installed = _closure(Requirement(f"classmark[{extra}]"), set())
    for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]["store"]:
        _closure(Requirement(line), installed)
    assert {"fastapi", "tokenizers", "obstore"} < installed
    assert not installed & OFFLINE


def test_only_the_service_and_its_command_are_copied() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", TEXT, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == {
        *("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "app", "classmark"),
        str(INSTALL_SCRIPT.relative_to(ROOT)),
    }
    ignored, *kept = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"
    ]
    assert ignored == "*"
    assert {line[1:] for line in kept if line[0] == "!"} == copied


def test_what_the_image_leaves_out_is_never_imported() -> None:
    removed = INSTALL_SCRIPT.read_text().split("site-packages\n")[1]
    paths = re.findall(r"^rm -rf (.+)$", removed, re.MULTILINE)
    modules = [path.strip("*").replace("/", ".") for line in paths for path in line.split()]
    assert "onnxruntime.tools" in modules
    assert "huggingface_hub" in modules
    code = f"import app.__main__, sys; print(*set({modules}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_base_image_is_an_argument_with_a_pinned_default() -> None:
    assert re.match(r"ARG PYTHON_IMAGE=python:3\.\d+-slim-\w+\n", TEXT)
    bases = set(re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE))
    assert bases - set(STAGES) == {"${PYTHON_IMAGE}"}


def test_requirements_come_at_the_pinned_versions() -> None:
    assert "PIP_CONSTRAINT=/source/constraints.txt" in STAGES["build"]
    assert all(
        STAGES[f"requirements-{target}"].startswith("FROM build") for target in ("cpu", "gpu")
    )


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_the_service_runs_as_a_numeric_user_other_than_root(target: str) -> None:
    user = re.findall(r"^USER (.+)$", STAGES[target], re.MULTILINE)[-1]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)


def test_a_build_without_a_target_makes_the_cpu_image() -> None:
    assert list(STAGES)[-1] == "cpu"


def test_health_is_readiness() -> None:
    assert "'GET', '/health/ready'" in STAGES["service"]


def test_onnx_runtime_sends_nothing_home() -> None:
    assert "ORT_DISABLE_TELEMETRY=1" in STAGES["service"]


def test_every_variable_of_the_image_is_a_setting() -> None:
    for name in re.findall(r"CLASSMARK_(\w+)=", STAGES["service"]):
        assert name.lower() in Settings.model_fields
