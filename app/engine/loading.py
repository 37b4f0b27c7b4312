"""From a version folder to a servable that has proved itself on this device."""

import logging
from pathlib import Path

from app.bundle import Bundle, Precision, open_bundle
from app.engine.backends.base import Backend
from app.engine.servable import Servable
from app.errors import BundleError, IncompleteBundle

logger = logging.getLogger(__name__)


def load_servable(
    folder: Path,
    backend: Backend,
    precision: Precision | None,
    predecessor: Servable | None = None,
) -> Servable:
    """Verify, load, check and warm up a bundle; blocks for as long as that takes.

    Args:
        precision: the graph to take; None tries the device's preferred ones in turn until one
            answers the golden cases as the checkpoint did.
        predecessor: the version that serves now, if any.

    Raises:
        BundleError: why no graph of the bundle can serve here.
    """
    bundle = open_bundle(folder)
    offered = [p for p in backend.preferred_precisions if p in bundle.manifest.graphs]
    wanted = [precision] if precision else offered
    for candidate in wanted:
        try:
            return _prove(bundle, backend, candidate, predecessor)
        except BundleError as exc:
            if isinstance(exc, IncompleteBundle) or candidate == wanted[-1]:
                raise
            logger.warning(
                "precision refused, trying the next",
                extra={"path": str(folder), "precision": candidate, "reason": str(exc)},
            )
    raise BundleError(f"{folder} has no graph that {backend.provider} can run; export one")


def _prove(
    bundle: Bundle, backend: Backend, precision: Precision, predecessor: Servable | None
) -> Servable:
    """Load one graph and let it answer; whatever goes wrong is the bundle's fault, and says so."""
    try:
        servable = Servable.load(bundle, backend, precision)
        servable.check_golden()
        servable.warm_up(predecessor)
    except BundleError:
        raise
    except Exception as exc:  # runtimes raise many unrelated types
        reason = str(exc).strip().split("\n")[0][:500]
        raise BundleError(
            f"the {precision} graph of {bundle.path} loads but fails when it runs "
            f"({type(exc).__name__}: {reason}); export the checkpoint again"
        ) from exc
    return servable
