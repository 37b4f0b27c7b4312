"""Plain FastAPI as commonly written: one session call for each request, in the thread pool."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
import uvicorn
from fastapi import FastAPI
from model import Model
from pydantic import BaseModel

model = Model()


class Body(BaseModel):
    text: str


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Bound the simultaneous calls if asked; the framework's default is 40."""
    if callers := int(os.environ.get("BENCH_CALLERS", "0")):
        anyio.to_thread.current_default_thread_limiter().total_tokens = callers
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/classify")
def classify(body: Body) -> dict[str, float]:
    """Answer with the probability of each label."""
    return model.classify([body.text])[0]


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["BENCH_PORT"]), access_log=False, log_level="warning")
