"""Opens who answers: a model of a store in this process, or a running service."""

import os
from pathlib import Path

from app.engine.models.loader import load_servable
from app.errors import ClassmarkError
from app.settings import Settings
from app.store import check_store, list_models, list_versions, read_desired_version
from score.errors import ScoreError
from score.options import ScoreOptions
from score.scorers.base import Scorer, check_options
from score.scorers.local import LocalScorer
from score.scorers.remote import RemoteScorer

API_KEY = "CLASSMARK_API_KEY"


def open_scorer(options: ScoreOptions) -> Scorer:
    """Return what answers the rows of a run; raise ScoreError if that cannot be had."""
    if options.url is None:
        return _load(options)
    if options.version is not None:
        raise ScoreError("--version is of a store, and a service answers with the one it serves")
    return RemoteScorer(
        options.url, os.environ.get(API_KEY), options.model, options.answers, options.concurrency
    )


def _load(options: ScoreOptions) -> LocalScorer:
    # Only the first of these settings is about listening, and nothing listens here.
    settings = Settings(host="127.0.0.1", model_store=options.store)
    # Imported here: with --url no runtime is needed.
    from app.engine.backends.selection import select_backend
    from app.engine.batching.cpus import available_cpus

    try:
        folder = options.store / options.model / str(_choose_version(options))
        backend = select_backend(settings.device, settings.executors or available_cpus())
        executors = settings.executors or backend.executors
        servable = load_servable(folder, backend, settings.wanted_precision, callers=executors)
    except (ClassmarkError, ValueError) as exc:
        raise ScoreError(str(exc)) from exc
    check_options(options.answers, servable.manifest.task, options.model)
    budget = max(count * tokens for count, tokens in backend.warm_up_shapes)
    return LocalScorer(servable, options.answers, executors, budget, settings.max_windows)


def _choose_version(options: ScoreOptions) -> int:
    """Return the version asked for, or the one that the store wants; raise ScoreError without."""
    store: Path = options.store
    check_store(store)
    versions = list_versions(store, options.model)
    if not versions:
        there = ", ".join(list_models(store)) or "none"
        raise ScoreError(f"{store} has no model {options.model[:60]!r}; there are: {there}")
    version = options.version or read_desired_version(store, options.model) or versions[0]
    if version not in versions:
        there = ", ".join(map(str, versions))
        raise ScoreError(f"{options.model} has no version {version}; there are: {there}")
    return version
