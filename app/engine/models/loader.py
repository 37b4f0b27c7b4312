"""From a version folder to a servable that has proved itself on this device."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.bundle import Bundle, Precision, open_bundle
from app.engine.backends.base import Backend, Execution, Mode
from app.engine.contest import Choice, Contender, choose, describe, measure_speeds
from app.engine.models.golden import check_golden
from app.engine.models.servable import Servable
from app.engine.models.warm_up import claim_memory, learn_cost
from app.errors import BundleError, IncompleteBundle

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to run a bundle."""

    backend: Backend
    mode: Mode

    @property
    def runtime(self) -> str:
        return f"{self.backend.name} {self.mode}"

    def fits(self, bundle: Bundle, precision: Precision | None) -> bool:
        """Tell whether it computes in what is asked for, or at will in what the bundle has."""
        there = self.mode.find_graph(bundle.manifest) is not None
        if precision is None:
            return there
        return self.mode.precision == precision and (there or self.mode.kind == "padded")


def load_servable(
    folder: Path,
    backends: Sequence[Backend],
    precision: Precision | None,
    predecessor: Servable | None = None,
    callers: int = 1,
) -> Servable:
    """Verify, load, check and warm up a bundle; blocks for as long as that takes.

    With one backend, the first of its precisions that proves itself is taken. With several, all
    that prove themselves compete.

    Args:
        precision: the graph to take; None tries the device's preferred ones in turn until one
            answers the golden cases as the checkpoint did.
        predecessor: the version that serves now, if any. If a contest led to it and would be held
            among the same graphs again, its result is taken over: the device is in use, and a
            measurement would mostly measure that.
        callers: threads that will run batches of it at the same time.

    Raises:
        BundleError: why no graph of the bundle can serve here.
    """
    bundle = open_bundle(folder)
    earlier = _earlier_choice(bundle, predecessor)
    candidates = _candidates(bundle, backends, precision, earlier)
    refused: dict[str, BundleError] = {}
    proved = _prove_each(bundle, candidates, predecessor, callers, refused)
    first = next(proved, None)
    if first is None:
        providers = ", ".join(backend.provider for backend in backends)
        none = BundleError(f"{folder} has no graph that {providers} can run; export one")
        raise [none, *refused.values()][-1]
    first.execution = _explain(first, backends[0], refused)
    if len(backends) == 1:
        return first
    if earlier is not None and earlier.runtime == first.runtime:
        first.choice = earlier
        return first
    return _fastest([first, *proved], refused)


def _earlier_choice(bundle: Bundle, predecessor: Servable | None) -> Choice | None:
    """Return what was chosen for the predecessor, if it is the same network in the same graphs."""
    if predecessor is None:
        return None
    kinds = [
        (m.source.architecture, m.source.parameters, {p: g.recipe for p, g in m.graphs.items()})
        for m in (bundle.manifest, predecessor.manifest)
    ]
    return predecessor.choice if kinds[0] == kinds[1] else None


def _candidates(
    bundle: Bundle,
    backends: Sequence[Backend],
    precision: Precision | None,
    earlier: Choice | None,
) -> list[Candidate]:
    """Return what may run the bundle, what was chosen earlier first, then in order of preference.

    A precision that was asked for is a candidate even if the bundle lacks it, to be refused so.
    """
    offered = [Candidate(b, mode) for b in backends for mode in b.modes]
    fitting = [candidate for candidate in offered if candidate.fits(bundle, precision)]
    if len(backends) > 1 and precision is None:
        # Only CPUs have several, and there fp16 would merely cost time: fp32 is as fast or faster.
        fitting = [c for c in fitting if c.mode.precision != "fp16"] or fitting
    return sorted(fitting, key=lambda c: earlier is None or c.runtime != earlier.runtime)


def _prove_each(
    bundle: Bundle,
    candidates: Sequence[Candidate],
    predecessor: Servable | None,
    callers: int,
    refused: dict[str, BundleError],
) -> Iterator[Servable]:
    """Load candidates as they are asked for; note in `refused` those that may not serve."""
    for candidate in candidates:
        try:
            servable = _prove(bundle, candidate, predecessor, callers)
        except IncompleteBundle:
            raise
        except BundleError as exc:
            refused[candidate.runtime] = _bare(exc)
            extra = {"path": str(bundle.path), "runtime": candidate.runtime, "reason": str(exc)}
            logger.warning("runtime refused", extra=extra)
        else:
            yield servable


def _prove(
    bundle: Bundle, candidate: Candidate, predecessor: Servable | None, callers: int
) -> Servable:
    """Load one graph and let it answer; whatever goes wrong is the bundle's fault, and says so."""
    try:
        servable = Servable.load(bundle, candidate.backend, candidate.mode)
        check_golden(servable)
        servable.cost = learn_cost(servable, candidate.backend.warm_up_shapes, predecessor)
        claim_memory(servable, callers)
    except BundleError:
        raise
    except Exception as exc:  # runtimes raise many unrelated types
        reason = str(exc).strip().split("\n")[0][:500]
        raise BundleError(
            f"the graph of {bundle.path} for {candidate.runtime} loads but fails when it runs "
            f"({type(exc).__name__}: {reason}); export the checkpoint again"
        ) from exc
    return servable


def _bare(exc: BundleError) -> BundleError:
    """Return the error without its frames: they hold a model that must make room for the next."""
    exc.__cause__ = exc.__context__ = None
    return exc.with_traceback(None)


def _explain(servable: Servable, backend: Backend, refused: Mapping[str, BundleError]) -> Execution:
    """Say why a padded graph runs where the backend would rather have run a packed one."""
    execution, served = servable.execution, servable.runs_on.mode
    passed_over = backend.modes[: backend.modes.index(served)] if served in backend.modes else ()
    for mode in passed_over:
        if mode.kind == served.kind or execution.reason is not None:
            continue
        runtime = Candidate(backend, mode).runtime
        if runtime in refused:
            return execution._replace(reason=f"{runtime} was refused: {refused[runtime]}")
        if mode.find_graph(servable.manifest) is None:
            reason = f"the bundle has no {mode} graph; export the checkpoint again to get one"
            return execution._replace(reason=reason)
        return execution._replace(reason=f"CLASSMARK_PRECISION leaves out the {mode} graph")
    return execution


def _fastest(proved: Sequence[Servable], refused: dict[str, BundleError]) -> Servable:
    """Let all that answer rightly compete; note on the winner how it was chosen."""
    by_runtime = {servable.runtime: servable for servable in proved}
    manifest = proved[0].manifest
    speeds = measure_speeds({s.runtime: s.run_blank for s in proved}, manifest.max_length)
    contenders = [Contender(s.runtime, speeds[s.runtime], s.batch_invariant) for s in proved]
    contenders += [Contender(runtime, refused=str(exc)) for runtime, exc in refused.items()]
    choice = choose(contenders, manifest.version)
    winner = by_runtime[choice.runtime]
    winner.choice = choice
    chosen = {"reason": choice.reason, "contenders": describe(choice)}
    logger.info("runtime chosen", extra={**winner.identity, **chosen})
    return winner
