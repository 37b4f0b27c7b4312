"""Classmark's service: serves bundles of fine-tuned BERT-family classifiers over HTTP."""

import os
from importlib.metadata import PackageNotFoundError, version

# ONNX Runtime's Linux builds report usage to their maker unless told not to, and read this once.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    __version__ = version("classmark")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+checkout"
