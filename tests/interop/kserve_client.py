#!/usr/bin/env python3
"""NVIDIA's public Triton client against a node with a trained model: kserve_client.py ACESO
  tools/with_wheels kserve tests/interop/kserve_client.py build/dev/apps/aceso/aceso
Every call of tritonclient.http.InferenceServerClient that has a meaning here; answers to bytes, to JSON and of `aceso predict` are equal."""
import json
import pathlib
import struct
import sys
import tempfile
import zlib

import numpy as np
import tritonclient.http as triton
from model_node import ModelNode
from tritonclient.utils import InferenceServerException

SIZE = 64
passed = failed = 0


def check(name, good, shown=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok  ' if good else 'FAIL'} {name}" + ("" if good else f": {shown}"), flush=True)


def refused(name, status, word, call):
    """The call must fail with this HTTP status and say this word."""
    try:
        call()
        check(name, False, "it was answered")
    except InferenceServerException as error:
        check(name, error.status() == str(status) and word in error.message(), f"{error.status()} {error.message()}")


def png(picture):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIZE, SIZE, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tensor(array, kind, binary=True):
    out = triton.InferInput("image", list(array.shape), kind)
    out.set_data_from_numpy(array, binary_data=binary)
    return [out]


def describe(client, auth):
    check("live, ready", client.is_server_live() and client.is_server_ready())
    about = client.get_server_metadata(auth)
    check("server metadata", about["name"] == "aceso" and "binary_tensor_data" in about["extensions"], about)
    check("a model is ready, with and without its version", client.is_model_ready("nodule", "", auth) and client.is_model_ready("nodule", "1", auth))
    check("a model that is not there is not ready", not client.is_model_ready("none", "", auth) and not client.is_model_ready("nodule", "7", auth))
    meta = client.get_model_metadata("nodule", "", auth)
    check("model metadata", meta["versions"] == ["1"] and meta["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 1, SIZE, SIZE]}]
          and meta["outputs"] == [{"name": "output", "datatype": "FP32", "shape": [-1, 1]}], meta)
    check("metadata of a version", client.get_model_metadata("nodule", "1", auth) == meta)
    config = client.get_model_config("nodule", "", auth)
    check("model configuration", config["max_batch_size"] >= 8 and config["input"][0]["dims"] == [1, SIZE, SIZE], config)
    index = client.get_model_repository_index(auth)
    check("repository index", index == [{"name": "nodule", "version": "1", "state": "READY", "reason": ""}], index)


def main():
    with tempfile.TemporaryDirectory() as folder, ModelNode(sys.argv[1], folder, "models: {batch_window: 50ms}") as node:
        folder = pathlib.Path(folder)
        node.cli("dataset", "synthesise", "phantom", "--train", 120, "--validation", 40, "--test", 40, "--size", SIZE)
        node.cli("train", "--dataset", "phantom", "--name", "nodule", "--architecture", "article_cnn", "--epochs", 1)
        node.cli("model", "promote", "nodule", 1, "live")
        client = triton.InferenceServerClient(f"127.0.0.1:{node.port}", concurrency=4)
        auth = {"Authorization": "Bearer " + node.token}
        describe(client, auth)

        rng = np.random.default_rng(5)
        pictures = np.stack([rng.integers(30 * k, 30 * k + 60, (SIZE, SIZE), dtype=np.uint8) for k in range(4)])
        files = []
        for k, picture in enumerate(pictures):
            files.append(folder / f"{k}.png")
            files[-1].write_bytes(png(picture))
        told = np.array([answer["probability"] for answer in node.cli("predict", "nodule", *files)])
        check("the four pictures have different answers", len(set(told)) == 4, told)

        def infer(inputs, **more):
            return client.infer("nodule", inputs, headers=dict(auth), **more)

        def close(name, result):
            got = result.as_numpy("output")
            check(name, got.dtype == np.float32 and got.shape == (4, 1) and np.abs(got[:, 0] - told).max() < 1e-6, (got, told))

        bytes_both = infer(tensor(pictures, "UINT8"), request_id="case-7")
        close("UINT8, bytes in and out, as aceso predict", bytes_both)
        answer = bytes_both.get_response()
        check("the request's id, the model's hash and the stored answers come back", answer["id"] == "case-7" and answer["model_version"] == "1"
              and len(answer["parameters"]["model_hash"]) == 64 and len(answer["parameters"]["prediction_ids"]) == 4, answer)
        check("an output as bytes has no JSON numbers", "data" not in answer["outputs"][0] and answer["outputs"][0]["parameters"]["binary_data_size"] == 16, answer)
        for binary_in in (True, False):
            for binary_out in (True, False):
                result = infer(tensor(pictures, "UINT8", binary_in), outputs=[triton.InferRequestedOutput("output", binary_data=binary_out)], model_version="1")
                same = result.as_numpy("output").tobytes() == bytes_both.as_numpy("output").tobytes()
                check(f"the same bits with bytes in {binary_in}, out {binary_out}", same, result.as_numpy("output"))
        how = node.cli("model", "show", "nodule", 1)["signature"]["preprocessing"]
        ready = ((pictures.astype(np.float64) * how["scale"] - (how["mean"] or [0])[0]) / (how["std"] or [1])[0]).astype(np.float32)[:, None]
        close("FP32, prepared by the client", infer(tensor(ready, "FP32")))
        one_by_one = np.concatenate([infer(tensor(ready[k:k + 1], "FP32")).as_numpy("output") for k in range(4)])
        check("one by one as all at once", np.abs(one_by_one - bytes_both.as_numpy("output")).max() < 1e-6, one_by_one)
        waiting = [client.async_infer("nodule", tensor(pictures, "UINT8"), headers=dict(auth)) for _ in range(8)]
        for request in waiting:
            close("asynchronous", request.get_result())
        close("a compressed answer", infer(tensor(pictures, "UINT8"), outputs=[triton.InferRequestedOutput("output", binary_data=False)],
                                           response_compression_algorithm="gzip"))
        many = triton.InferenceServerClient(f"127.0.0.1:{node.port}", concurrency=24)  # it lets 10 ms pass between two asynchronous requests
        before = many.get_inference_statistics("nodule", headers=dict(auth))["model_stats"][0]
        again = [many.async_infer("nodule", tensor(ready[k % 4:k % 4 + 1], "FP32"), headers=dict(auth), priority=1 + k % 2) for k in range(96)]
        worst = max(abs(request.get_result().as_numpy("output")[0, 0] - told[k % 4]) for k, request in enumerate(again))
        check("96 requests at once, both priorities: the same numbers whatever they shared a run with", worst < 1e-6, worst)
        stats = many.get_inference_statistics("nodule", "1", headers=dict(auth))["model_stats"][0]
        samples, runs = (stats[key] - before[key] for key in ("inference_count", "execution_count"))
        check("statistics count samples and runs, and runs were shared", samples == 96 and 6 <= runs < 96, stats)
        check("statistics of all models", [m["name"] for m in many.get_inference_statistics(headers=dict(auth))["model_stats"]] == ["nodule"])
        metrics = node.request("GET", "/metrics")[1].decode()
        check("queue time, compute time and batch sizes stand in /metrics", all(f'aceso_model_{name}_count{{model="nodule",version="1"' in metrics
              for name in ("queue_seconds", "compute_seconds", "batch_size")), metrics[-3000:])
        many.close()
        body, length = triton.InferenceServerClient.generate_request_body(tensor(pictures, "UINT8"))
        status, raw, headers = node.request("POST", "/v2/models/nodule/infer", body, Inference_Header_Content_Length=str(length))
        close("a request made by the client and sent by another", triton.InferenceServerClient.parse_response_body(
            raw, header_length=int(headers["Inference-Header-Content-Length"])))
        check("that one was 200 and octets", status == 200 and headers["Content-Type"] == "application/octet-stream", headers)
        stored = json.loads(node.request("GET", "/api/v1/predictions/" + answer["parameters"]["prediction_ids"][2])[1])
        check("each answer is stored", stored["source"] == "kserve" and abs(stored["probability"] - told[2]) < 1e-6, stored)

        refused("no token", 401, "sign in", lambda: client.infer("nodule", tensor(pictures, "UINT8")))
        refused("no such model", 404, "no model", lambda: client.infer("none", tensor(pictures, "UINT8"), headers=dict(auth)))
        refused("no such version", 404, "version", lambda: infer(tensor(pictures, "UINT8"), model_version="9"))
        refused("no such output", 400, "output", lambda: infer(tensor(pictures, "UINT8"), outputs=[triton.InferRequestedOutput("other")]))
        refused("another shape", 400, "image", lambda: infer(tensor(ready[:, :, :32], "FP32")))
        refused("too many samples", 413, "at most", lambda: infer(tensor(np.repeat(pictures, 32, 0), "UINT8")))
        refused("not finite", 400, "finite", lambda: infer(tensor(np.full_like(ready, np.nan), "FP32")))
        refused("a datatype that is not taken", 415, "datatype", lambda: infer(tensor(ready.astype(np.float16), "FP16")))
        refused("a priority that is no number", 400, "priority", lambda: infer(tensor(pictures, "UINT8"), priority="high"))
        refused("classification", 415, "classification", lambda: infer(tensor(pictures, "UINT8"), outputs=[triton.InferRequestedOutput("output", class_count=1)]))
        refused("a compressed request", 415, "Content-Encoding", lambda: infer(tensor(pictures, "UINT8"), request_compression_algorithm="gzip"))
        refused("loading by hand", 415, "promotion", lambda: client.load_model("nodule", dict(auth)))
        refused("shared memory", 404, "not spoken", lambda: client.get_system_shared_memory_status(headers=dict(auth)))
        short = triton.InferInput("image", [4, SIZE, SIZE], "UINT8")
        short.set_data_from_numpy(pictures)
        short._raw_data = short._raw_data[:-1]
        refused("bytes that are not there", 400, "than were sent", lambda: infer([short]))
        client.close()
    print(f"{passed} checks passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
