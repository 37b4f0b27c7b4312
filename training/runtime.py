"""The process of a run: offline libraries and log lines."""

import logging
import os


def prepare() -> None:
    """Set up logging and keep the libraries offline; call it before they are imported."""
    # A base encoder is a local folder. Set these to 0 to use the hub.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Our own log lines say what these progress bars would.
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO)
    for library in ("accelerate", "datasets", "httpx", "transformers"):
        logging.getLogger(library).setLevel(logging.ERROR)
