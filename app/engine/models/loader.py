"""Loads a version folder into a servable that has passed its checks on this device."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from app.bundle.base import Precision
from app.bundle.bundle import Bundle, open_bundle
from app.bundle.manifest import Manifest
from app.engine.backends.base import Backend, Mode, RuntimeSpec
from app.engine.models.golden import check_golden
from app.engine.models.servable import Servable
from app.engine.models.warm_up import profile_cost, reserve_memory
from app.errors import BundleError, DamagedBundle, IncompleteBundle, lacks_memory

logger = logging.getLogger(__name__)


def load_servable(
    folder: Path,
    backend: Backend,
    precision: Precision | None,
    predecessor: Servable | None = None,
    callers: int = 1,
) -> Servable:
    """Verify, load, check and warm up a bundle; blocks for as long as that takes.

    The first of the backend's modes that passes the checks serves; a damaged file refuses all.

    Args:
        precision: the graph to take; None tries the device's preferred ones in turn until one
            answers the golden cases as the checkpoint did.
        predecessor: the version that serves now, if any.
        callers: threads that will run batches of it at the same time.

    Raises:
        BundleError: no graph of the bundle can serve here; says why.
    """
    bundle = open_bundle(folder)
    refused: dict[Mode, BundleError] = {}
    for mode in list_candidates(bundle.manifest, backend, precision):
        try:
            servable = load_graph(bundle, backend, mode, predecessor, callers)
        except (DamagedBundle, IncompleteBundle):
            raise
        except BundleError as exc:
            refused[mode] = _bare(exc)
            extra = {"path": str(bundle.path), "mode": str(mode), "reason": str(exc)}
            logger.warning("graph refused", extra=extra)
        else:
            degraded = _find_fault(servable.runtime, backend, refused)
            servable.runtime = replace(_explain(servable, backend, refused), degraded=degraded)
            return servable
    none = BundleError(f"{folder} has no graph that {backend.provider} can run; export one")
    raise [none, *refused.values()][-1]


def load_graph(
    bundle: Bundle,
    backend: Backend,
    mode: Mode,
    predecessor: Servable | None = None,
    callers: int = 1,
) -> Servable:
    """Load, check and warm up one graph; raise whatever fails as a BundleError.

    Export and `verify` do the same, so what they call servable serves.
    """
    try:
        servable = Servable.load(bundle, backend, mode)
        check_golden(servable)
        servable.cost = profile_cost(servable, backend.warm_up_shapes, predecessor)
        reserve_memory(servable, callers)
    except BundleError:
        raise
    except Exception as exc:  # runtimes raise many unrelated types
        if lacks_memory(exc):
            raise BundleError(
                f"memory is short for the {mode} graph of {bundle.path}, which reads up to "
                f"{bundle.manifest.max_length} tokens; give it more memory, or export the "
                "checkpoint with a smaller --max-length"
            ) from exc
        reason = str(exc).strip().split("\n")[0][:500]
        raise BundleError(
            f"the {mode} graph of {bundle.path} loads but fails when it runs "
            f"({type(exc).__name__}: {reason}); export the checkpoint again"
        ) from exc
    return servable


def list_candidates(
    manifest: Manifest, backend: Backend, precision: Precision | None
) -> list[Mode]:
    """Return the modes to try, the best first.

    A requested precision is a candidate even if the bundle lacks it: loading then reports that.
    """
    found = [mode for mode in backend.modes if mode.find_graph(manifest) is not None]
    if precision is None:
        return found
    wanted = [mode for mode in backend.modes if mode.precision == precision]
    return [mode for mode in wanted if mode in found or mode.kind == "padded"]


def _bare(exc: BundleError) -> BundleError:
    """Return the error without its frames, which hold a model that must make room for the next."""
    exc.__cause__ = exc.__context__ = None
    return exc.with_traceback(None)


def _find_fault(
    runtime: RuntimeSpec, backend: Backend, refused: Mapping[Mode, BundleError]
) -> str | None:
    """Return what failed of something better than what runs."""
    if refused:
        mode, error = next(iter(refused.items()))
        return f"the {mode} graph was refused: {error}"
    return runtime.execution.reason or backend.degraded


def _explain(
    servable: Servable, backend: Backend, refused: Mapping[Mode, BundleError]
) -> RuntimeSpec:
    """Add the reason why a padded graph runs where the backend prefers a packed one."""
    runtime = servable.runtime
    better = [
        mode
        for mode in backend.modes[: backend.modes.index(runtime.mode)]
        if mode.kind != runtime.kind
    ]
    if not better or runtime.execution.reason is not None:
        return runtime
    mode = better[0]
    if mode in refused:
        reason = f"the {mode} graph was refused: {refused[mode]}"
    elif mode.find_graph(servable.manifest) is None:
        reason = f"the bundle has no {mode} graph; export the checkpoint again to get one"
    else:
        reason = f"CLASSMARK_PRECISION leaves out the {mode} graph"
    return replace(runtime, execution=runtime.execution._replace(reason=reason))
