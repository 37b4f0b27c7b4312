"""The API of text-embeddings-inference, by requests as its clients send them."""

from typing import Any

import httpx
import pytest

from tests.app.api.dialects.conftest import Own

ONE, OTHER = "a great movie 👩‍👩‍👧 你好", "bad film"


def swapped(labels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"score": one["score"], "label": one["label"]} for one in labels]


def predict(client: httpx.Client, model: str, inputs: Any, **options: Any) -> httpx.Response:
    return client.post(f"/tei/{model}/predict", json={"inputs": inputs, **options})


def test_one_text_is_answered_alone_and_a_batch_in_a_list(client: httpx.Client, own: Own) -> None:
    expected = swapped(own("mood", ONE)[0])
    assert predict(client, "mood", ONE).json() == expected
    assert predict(client, "mood", [ONE]).json() == expected
    assert predict(client, "mood", [[ONE]]).json() == [expected]
    both = [swapped(labels) for labels in own("mood", [ONE, OTHER])]
    assert predict(client, "mood", [[ONE], [OTHER]]).json() == both


def test_a_list_of_two_texts_is_a_pair_also_in_a_batch_with_lone_texts(
    client: httpx.Client, own: Own
) -> None:
    pair = {"text": ONE, "text_pair": OTHER}
    assert predict(client, "nli", [ONE, OTHER]).json() == swapped(own("nli", pair)[0])
    mixed = predict(client, "nli", [[ONE, OTHER], "bank"]).json()
    assert mixed == [swapped(labels) for labels in own("nli", [pair, "bank"])]


def test_raw_scores_are_logits(client: httpx.Client, own: Own) -> None:
    raw = predict(client, "mood", ONE, raw_scores=True).json()
    assert raw == swapped(own("mood", ONE, activation="none")[0])


def test_a_text_is_cut_or_refused_as_the_client_says(client: httpx.Client) -> None:
    long = "good " * 300
    assert predict(client, "mood", long, truncate=True).status_code == 200
    for options in ({"truncate": False}, {"truncate": True, "truncation_direction": "Left"}):
        refused = predict(client, "mood", long, **options)
        assert refused.status_code == 422
        assert refused.json()["error_type"] == "Validation"
    assert predict(client, "mood", ONE, truncation_direction="Left").status_code == 200


@pytest.mark.parametrize(
    "inputs", [[], ["a", "b", "c"], [["a", "b", "c"]], 1, [[1]], "", [["{0}", ""]]]
)
def test_what_is_no_sequence_is_refused_with_the_forms_there_are(
    client: httpx.Client, inputs: Any
) -> None:
    refused = predict(client, "nli", inputs)
    assert refused.status_code == 422
    assert "send a text, [text], [text, text] for a pair" in refused.json()["error"]


def test_texts_are_ranked_by_a_model_with_one_logit(client: httpx.Client, own: Own) -> None:
    texts = ["good bank", "paris", "she met smith"]
    pairs = [{"text": "film", "text_pair": text} for text in texts]
    scores = [labels[0]["score"] for labels in own("rank", pairs)]
    body = {"query": "film", "texts": texts, "return_text": True}
    ranks = client.post("/tei/rank/rerank", json=body).json()
    expected = sorted(range(3), key=lambda at: -scores[at])
    assert ranks == [{"index": at, "score": scores[at], "text": texts[at]} for at in expected]
    raw = client.post(
        "/tei/rank/rerank", json={"query": "film", "texts": texts, "raw_scores": True}
    )
    logits = [labels[0]["score"] for labels in own("rank", pairs, activation="none")]
    assert [one["score"] for one in raw.json()] == sorted(logits, reverse=True)
    refused = client.post("/tei/mood/rerank", json=body)
    assert refused.status_code == 422
    assert "use /predict" in refused.json()["error"]


def test_the_model_describes_itself_as_clients_validate_it(client: httpx.Client) -> None:
    info = client.get("/tei/mood/info").json()
    names = info["model_type"]["classifier"]["id2label"]
    assert sorted(names.values()) == ["negative", "neutral", "positive"]
    assert info["max_client_batch_size"] == 128
    assert client.get("/tei/rank/info").json()["model_type"].keys() == {"reranker"}
    assert client.get("/tei/none/info").status_code == 404


def test_health_is_empty_and_unknown_models_are_not_healthy(client: httpx.Client) -> None:
    for path in ("/health", "/tei/mood/health", "/tei/names"):
        response = client.get(path)
        assert (response.status_code, response.content) == (200, b"")
    assert client.get("/tei/none/health").status_code == 404


def test_answers_carry_the_headers_that_load_scripts_read(client: httpx.Client) -> None:
    headers = predict(client, "mood", [[ONE], [OTHER]]).headers
    assert int(headers["x-compute-characters"]) == len(ONE) + len(OTHER)
    assert int(headers["x-compute-tokens"]) > 4
    assert headers["x-classmark-model"] == "mood"
