"""What the V2 protocol answers is what our own routes answer, as tensors."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.api.dialects.conftest import Own
from tests.app.api.dialects.v2.wire import ask, binary_body, infer, tensor
from tests.support.server import Server, serving

TEXTS = [
    "a great movie \U0001f469\u200d\U0001f469\u200d\U0001f467 \u4f60\u597d",
    "bad film",
    "angela merkel visited paris",
]
LABELS = ("negative", "neutral", "positive")


def in_label_order(labels: list[dict[str, Any]]) -> list[float]:
    scores = {one["label"]: one["score"] for one in labels}
    return [scores[label] for label in LABELS]


def test_texts_are_answered_with_label_score_and_the_scores_of_all_labels(
    client: httpx.Client, own: Own
) -> None:
    expected = own("mood", TEXTS)
    head, rows = ask(client, "mood", tensor(TEXTS))
    assert (head["model_name"], head["model_version"]) == ("mood", "2")
    assert list(rows) == ["label", "score", "scores"]
    assert rows["label"] == [[labels[0]["label"]] for labels in expected]
    assert rows["score"] == [[labels[0]["score"]] for labels in expected]
    assert rows["scores"] == [in_label_order(labels) for labels in expected]
    assert [one["shape"] for one in head["outputs"]] == [[3, 1], [3, 1], [3, 3]]


def test_entities_are_answered_as_json_of_each_text(client: httpx.Client, own: Own) -> None:
    for strategy in ("none", "simple", "max"):
        parameters = {"aggregation_strategy": strategy}
        rows = ask(client, "names", tensor(TEXTS), parameters=parameters).rows
        assert list(rows) == ["entities"]
        expected = own("names", TEXTS, aggregation_strategy=strategy, threshold=0)
        assert [json.loads(row[0]) for row in rows["entities"]] == expected


def test_a_tensor_of_any_name_and_of_either_shape_holds_the_texts(client: httpx.Client) -> None:
    expected = ask(client, "mood", tensor(TEXTS)).rows
    columns = [[text] for text in TEXTS]
    assert ask(client, "mood", tensor(TEXTS, "TEXT")).rows == expected
    assert ask(client, "mood", tensor(TEXTS, shape=[3, 1])).rows == expected
    assert ask(client, "mood", tensor(TEXTS, shape=[3, 1], data=columns)).rows == expected


def test_two_tensors_are_pairs_and_text_pair_is_second_wherever_it_stands(
    client: httpx.Client, own: Own
) -> None:
    pairs = [{"text": one, "text_pair": two} for one, two in zip(TEXTS, TEXTS[::-1], strict=True)]
    expected = [in_label_order(labels) for labels in own("mood", pairs)]
    first, second = tensor(TEXTS, "a"), tensor(TEXTS[::-1], "text_pair")
    for inputs in ((first, second), (second, first), (first, second | {"name": "b"})):
        assert ask(client, "mood", *inputs).rows["scores"] == expected


def test_bytes_and_json_are_one_request_in_two_forms(client: httpx.Client) -> None:
    expected = ask(client, "mood", tensor(TEXTS), tensor(TEXTS[::-1], "text_pair")).rows
    columns = {"text": TEXTS, "text_pair": TEXTS[::-1]}
    for to_binary in (False, True):
        body, header = binary_body(columns, parameters={"binary_data_output": to_binary})
        head, rows = infer(client, "mood", body, **header)
        sized = ["binary_data_size" in one.get("parameters", {}) for one in head["outputs"]]
        assert sized == [to_binary] * 3
        assert rows["label"] == expected["label"]
        for row, wanted in zip(rows["scores"], expected["scores"], strict=True):
            assert row == pytest.approx(wanted, rel=1e-6)


def test_each_output_says_for_itself_whether_it_is_binary(client: httpx.Client) -> None:
    outputs = [
        {"name": "scores", "parameters": {"binary_data": False}},
        {"name": "label"},
        {"name": "score", "parameters": {"binary_data": True}},
    ]
    for default in (False, True):
        parameters = {"binary_data_output": default}
        head, rows = ask(client, "mood", tensor(TEXTS), outputs=outputs, parameters=parameters)
        assert list(rows) == ["scores", "label", "score"]
        binary = ["data" not in one for one in head["outputs"]]
        assert binary == [False, default, True]


def test_a_classification_names_the_best_labels_with_score_and_index(
    client: httpx.Client, own: Own
) -> None:
    outputs = [{"name": "scores", "parameters": {"classification": 2}}]
    rows = ask(client, "mood", tensor(TEXTS), outputs=outputs).rows["scores"]
    expected = [
        [f"{one['score']:f}:{LABELS.index(one['label'])}:{one['label']}" for one in labels[:2]]
        for labels in own("mood", TEXTS)
    ]
    assert rows == expected
    outputs[0]["parameters"]["classification"] = 99  # type: ignore[index]
    assert len(ask(client, "mood", tensor(TEXTS), outputs=outputs).rows["scores"][0]) == 3


def test_top_k_and_threshold_ask_for_more_labels_and_leave_places_empty(
    client: httpx.Client, own: Own
) -> None:
    labels = own("mood", TEXTS[0])[0]
    rows = ask(client, "mood", tensor(TEXTS[:1]), parameters={"top_k": 99}).rows
    assert rows["label"] == [[one["label"] for one in labels]]
    assert rows["score"] == [[one["score"] for one in labels]]
    between = (labels[0]["score"] + labels[1]["score"]) / 2
    parameters = {"top_k": 2, "threshold": between}
    rows = ask(client, "mood", tensor(TEXTS[:1]), parameters=parameters).rows
    assert rows["label"] == [[labels[0]["label"], ""]]
    assert rows["score"] == [[labels[0]["score"], 0.0]]
    assert rows["scores"] == [in_label_order(labels)]


def test_activation_and_long_text_are_options_as_on_our_own_route(
    client: httpx.Client, own: Own
) -> None:
    long = ["a good film " * 100]
    for parameters in ({"activation": "none"}, {"activation": "sigmoid"}, {"long_text": "window"}):
        rows = ask(client, "mood", tensor(long), parameters=parameters).rows
        (labels,) = own("mood", long, **parameters)
        assert rows["scores"] == [in_label_order(labels)]
        assert rows["label"] == [[labels[0]["label"]]]
        assert rows["score"] == [[labels[0]["score"]]]
    refused = {"inputs": [tensor(long)], "parameters": {"long_text": "error"}}
    assert client.post("/v2/models/mood/infer", json=refused).status_code == 422


def test_output_holds_json_as_mlserver_answers(client: httpx.Client, own: Own) -> None:
    outputs = [{"name": "output"}]
    head, rows = ask(client, "mood", tensor(TEXTS), outputs=outputs)
    assert head["outputs"][0]["parameters"] == {"content_type": "hg_jsonlist"}
    assert [json.loads(row[0]) for row in rows["output"]] == [one[0] for one in own("mood", TEXTS)]
    rows = ask(client, "mood", tensor(TEXTS), outputs=outputs, parameters={"top_k": 2}).rows
    assert [json.loads(row[0]) for row in rows["output"]] == [one[:2] for one in own("mood", TEXTS)]
    rows = ask(client, "names", tensor(TEXTS), outputs=outputs).rows
    assert [json.loads(row[0]) for row in rows["output"]] == own("names", TEXTS)


def test_nothing_is_left_out_unless_asked_whatever_the_bundle_leaves_out(store: Path) -> None:
    for model in ("mood", "names"):
        path = store / model / "1" / "manifest.json"
        manifest = json.loads(path.read_text())
        manifest["defaults"]["threshold"] = 1.0
        path.write_text(json.dumps(manifest))
    with serving(store) as server, server.client() as client:
        own = client.post("/v1/ner", json={"inputs": TEXTS, "threshold": 0}).json()["results"]
        rows = ask(client, "names", tensor(TEXTS)).rows["entities"]
        assert [json.loads(row[0]) for row in rows] == [one["entities"] for one in own]
        assert any(one["entities"] for one in own)
        parameters = {"threshold": 1.0}
        rows = ask(client, "names", tensor(TEXTS), parameters=parameters).rows["entities"]
        assert rows == [["[]"]] * len(TEXTS)
        labels = ask(client, "mood", tensor(TEXTS)).rows["label"]
        assert all(row[0] in LABELS for row in labels)


def test_an_id_is_repeated_where_there_is_one(client: httpx.Client) -> None:
    assert ask(client, "mood", tensor(TEXTS), id='a "17"').head["id"] == 'a "17"'
    assert "id" not in ask(client, "mood", tensor(TEXTS)).head


def test_a_version_in_the_path_must_be_the_one_that_serves(client: httpx.Client) -> None:
    body = {"inputs": [tensor(TEXTS)]}
    answer = client.post("/v2/models/mood/versions/2/infer", json=body)
    assert answer.json() == client.post("/v2/models/mood/infer", json=body).json()
    for version in ("1", "02", "latest"):
        missing = client.post(f"/v2/models/mood/versions/{version}/infer", json=body)
        assert missing.status_code == 404
        assert "version 2 does" in missing.json()["error"]
    unknown = client.post("/v2/models/none/infer", json=body)
    assert unknown.status_code == 404
    assert "mood" in unknown.json()["error"]


def test_a_timeout_in_microseconds_is_the_deadline(client: httpx.Client) -> None:
    body = {"inputs": [tensor(TEXTS)], "parameters": {"timeout": 1}}
    assert client.post("/v2/models/mood/infer", json=body).status_code == 504
    for enough in (0, 60_000_000):
        assert ask(client, "mood", tensor(TEXTS), parameters={"timeout": enough}).rows


def test_every_output_of_every_text_comes_from_the_cache_as_it_came_from_the_model(
    dialect_store: Path,
) -> None:
    first = {"outputs": [{"name": "scores"}, {"name": "label"}]}
    second = {"outputs": [{"name": "label", "parameters": {"binary_data": True}}]}
    with serving(dialect_store, cache_megabytes=1) as server, server.client() as client:
        for asked in (first, second, {}):
            rows = [ask(client, "mood", tensor(TEXTS), **asked).rows for _ in range(2)]
            assert rows[0] == rows[1]
        assert 'outcome="hit"' in client.get("/metrics").text


def test_no_text_is_in_the_log(client: httpx.Client, dialect_server: Server) -> None:
    secret = "nobody may read this"
    ask(client, "mood", tensor([secret]))
    body, header = binary_body({secret: [secret, ""]})
    for content in (body, body[:-2], secret.encode()):
        refused = client.post("/v2/models/mood/infer", content=content, headers=header)
        assert refused.status_code in (400, 422)
    assert client.get("/v2/health/live").status_code == 200
    assert secret not in "\n".join(dialect_server.log)
