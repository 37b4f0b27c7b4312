"""Turn a fine-tuned checkpoint into a verified bundle: convert, quantize, compare, package."""

import app  # noqa: F401 - switches off ONNX Runtime's telemetry before anything here loads it
