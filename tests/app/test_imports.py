"""What the service loads, and what it never does."""

import subprocess
import sys

import pytest


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_service_imports_nothing_of_the_offline_world() -> None:
    run(
        "import app.main, sys\n"
        "found = {'torch', 'transformers', 'optimum', 'onnx', 'export', 'training'}\n"
        "assert not found & set(sys.modules), found & set(sys.modules)"
    )


@pytest.mark.parametrize("module", ["app.main", "export.__main__"])
def test_onnx_runtime_is_told_not_to_report_usage_before_it_loads(module: str) -> None:
    run(
        "import builtins, os, sys\n"
        "real = builtins.__import__\n"
        "def watch(name, *rest):\n"
        "    if name.split('.')[0] == 'onnxruntime':\n"
        "        assert os.environ.get('ORT_DISABLE_TELEMETRY') == '1', 'loaded too early'\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = watch\n"
        f"import {module}"
    )


def test_importing_the_service_reads_no_setting_and_starts_nothing() -> None:
    run(
        "import os, threading\n"
        "os.environ['CLASSMARK_PORT'] = 'no number'\n"
        "import app.main\n"
        "assert threading.active_count() == 1, threading.enumerate()"
    )
