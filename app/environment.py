"""Tells a variable that is meant as a setting and is none."""

import difflib
import re
from collections.abc import Mapping

from app.settings.settings import Settings

# The key of a client, what compose files read from the same .env, and what Kubernetes sets for a
# Service of this name.
_NOT_OURS = re.compile(r"CLASSMARK_(API_KEY|GPU_PORT|PUBLISH_ADDRESS|SERVICE_.*|PORT_\d+_.*)")


def check_environment(environment: Mapping[str, str]) -> None:
    """Raise ValueError for a variable that looks like a setting and is none, or says nothing."""
    known = {f"CLASSMARK_{name.upper()}" for name in Settings.model_fields}
    if environment.get("CLASSMARK_BACKEND", "onnxruntime") in ("onnxruntime", "auto"):
        known.add("CLASSMARK_BACKEND")  # a setting of earlier versions: this is what there is now
    for name in sorted(environment):
        if not name.startswith("CLASSMARK_") or _NOT_OURS.fullmatch(name):
            continue
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{name} is no setting{meant} docs/configuration.md has all of them")
    if environment.get("CLASSMARK_API_KEYS_FILE") == "":
        raise ValueError("CLASSMARK_API_KEYS_FILE is empty; name the file of keys, or unset it")
