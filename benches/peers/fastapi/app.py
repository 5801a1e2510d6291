"""What one would write instead of a service: FastAPI, pydantic and onnxruntime in one process.

It runs the same network file as the service, one thread, on tensors prepared beforehand and picked by account. So it is spared what the
service does besides: keeping a graph, sampling, assembling features, making anything durable.

FRAUDNET_PEER_MODEL names the network file, FRAUDNET_PEER_INPUTS the folder of prepared inputs: one raw little-endian file an input, named
as the input, one row of the batch after the other.
"""

import math
import os
import zlib
from pathlib import Path

import numpy
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(
    os.environ["FRAUDNET_PEER_MODEL"], options, providers=["CPUExecutionProvider"]
)


def prepared():
    folder = Path(os.environ["FRAUDNET_PEER_INPUTS"])
    columns = {}
    for port in session.get_inputs():
        kind = numpy.int64 if "int64" in port.type else numpy.float32
        shape = [size for size in port.shape if isinstance(size, int)]
        columns[port.name] = numpy.fromfile(folder / port.name, dtype=kind).reshape([-1, 1, *shape])
    rows = len(columns["node_features"])
    return [{name: values[row] for name, values in columns.items()} for row in range(rows)]


inputs = prepared()
app = FastAPI()


class Payment(BaseModel):
    model_config = ConfigDict(extra="forbid")

    transaction_id: str = Field(min_length=1, max_length=128)
    occurred_at: str | None = None
    account: str = Field(min_length=1, max_length=128)
    device: str | None = None
    ip: str | None = None
    merchant: str | None = None
    counterparty_account: str | None = None
    amount_minor: int = Field(ge=0, le=2**53)
    currency: str
    channel: str
    merchant_category: str | None = None
    account_country: str | None = None
    ip_country: str | None = None
    merchant_country: str | None = None


@app.get("/readyz")
async def readyz():
    return {"ready": True}


@app.post("/v1/transactions:score")
async def score(payment: Payment):
    tensor = inputs[zlib.crc32(payment.account.encode()) % len(inputs)]
    logit = session.run(["fraud_logit"], tensor)[0].item()
    return {"transaction_id": payment.transaction_id, "fraud_probability": 1 / (1 + math.exp(-logit))}
