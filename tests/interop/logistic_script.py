"""A training script as a data scientist has one: logistic regression on pixels with NumPy, left as ONNX. Run by own_script.py through `aceso train --script`."""
import argparse
import sys
import time

import numpy as np

from aceso import job


def varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number: int, value) -> bytes:
    """One field of a protobuf message: a whole number, bytes or text."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def tensor(name: str, array: np.ndarray) -> bytes:
    kind = {np.dtype("float32"): 1, np.dtype("int64"): 7}[array.dtype]
    return b"".join(field(1, int(n)) for n in array.shape) + field(2, kind) + field(8, name) + field(9, array.tobytes())


def port(name: str, shape) -> bytes:
    dims = b"".join(field(1, field(2, "N") if n is None else field(1, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def onnx(weights: np.ndarray, bias: float, height: int, width: int) -> bytes:
    """Flatten, one matrix product, sigmoid (onnx.proto, IR version 8, opset 13)."""
    def node(operation, inputs, output):
        return b"".join(field(1, i) for i in inputs) + field(2, output) + field(4, operation)
    graph = b"".join(field(1, n) for n in (node("Flatten", ["image"], "flat"), node("Gemm", ["flat", "w", "b"], "logit"), node("Sigmoid", ["logit"], "probability")))
    graph += field(2, "logistic") + field(5, tensor("w", weights.astype(np.float32).reshape(-1, 1))) + field(5, tensor("b", np.array([bias], dtype=np.float32)))
    graph += field(11, port("image", [None, 1, height, width])) + field(12, port("probability", [None, 1]))
    return field(1, 8) + field(2, "own script") + field(7, graph) + field(8, field(1, "") + field(2, 13))


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    order = scores.argsort()
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    positive = labels == 1
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(labels) - n)))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--fail", action="store_true")
    arguments = parser.parse_args()
    data = job.dataset()
    if arguments.fail:
        raise RuntimeError("the data are not what I expected")
    x, y = data.arrays("train")
    validation, truth = data.arrays("validation")
    height, width = x.shape[1:3]
    flat = x.reshape(len(x), -1).astype(np.float32) / 255
    held = validation.reshape(len(validation), -1).astype(np.float32) / 255
    print(f"{len(x)} samples of {height} x {width}")
    w, b = np.zeros(flat.shape[1], dtype=np.float32), 0.0
    for number in range(1, arguments.epochs + 1):
        began = time.monotonic()
        for _ in range(20):
            p = 1 / (1 + np.exp(-np.clip(flat @ w + b, -30, 30)))
            error = p - y
            w -= 0.02 * (flat.T @ error / len(y) + 1e-3 * w)
            b -= 0.02 * float(error.mean())
        loss = float(-(y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9)).mean())
        job.epoch(number, train_loss=loss, validation_auc=auc(held @ w + b, truth), seconds=time.monotonic() - began)
        job.progress("train", number, arguments.epochs, loss=f"{loss:.3f}")
    file = job.output() / "model.onnx"
    file.write_bytes(onnx(w, b, height, width))
    job.save_onnx(file, height=height, width=width, channels=1, scale=1 / 255, limitations="Pixels alone: it knows nothing of shapes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
