"""From a fine-tuned checkpoint to a verified bundle: convert, quantize, compare, package."""

import app  # noqa: F401 - switches ONNX Runtime's telemetry off before anything here loads it
