"""Drives the scoring client of mlflow-skinny, which knows no key: it goes with the host."""

from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from asking import KEY, LONG, PAIR, SEVERAL, SINGLE, URL, run
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

place = urlsplit(URL)
client = ScoringServerClient(f"any:{KEY}@{place.hostname}", place.port)


def ask(data: Any, model: str = "mood") -> Any:
    client.wait_server_ready()
    predictions = client.invoke(data, params={"model": model}).get_predictions()
    return [[one["label"], one["score"]] for one in predictions.to_dict("records")]


run(
    {
        "single": lambda: ask(np.array([SINGLE])),
        "list": lambda: ask(pd.DataFrame({"id": range(len(SEVERAL)), "text": SEVERAL})),
        "pair": lambda: ask(pd.DataFrame([PAIR])),
        "version": client.get_version,
        "unknown": lambda: ask(np.array([SINGLE]), "none"),
        "long": lambda: ask(np.array([LONG])),
    }
)
