"""MLServer: its adaptive batching in front of the shared model, over the V2 protocol."""

import asyncio
import os

import numpy as np
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse
from model import Model


class MLServerClassifier(MLModel):
    async def load(self) -> bool:
        self.model = Model()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        texts = StringCodec.decode_input(payload.inputs[0])
        answers = await asyncio.to_thread(self.model.classify, texts)
        scores = np.array([list(answer.values()) for answer in answers])
        output = NumpyCodec.encode_output("scores", scores)
        return InferenceResponse(model_name=self.name, outputs=[output])


async def main() -> None:
    port = int(os.environ["BENCH_PORT"])
    settings = Settings(
        host="127.0.0.1",
        http_port=port,
        grpc_port=int(os.environ["BENCH_PORT_2"]),
        metrics_port=int(os.environ["BENCH_PORT_3"]),
        parallel_workers=int(os.environ["BENCH_WORKERS"]),
        debug=False,
        logging_settings=None,
    )
    batch = int(os.environ["BENCH_BATCH"])
    model = ModelSettings(
        name="classify",
        implementation=MLServerClassifier,
        max_batch_size=batch if batch > 1 else 0,
        max_batch_time=float(os.environ["BENCH_WAIT_SECONDS"]) if batch > 1 else 0,
        parameters=ModelParameters(version="v1"),
    )
    await MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(main())
