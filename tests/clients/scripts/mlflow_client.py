"""mlflow-skinny: what `ScoringServerClient` makes of a table, of an array and of a refusal."""

import json
import sys
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

place = urlsplit(sys.argv[1])
client = ScoringServerClient(place.hostname, place.port)
client.wait_server_ready()
table = pd.DataFrame({"id": [1, 2], "text": ["a good film", "北京你好"]})
try:
    client.invoke(table, params={"model": "nobody"})
except Exception as exc:  # it raises no other
    unknown = str(exc)
got = {
    "version": client.get_version(),
    "table": client.invoke(table, params={"model": "mood"}).get_predictions().to_dict("records"),
    "array": json.loads(
        client.invoke(np.array(["a good film"]), params={"model": "mood"}).to_json()
    ),
    "unknown": unknown,
}
print(json.dumps(got))  # noqa: T201
