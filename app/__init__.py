"""Classmark's service: serves bundles of fine-tuned BERT-family classifiers over HTTP."""

import os
from importlib.metadata import version

# ONNX Runtime's Linux builds report usage to their maker unless told not to, and read this once.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = version("classmark")
