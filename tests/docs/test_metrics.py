"""The page of metrics is what the code defines, and the code defines all that is exported."""

import re

from app.engine.backends.cuda.nvml import METRICS as GPU_METRICS
from app.mirror.metrics import MirrorMetrics
from app.telemetry.metrics import Metrics
from app.telemetry.series import ModelLabels
from app.tracing.metrics import SpanMetrics
from docs import metrics as page


def test_the_page_is_up_to_date() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert text == page.render(), "run `python -m docs.metrics`"


def test_every_sample_of_a_service_has_a_row_with_its_labels() -> None:
    metrics = Metrics()
    MirrorMetrics(metrics.registry)
    SpanMetrics(metrics.registry)
    metrics.begin(ModelLabels("mood", "1"))
    metrics.count_request("/v1/classify", "mood", "1", 200, 0.01)
    labels = {name: set(row.labels) for row in rows() for name in row.series}
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    assert {sample.name for sample in samples} <= labels.keys()
    for sample in samples:
        assert set(sample.labels) - {"le"} == labels[sample.name], sample.name
    assert {name for name, _, _ in GPU_METRICS} <= labels.keys()


def test_every_metric_that_the_source_names_has_a_row() -> None:
    source = "".join(path.read_text() for path in (page.PAGE.parents[1] / "app").rglob("*.py"))
    named = set(re.findall(r'"(classmark_[a-z_]+)"', source))
    assert named == {row.name for row in rows() if row.name.startswith("classmark_")}


def test_no_metric_has_two_rows_and_each_says_what_it_means() -> None:
    names = [row.name for row in rows()]
    assert len(names) == len(set(names))
    assert all(row.meaning for row in rows())


def rows() -> list[page.Row]:
    return [row for section in page.sections() for row in section.rows]
