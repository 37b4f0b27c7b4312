"""Looks at what is installed and set: versions, what ONNX Runtime can run on, variables."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from pydantic import ValidationError

from app.engine.batching.cpus import available_cpus
from app.environment import check_environment
from app.settings import Settings
from classmark.finding import Finding

PACKAGES = ("classmark", "onnxruntime", "onnxruntime-gpu", "tokenizers", "numpy", "uvicorn")
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
# Variables that cost speed, and the values with which they do.
SLOW = {
    "TOKENIZERS_PARALLELISM": ("1", "true", "on", "yes"),
    "PYTHONDEVMODE": ("1",),
    "PYTHONASYNCIODEBUG": ("1",),
    "PYTHONMALLOC": ("debug", "malloc_debug", "pymalloc_debug"),
}


def look_at_installation() -> list[Finding]:
    return [_versions(), _runtime(), *_variables()]


def _versions() -> Finding:
    found = {name: number for name in PACKAGES if (number := _version_of(name))}
    shown = ", ".join(f"{name} {number}" for name, number in found.items())
    text = f"Python {platform.python_version()}, {shown}"
    if {"onnxruntime", "onnxruntime-gpu"} <= set(found):
        return Finding(
            "versions", f"{text}: these two overwrite each other", "fault",
            "pip uninstall both, then install the extra serve or serve-gpu",
        )  # fmt: skip
    return Finding("versions", text)


def _runtime() -> Finding:
    if find_spec("onnxruntime") is None:
        return Finding(
            "runtime", "ONNX Runtime is missing", "fault", "pip install 'classmark[serve]'"
        )
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    text = f"ONNX Runtime has {', '.join(providers)}"
    if "CUDAExecutionProvider" not in providers and NVIDIA_DRIVER.exists():
        return Finding(
            "runtime", f"{text}, and there is an NVIDIA GPU", "note",
            "install the extra serve-gpu instead of serve to use it",
        )  # fmt: skip
    return Finding("runtime", text)


def _variables() -> list[Finding]:
    found = [
        Finding("variables", f"{name}={os.environ[name]} costs speed", "note", f"unset {name}")
        for name, values in SLOW.items()
        if os.environ.get(name, "").lower() in values
    ]
    try:
        check_environment(os.environ)
        settings = Settings()
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        name = "_".join(["CLASSMARK", *map(str, first["loc"])]).upper()
        return [*found, Finding("settings", f"{name}: {first['msg']}", "fault", f"change {name}")]
    except ValueError as exc:
        return [*found, Finding("settings", str(exc), "fault")]
    usable = available_cpus()
    if settings.executors > usable and settings.device != "cuda":
        text = f"CLASSMARK_EXECUTORS={settings.executors} on {usable} CPUs slow each other down"
        return [*found, Finding("settings", text, "note", "unset it to have one a CPU")]
    return [*found, Finding("settings", "all CLASSMARK_* variables are settings with good values")]


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
