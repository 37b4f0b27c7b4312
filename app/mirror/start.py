"""Builds what follows a bucket, from the settings."""

from app.bundle.manifest import GraphFile, Manifest
from app.engine.backends.base import Backend
from app.engine.models.loader import list_candidates
from app.engine.models.registry import LocalRegistry
from app.mirror.cache import Cache
from app.mirror.follow import StoreFollower
from app.mirror.metrics import MirrorMetrics
from app.mirror.mirror import Mirror
from app.mirror.remote_store import open_remote
from app.settings import Settings
from app.telemetry.metrics import Metrics


def make_follower(
    settings: Settings, backend: Backend, registry: LocalRegistry, metrics: Metrics
) -> StoreFollower:
    """Build what keeps the cache up with the bucket of the settings; nothing is asked yet.

    Raises:
        ValueError: the URL or the environment is no bucket's.
    """
    assert settings.store_url is not None

    def graphs(manifest: Manifest) -> list[GraphFile]:
        modes = list_candidates(manifest, backend, settings.wanted_precision)
        return [graph for mode in modes if (graph := mode.find_graph(manifest)) is not None]

    cache = Cache(settings.cache_folder, settings.store_url)
    mirror = Mirror(open_remote(settings.store_url), cache, graphs, settings.store_channel)
    return StoreFollower(
        mirror, registry, MirrorMetrics(metrics.registry), settings.store_poll_seconds
    )
