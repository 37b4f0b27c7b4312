import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement

from app.settings.settings import Settings
from tests.deployment.files import DOCKERFILE, PRUNE_SCRIPT, ROOT

OFFLINE = {"torch", "transformers", "optimum", "onnx", "datasets", "accelerate", "spacy"}
TEXT = DOCKERFILE.read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Imports all of the service where the modules that are named cannot be.
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys(sys.argv[1:]))
import app
names = [found.name for found in pkgutil.walk_packages(app.__path__, "app.")]
for name in names:
    if not name.startswith("app.engine.backends.cuda."):
        importlib.import_module(name)
print(len(names))
"""
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


def _installed(stage: str) -> set[str]:
    """Return the packages that a stage installs."""
    (extras,) = re.findall(r"install-requirements\.sh ([\w -]+)", STAGES[stage])
    declared = PROJECT["optional-dependencies"]
    installed: set[str] = set()
    for line in [
        *PROJECT["dependencies"],
        *(one for extra in extras.split() for one in declared[extra]),
    ]:
        _closure(Requirement(line), installed)
    return installed


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_no_image_of_the_service_installs_what_only_export_and_training_need(target: str) -> None:
    installed = _installed(f"requirements-{target}")
    assert {"fastapi", "tokenizers", "obstore", "opentelemetry-sdk", "dumb-init"} < installed
    assert not installed & OFFLINE


def test_the_image_of_the_demo_models_trains_exports_and_serves_nothing() -> None:
    assert {"torch", "onnx", "spacy", "dumb-init"} < _installed("requirements-models")
    assert not re.search("EXPOSE|HEALTHCHECK|app", STAGES["models"])
    assert {"service", "cpu", "gpu"}.isdisjoint(re.findall(r"--from=([\w-]+)", STAGES["models"]))


def test_what_is_copied_is_what_the_build_sees() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(?:--chmod=755 )?(.+)$", TEXT, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert all((ROOT / source).exists() for source in copied)
    ignored, *kept = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"
    ]
    assert ignored == "*"
    assert {line[1:] for line in kept if line[0] == "!"} == copied


def test_the_service_has_its_own_code_and_its_command_alone() -> None:
    assert set(re.findall(r"^COPY (\w+) \1$", STAGES["code"], re.MULTILINE)) == {"app", "classmark"}


def test_the_service_imports_nothing_of_what_its_image_leaves_out() -> None:
    removed = PRUNE_SCRIPT.read_text().split("site-packages\n")[1].split("bin\n")[0]
    paths = [
        path
        for line in re.findall(r"^rm -rf (.+)$", removed, re.MULTILINE)
        for path in line.split()
    ]
    modules = {path.strip("*").replace("/", ".") for path in paths}
    assert {"onnxruntime.tools", "huggingface_hub", "numpy.random", "yaml"} < modules
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *modules], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150


def test_the_base_image_is_an_argument_with_a_pinned_default() -> None:
    assert re.match(r"ARG PYTHON_IMAGE=python:3\.\d+-slim-\w+\n", TEXT)
    bases = set(re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE))
    assert bases - set(STAGES) == {"${PYTHON_IMAGE}"}


def test_requirements_come_at_the_pinned_versions() -> None:
    assert "PIP_CONSTRAINT=/source/constraints.txt" in STAGES["build"]
    assert all(
        STAGES[f"requirements-{target}"].startswith("FROM build")
        for target in ("cpu", "gpu", "models")
    )


@pytest.mark.parametrize("target", ["cpu", "gpu", "models"])
def test_an_image_runs_as_a_numeric_user_other_than_root(target: str) -> None:
    user = re.findall(r"^USER (.+)$", STAGES[target], re.MULTILINE)[-1]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)


def test_a_build_without_a_target_makes_the_cpu_image() -> None:
    assert list(STAGES)[-1] == "cpu"


def test_health_is_readiness() -> None:
    assert "'GET', '/health/ready'" in STAGES["service"]


def test_onnx_runtime_sends_nothing_home() -> None:
    assert "ORT_DISABLE_TELEMETRY=1" in STAGES["service"]


def test_the_image_says_what_it_is() -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', STAGES["base"]))
    assert labels["title"].lower() == PROJECT["name"]
    assert labels["description"]
    assert labels["licenses"] == PROJECT["license"]
    assert labels["source"] == PROJECT["urls"]["Changelog"].split("/blob/")[0]
    assert {labels[name] for name in ("version", "revision", "created")} == {
        "${VERSION}",
        "${REVISION}",
        "${CREATED}",
    }
    assert f"ARG VERSION={PROJECT['version']} REVISION= CREATED=\n" in STAGES["base"]


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_a_start_compiles_no_module(target: str) -> None:
    """The root is read-only then, and an image of Python has no bytecode of its library."""
    assert (
        "COPY --chmod=755 docker/compile-imports.sh /install/bin/compile-imports" in STAGES["code"]
    )
    lines = [line for line in STAGES[target].splitlines() if line and line[0] != "#"]
    *_, code, compiles, user = lines
    assert code.startswith("COPY --from=code ")
    assert compiles == "RUN compile-imports"
    assert user.startswith("USER ")


def test_every_variable_of_the_image_is_a_setting() -> None:
    for name in re.findall(r"CLASSMARK_(\w+)=", STAGES["service"]):
        assert name.lower() in Settings.model_fields
