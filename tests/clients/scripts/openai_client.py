"""openai: the list of models, and vLLM's classification by its `post`."""

import json
import sys

import openai

url = sys.argv[1]
client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
root = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
answer = root.post("/classify", body={"model": "mood", "input": ["a good film"]}, cast_to=object)
try:
    root.post("/classify", body={"model": "nobody", "input": "a"}, cast_to=object)
except openai.NotFoundError as exc:
    unknown = exc.body
got = {
    "models": [model.id for model in client.models.list()],
    "classified": answer["data"],
    "unknown": unknown,
}
print(json.dumps(got))  # noqa: T201
