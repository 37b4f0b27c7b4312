"""What the registry serves from a bucket, and what is said while it cannot be had."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bundle.manifest import Manifest
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models import golden
from app.engine.models.registry import LocalRegistry
from app.engine.models.servable import Servable
from app.errors import BundleError, ReloadFailed
from app.mirror.follow import StoreFollower
from app.mirror.metrics import MirrorMetrics
from app.settings.settings import Settings
from app.telemetry.metrics import Metrics
from tests.support.buckets import URL, Bucket, copy_graph, make_mirror
from tests.support.connection import until

pytestmark = pytest.mark.anyio


class Following:
    """A registry on the cache of a bucket, and what follows that."""

    def __init__(self, bucket: Bucket, cache: Path) -> None:
        self.metrics = Metrics()
        self.registry = LocalRegistry(
            cache / "store", OnnxRuntimeBackend(), None, self.metrics, bucket=URL
        )
        self.follower = StoreFollower(
            make_mirror(bucket, cache), self.registry, MirrorMetrics(self.metrics.registry), 10
        )

    async def look(self) -> None:
        await self.follower.sync()
        await self.registry.scan()

    @property
    def serving(self) -> list[str]:
        return [f"{one.name}/{one.version}" for one in self.registry.serving]

    def value(self, metric: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"classmark_{metric}", labels)


@pytest.fixture
def following(bucket: Bucket, tmp_path: Path) -> Iterator[Following]:
    made = Following(bucket, tmp_path / "cache")
    yield made
    made.follower.close()


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let no pause take time; return how long each would have been."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr("app.mirror.follow.sleep", pause)
    return pauses


async def test_versions_follow_the_bucket_and_its_pins(
    bucket: Bucket, following: Following, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 1)
    await following.follower.load_first()
    assert following.serving == ["mood/1"]
    bucket.add(tiny_store, "mood", 2)
    bucket.add(tiny_store, "names", 1)
    await following.look()
    assert following.serving == ["mood/2", "names/1"]
    bucket.pin("mood", "1")
    await following.look()
    assert following.serving == ["mood/1", "names/1"]


async def test_until_the_bucket_answers_the_reason_is_told_and_pauses_grow_to_a_limit(
    bucket: Bucket, following: Following, tiny_store: Path, paused: list[float]
) -> None:
    bucket.add(tiny_store, "mood", 1)
    bucket.down = True
    loading = asyncio.create_task(following.follower.load_first())
    await until(lambda: len(paused) >= 12)
    assert following.registry.unlisted == f"{URL} cannot be reached: connection refused"
    assert not loading.done()
    assert paused[0] < paused[2] < paused[4]
    assert max(paused) <= 60 * 1.2
    bucket.down = False
    await loading
    assert following.registry.unlisted is None
    assert following.serving == ["mood/1"]


async def test_after_a_restart_in_an_outage_the_cache_serves(
    bucket: Bucket, following: Following, tiny_store: Path, tmp_path: Path
) -> None:
    bucket.add(tiny_store, "mood", 1)
    await following.follower.load_first()
    following.follower.close()
    bucket.down = True
    again = Following(bucket, tmp_path / "cache")
    await again.follower.load_first()
    assert again.serving == ["mood/1"]
    again.follower.close()


async def test_an_outage_costs_nothing_that_serves_and_is_counted(
    bucket: Bucket, following: Following, tiny_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.add(tiny_store, "mood", 1)
    await following.follower.load_first()
    bucket.down = True
    for _ in range(3):
        await following.look()
    assert following.serving == ["mood/1"]
    assert following.value("store_sync_failures_total", reason="unreachable") == 3
    said = [one for one in caplog.records if one.message.startswith("store not followed")]
    assert len(said) == 1
    bucket.down = False
    bucket.add(tiny_store, "mood", 2)
    await following.look()
    assert following.serving == ["mood/2"]


async def test_what_nobody_foresaw_is_said_once_with_its_cause_and_tried_again(
    bucket: Bucket, following: Following, tiny_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Panic(BaseException):
        """As Rust's arrive in Python."""

    def panic(path: str) -> None:
        raise Panic("index out of bounds")

    bucket.add(tiny_store, "mood", 1)
    bucket.on_piece = panic
    for _ in range(2):
        assert not await asyncio.wait_for(following.follower.sync(), 30)
    assert caplog.text.count("Traceback") > 0
    assert len([one for one in caplog.records if one.message.startswith("store not")]) == 1
    bucket.on_piece = lambda path: None
    await following.look()
    assert following.serving == ["mood/1"]


async def test_age_begins_anew_with_every_look_that_left_nothing_undone(
    bucket: Bucket, following: Following, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("app.mirror.metrics.time.monotonic", lambda: now)
    bucket.add(tiny_store, "mood", 1)
    await following.look()
    now += 40
    assert following.value("store_sync_age_seconds") == 40
    bucket.down = True
    await following.look()
    assert following.value("store_sync_age_seconds") == 40
    bucket.down = False
    bucket.pin("mood", "9")
    await following.look()
    assert following.value("store_sync_age_seconds") == 40
    bucket.pin("mood", "1")
    await following.look()
    assert following.value("store_sync_age_seconds") == 0


async def test_a_damaged_version_is_that_models_failure_and_what_served_serves(
    bucket: Bucket, following: Following, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 1)
    await following.follower.load_first()
    bucket.add(tiny_store, "mood", 2)
    bucket.store.put("mood/2/tokenizer.json", b"{}")
    await following.look()
    await following.look()
    mood = following.registry.model("mood")
    assert (mood.version, mood.wanted) == (1, 2)
    assert mood.last_failure is not None
    assert "changed or damaged" in mood.last_failure.reason
    assert following.value("model_refused", model="mood") == 1
    assert following.value("reloads_total", model="mood", outcome="failed") == 1  # said once
    bucket.take("mood", 2)
    await following.look()
    assert mood.last_failure is None
    assert following.value("model_behind", model="mood") == 0


async def test_a_model_whose_only_version_is_damaged_is_known_and_down(
    bucket: Bucket, following: Following, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 1, but=["tokenizer.json"])
    await following.follower.load_first()
    assert following.registry.model("mood").is_down


async def test_a_graph_refused_by_its_golden_cases_is_followed_by_the_next_best(
    bucket: Bucket, following: Following, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_graph(store, "mood", 1)
    bucket.add(store, "mood", 1)
    bucket.add(store, "names", 1)
    check = golden.check_golden

    def refuse_int8(servable: Servable) -> None:
        if servable.runtime.precision == "int8":
            raise BundleError("other answers here")
        check(servable)

    monkeypatch.setattr("app.engine.models.loader.check_golden", refuse_int8)
    await following.follower.load_first()
    assert following.serving == ["mood/1", "names/1"]
    assert following.registry.resolve("mood").runtime.precision == "fp32"
    assert following.value("store_fetched_bytes_total") == bucket.bytes_of(
        *(path for path in set(bucket.fetched()))
    )


async def test_at_the_start_an_older_version_stands_in_for_one_that_is_refused(
    bucket: Bucket, following: Following, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in (1, 2):
        bucket.add(tiny_store, "mood", version)
    check = golden.check_golden

    def refuse_newest(servable: Servable) -> None:
        if servable.version == 2:
            raise BundleError("other answers here")
        check(servable)

    monkeypatch.setattr("app.engine.models.loader.check_golden", refuse_newest)
    await following.follower.load_first()
    assert following.serving == ["mood/1"]
    assert following.registry.model("mood").is_refused


async def test_a_reload_that_would_pin_is_refused_with_what_to_do(
    bucket: Bucket, following: Following, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 1)
    await following.follower.load_first()
    with pytest.raises(ReloadFailed, match=f"classmark store pin mood 1 --store {URL}"):
        await following.registry.reload("mood", 1)
    with pytest.raises(ReloadFailed, match="classmark store unpin mood"):
        await following.registry.reload("mood", None)


async def test_replicas_look_at_moments_of_their_own(
    bucket: Bucket, following: Following, paused: list[float]
) -> None:
    task = asyncio.create_task(following.follower.follow())
    await until(lambda: len(paused) >= 40)
    task.cancel()
    first, *later = paused
    assert 0 <= first <= 10
    assert all(8 <= pause <= 12 for pause in later)
    assert max(later) - min(later) > 0.5


def test_manifest_and_settings_meet_in_the_graphs_that_are_chosen(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.mirror.start import make_follower

    copy_graph(store, "mood", 1)
    manifest = Manifest.model_validate_json((store / "mood/1/manifest.json").read_bytes())
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    for precision, files in (
        ("auto", ["model.int8.onnx", "model.fp32.onnx"]),
        ("fp32", ["model.fp32.onnx"]),
        ("fp16", []),
    ):
        settings = Settings(model_store=URL, store_cache=tmp_path, precision=precision)
        backend, metrics = OnnxRuntimeBackend(), Metrics()
        registry = LocalRegistry(settings.store_folder, backend, None, metrics)
        follower = make_follower(settings, backend, registry, metrics)
        chosen = follower._mirror._versions._graphs(manifest)
        assert [graph.file for graph in chosen] == files
