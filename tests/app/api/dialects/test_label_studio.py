"""Label Studio's requests, as version 1.23 sends them, are answered with predictions it takes."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.dialects.label_studio.config import read_config
from app.errors import InvalidRequest
from tests.app.api.dialects.conftest import check_refusal
from tests.support.server import Server, serving
from tests.support.tiny import export_bundles, make_checkpoint

TOKEN = "9f1c-the-key-of-a-user"
NER = """<View>
  <Labels name="entities" toName="body">
    <Label value="Person" predicted_values="PER, person" background="red"/><Label value="loc"/>
  </Labels>
  <Text name="body" value="$content"/>
</View>"""
MOOD = """<View><Text name="t" value="$text"/>
  <Choices name="mood" toName="t" choice="single">
    <Choice value="Positive"/><Choice value="bad" predicted_values="negative"/>
    <Choice value="Neutral" alias="so_so"/>
  </Choices></View>"""
SHOWN = {"positive": "Positive", "negative": "bad", "neutral": "so_so"}
TEXTS = [
    "a good film",
    "angela merkel visited paris 👩‍👩‍👧‍👦 and john smith met google",
    "北京你好 angela 世界",
    "plot " * 100,  # more than the model reads at a time
]


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def predict(client: httpx.Client, model: str, config: str, data: list[Any]) -> httpx.Response:
    body = {
        "tasks": [{"id": i, "data": one, "predictions": []} for i, one in enumerate(data)],
        "model_version": None,
        "project": "1.1795774521",
        "label_config": config,
        "params": {"login": None, "password": None, "context": None},
    }
    return client.post(f"/label-studio/{model}/predict", json=body)


def results(answer: httpx.Response) -> list[Any]:
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["results"]
    return found


def test_choices_are_the_best_labels_of_our_own_route(client: httpx.Client) -> None:
    own = client.post("/v1/classify", json={"model": "mood", "inputs": TEXTS}).json()["results"]
    best = [one["labels"][0] for one in own]
    assert results(predict(client, "mood", MOOD, [{"text": text} for text in TEXTS])) == [
        {
            "result": [
                {
                    "from_name": "mood",
                    "to_name": "t",
                    "type": "choices",
                    "score": one["score"],
                    "value": {"choices": [SHOWN[one["label"]]]},
                }
            ],
            "score": one["score"],
            "model_version": "mood/2",
        }
        for one in best
    ]


def test_regions_are_the_entities_of_our_own_route_over_the_whole_text(
    client: httpx.Client,
) -> None:
    body = {"model": "names", "inputs": TEXTS, "long_text": "window", "threshold": 0}
    own = client.post("/v1/ner", json=body).json()["results"]
    assert any(one["entities"] for one in own)
    answers = results(predict(client, "names", NER, [{"content": text} for text in TEXTS]))
    for text, answer, one in zip(TEXTS, answers, own, strict=True):
        assert answer["model_version"] == "names/1"
        assert answer["result"] == [
            {
                "from_name": "entities",
                "to_name": "body",
                "type": "labels",
                "score": entity["score"],
                "value": {
                    "start": entity["start"],
                    "end": entity["end"],
                    "text": text[entity["start"] : entity["end"]],
                    "labels": [{"PER": "Person", "LOC": "loc"}[entity["entity_group"]]],
                },
            }
            for entity in one["entities"]
        ]
        assert (answer["score"] > 0) is bool(one["entities"])


def test_a_project_larger_than_a_request_of_ours_is_answered_task_by_task(
    client: httpx.Client,
) -> None:
    texts = [f"{word} film {n}" for n in range(150) for word in ("good", "bad")]
    data = [{"text": text, "meta": "x" * 7000} for text in texts]  # 2 MB, as whole tasks come
    answers = results(predict(client, "mood", MOOD, data))
    assert len(answers) == len(texts)
    for at in (0, 127, 128, 299):
        (alone,) = results(predict(client, "mood", MOOD, [{"text": texts[at]}]))
        assert answers[at] == alone


def test_a_task_that_cannot_be_answered_has_no_result_and_spares_the_others(
    client: httpx.Client,
) -> None:
    data: list[Any] = [
        {"text": "good"}, {"text": ""}, {}, {"text": None}, {"text": 5}, {"text": ["a"]},
        {"text": "a\0b"}, {"text": "good"},
    ]  # fmt: skip
    first, *bad, last = results(predict(client, "mood", MOOD, data))
    assert first == last
    assert len(first["result"]) == 1
    assert bad == [{"result": [], "score": 0.0, "model_version": "mood/2"}] * 6


def test_a_project_without_tasks_has_no_results(client: httpx.Client) -> None:
    assert results(predict(client, "mood", MOOD, [])) == []


def test_a_label_that_the_project_lacks_is_left_out(client: httpx.Client) -> None:
    config = MOOD.replace("Positive", "x").replace("negative", "y").replace("Neutral", "z")
    assert [one["result"] for one in results(predict(client, "mood", config, [{"text": "a"}]))] == [
        []
    ]


def test_what_the_page_asks_for_before_it_predicts(client: httpx.Client, server: Server) -> None:
    assert client.get("/label-studio/mood/health").json()["status"] == "UP"
    setup = {
        "project": "1.1795774521",
        "schema": NER.replace('<Label value="loc"/>', ""),
        "hostname": "http://localhost:8080",
        "access_token": TOKEN,
        "extra_params": None,
    }
    answer = client.post("/label-studio/names/setup", json=setup)
    assert answer.json() == {"model_version": "names/1"}
    assert "LOC" in server.wait_for_log("lacks labels of the model")
    assert client.get("/label-studio/names/versions").json() == {"versions": ["names/1"]}
    event = {"action": "ANNOTATION_CREATED", "annotation": {"result": []}, "project": {"id": 1}}
    assert client.post("/label-studio/names/webhook", json=event).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("mood/setup", {"schema": NER}, 422, "no <Choices> for a <Text>"),
        ("mood/setup", {"schema": "<View>"}, 422, "not XML"),
        ("mood/setup", {}, 422, "schema"),
        ("nobody/setup", {"schema": MOOD}, 404, "no model 'nobody'"),
        ("nobody/predict", {"tasks": [], "label_config": MOOD}, 404, "no model 'nobody'"),
        ("mood/predict", {"tasks": []}, 422, "label_config"),
        ("mood/predict", {"tasks": [5], "label_config": MOOD}, 422, "tasks.0"),
        ("mood/predict", {"tasks": [], "label_config": "<View/>"}, 422, "no <Choices>"),
    ],
)
def test_a_request_that_cannot_be_answered_says_why_and_its_token_is_nowhere(
    client: httpx.Client, server: Server, path: str, body: dict[str, Any], status: int, said: str
) -> None:
    sent = {**body, "access_token": TOKEN, "params": {"password": TOKEN}}
    answer = client.post(f"/label-studio/{path}", json=sent)
    check_refusal(answer, status, said)
    assert answer.headers["content-type"] == "application/json"
    assert TOKEN not in answer.text
    assert TOKEN not in "".join(server.log)


def test_the_log_says_why_a_project_cannot_connect_where_its_page_points(
    client: httpx.Client, server: Server
) -> None:
    client.post("/label-studio/names/setup", json={"schema": MOOD})
    assert "no <Labels> for a <Text>" in server.wait_for_log("does not fit the model.*names")


def test_health_of_an_unknown_model_is_refused(client: httpx.Client) -> None:
    assert client.get("/label-studio/nobody/health").status_code == 404


def test_the_content_type_may_be_missing(client: httpx.Client) -> None:
    body = json.dumps({"tasks": [], "label_config": MOOD}).encode()
    assert client.post("/label-studio/mood/predict", content=body).status_code == 200


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE v [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><View>&b;</View>',
        '<!DOCTYPE v [<!ENTITY f SYSTEM "file:///etc/passwd">]><View>&f;</View>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE v SYSTEM "http://h/x.dtd"><View/>',
        "<View>&undeclared;</View>",
        "<View>" * 100_000,
        "",
        "\ud800",
    ],
)
def test_xml_that_declares_entities_or_is_none_is_refused(xml: str) -> None:
    with pytest.raises(InvalidRequest, match="has a DOCTYPE|is not XML"):
        read_config(xml, "sequence-classification")


def test_deep_xml_is_read() -> None:
    inner = '<Text name="t" value="$text"/><Choices name="c" toName="t"/>'
    deep = "<View>" * 100_000 + inner + "</View>" * 100_000
    assert read_config(deep, "sequence-classification").data_key == "text"


@pytest.mark.parametrize(
    "text", ['<Text name="t" value="fixed"/>', '<Text name="t" value="$u" valueType="url"/>']
)
def test_a_tag_that_takes_no_text_from_the_task_is_passed_over(text: str) -> None:
    config = f'<View>{text}<Choices name="c" toName="t"/></View>'
    with pytest.raises(InvalidRequest, match="no <Choices>"):
        read_config(config, "sequence-classification")


def test_several_choices_only_where_the_configuration_says_so() -> None:
    config = '<View><Text name="t" value="$x"/><Choices name="c" toName="t" choice="{}"/></View>'
    kinds = ["multiple", "single", "single-radio"]
    read = [read_config(config.format(one), "sequence-classification").several for one in kinds]
    assert read == [True, False, False]


def test_only_the_webhook_comes_without_a_key(tiny_store: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"labelling predict {hashlib.sha256(b'a-key').hexdigest()}\n")
    with serving(tiny_store, api_keys_file=keys) as server, server.client() as client:
        assert client.post("/label-studio/mood/webhook", json={}).status_code == 200
        assert client.get("/label-studio/mood/health").status_code == 401
        assert client.post("/label-studio/mood/setup", json={"schema": MOOD}).status_code == 401
        client.headers["Authorization"] = "Bearer a-key"
        assert client.get("/label-studio/mood/health").status_code == 200
        assert len(results(predict(client, "mood", MOOD, [{"text": "good"}]))) == 1


def test_labels_of_a_text_that_has_several_reach_the_bundles_thresholds(tmp_path: Path) -> None:
    labels = ("sports", "politics", "weather")
    made = make_checkpoint(tmp_path / "c", labels, problem_type="multi_label_classification")
    export_bundles(tmp_path / "store", [(made, "topics", 1)])
    items = "".join(f'<Choice value="{label}"/>' for label in labels)
    config = (
        '<View><Text name="t" value="$text"/><Choices name="c" toName="t" choice="multiple">'
        f"{items}</Choices></View>"
    )
    texts = ["good film", "bank rates", "minister said", "goal match"]
    with serving(tmp_path / "store") as server, server.client() as client:
        own = client.post("/v1/classify", json={"inputs": texts, "threshold": 0.5}).json()
        answers = results(predict(client, "topics", config, [{"text": text} for text in texts]))
    chosen = [one["result"][0]["value"]["choices"] if one["result"] else [] for one in answers]
    assert chosen == [[label["label"] for label in one["labels"]] for one in own["results"]]
    assert {len(one) for one in chosen} - {1}
