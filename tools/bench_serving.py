#!/usr/bin/env python3
"""Served answers beside the bare engine, and shared runs beside single ones: see tools/bench_serving."""
import argparse
import json
import multiprocessing
import os
import pathlib
import platform
import random
import re
import socket
import statistics
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests" / "interop"))
sys.dont_write_bytecode = True
from model_node import ModelNode  # noqa: E402

SIZE = 64


def request_bytes(node, model, number):
    """One infer request in the binary form, as it goes over the wire."""
    values = random.Random(number)
    data = struct.pack(f"<{SIZE * SIZE}f", *[values.random() for _ in range(SIZE * SIZE)])
    head = json.dumps({"parameters": {"binary_data_output": True}, "inputs": [
        {"name": "image", "datatype": "FP32", "shape": [1, 1, SIZE, SIZE], "parameters": {"binary_data_size": len(data)}}]}).encode()
    return (f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {node.token}\r\nContent-Length: {len(head) + len(data)}\r\n"
            f"Inference-Header-Content-Length: {len(head)}\r\n\r\n").encode() + head + data


def client(port, requests, seconds, out):
    """One connection that asks again as soon as it is answered; seconds of each answer."""
    times = []
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number, end, buffer = 0, time.perf_counter() + seconds, b""
        while True:
            begin = time.perf_counter()
            if begin > end:
                break
            s.sendall(requests[number % len(requests)])
            number += 1
            while b"\r\n\r\n" not in buffer:
                buffer += s.recv(65536)
            head, buffer = buffer.split(b"\r\n\r\n", 1)
            length = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head).group(1))
            while len(buffer) < length:
                buffer += s.recv(65536)
            buffer = buffer[length:]
            times.append(time.perf_counter() - begin)
            if not head.startswith(b"HTTP/1.1 200"):
                times.append(-1.0)
    out.put(times)


def load(node, model, clients, seconds):
    """(answers a second, times) of so many clients in processes of their own."""
    out = multiprocessing.Queue()
    requests = [request_bytes(node, model, n) for n in range(32)]
    processes = [multiprocessing.Process(target=client, args=(node.port, requests, seconds, out)) for _ in range(clients)]
    for p in processes:
        p.start()
    times = [t for _ in processes for t in out.get()]
    for p in processes:
        p.join()
    if any(t < 0 for t in times):
        raise RuntimeError(f"{sum(t < 0 for t in times)} requests of {model} failed")
    return len(times) / seconds, sorted(times)


def counters(node, model):
    """Sum and count of the runs' seconds, sum of their samples."""
    text = node.request("GET", "/metrics")[1].decode()

    def read(name):
        found = re.search(rf'^aceso_model_{name}\{{model="{model}",version="1"\}} (\S+)$', text, re.M)
        return float(found.group(1)) if found else 0.0
    return read("compute_seconds_sum"), read("compute_seconds_count"), read("batch_size_sum")


def quantile(times, q):
    return times[min(len(times) - 1, int(q * len(times)))]


def fsync_ms(folder):
    path, taken = pathlib.Path(folder) / "fsync.probe", []
    with open(path, "wb", buffering=0) as f:
        for _ in range(40):
            f.write(b"x" * 4096)
            begin = time.perf_counter()
            os.fsync(f.fileno())
            taken.append(time.perf_counter() - begin)
    path.unlink()
    return 1e3 * statistics.median(taken)


def prepare(program, folder, models):
    """A home with trained models, copied for each way of serving."""
    with ModelNode(program, folder) as node:
        node.cli("dataset", "synthesise", "phantom", "--train", 60, "--validation", 20, "--test", 20, "--size", SIZE)
        for model in models:
            node.cli("train", "--dataset", "phantom", "--name", model, "--architecture", model, "--epochs", 1)
            node.cli("model", "promote", model, 1, "live")


def latency(program, folder, model, rounds, seconds):
    """At one client: mean of the answers beside the mean of the runs that made them, in one and the same process."""
    pairs = []
    with ModelNode(program, folder) as node:
        load(node, model, 1, min(1.0, seconds))
        for _ in range(rounds):
            before = counters(node, model)
            _, times = load(node, model, 1, seconds)
            after = counters(node, model)
            bare = (after[0] - before[0]) / (after[1] - before[1])
            pairs.append({"bare_ms": 1e3 * bare, "served_mean_ms": 1e3 * statistics.fmean(times), "served_p50_ms": 1e3 * quantile(times, .5),
                          "served_p95_ms": 1e3 * quantile(times, .95)})
    return pairs


def sweep(program, folder, model, shared, counts, seconds):
    """Throughput and p95 at so many clients; `shared`: runs are shared."""
    rows = []
    with ModelNode(program, folder, "" if shared else "models: {max_batch: 1}") as node:
        load(node, model, 4, min(1.0, seconds))
        for clients in counts:
            before = counters(node, model)
            rate, times = load(node, model, clients, seconds)
            after = counters(node, model)
            rows.append({"clients": clients, "rate": rate, "p50_ms": 1e3 * quantile(times, .5), "p95_ms": 1e3 * quantile(times, .95),
                         "samples_a_run": (after[2] - before[2]) / max(1.0, after[1] - before[1]),
                         "compute_ms_a_sample": 1e3 * (after[0] - before[0]) / max(1.0, after[2] - before[2])})
    return rows


def memory(program, folder, model):
    """What the node grows by when it loads the model after another one (the engine itself is loaded with the first), and its estimate."""
    with ModelNode(program, folder) as node:
        def resident():
            return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{node.process.pid}/status").read_text()).group(1)) / 1024

        def estimate():
            return float(re.search(r"^aceso_models_memory_bytes (\S+)$", node.request("GET", "/metrics")[1].decode(), re.M).group(1)) / 2**20

        def ready(name):
            assert node.request("GET", f"/v2/models/{name}/versions/1/ready")[0] == 200
        node.cli("train", "--dataset", "phantom", "--name", "first", "--architecture", "logistic", "--epochs", 1)
        ready("first")
        before, estimated = resident(), estimate()
        ready(model)
        load(node, model, 1, 0.5)
        return {"grew_mib": resident() - before, "estimate_mib": estimate() - estimated}


def best_within(rows, p95):
    return max((row["rate"] for row in rows if row["p95_ms"] <= p95), default=None)


def main():
    parser = argparse.ArgumentParser(prog="bench_serving", description=__doc__)
    parser.add_argument("--program", default="build/dev/apps/aceso/aceso")
    parser.add_argument("--models", default="logistic,article_cnn,resnet18", help="architectures, on grey pictures of 64 x 64")
    parser.add_argument("--clients", default="1,2,4,8,16,32")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of each measurement")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--folder", default=None, help="where the node's home lies; /dev/shm takes the disk out (default: the system's temporary folder)")
    parser.add_argument("--out", help="writes everything as JSON")
    options = parser.parse_args()
    models, counts = options.models.split(","), [int(c) for c in options.clients.split(",")]
    out = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(), "load_before": os.getloadavg()[0], "latency": {}, "batching": {}}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        out["fsync_ms"] = fsync_ms(folder)
        print(f"{os.cpu_count()} cores, load {out['load_before']:.1f} before, one fsync {out['fsync_ms']:.2f} ms in {folder}")
        prepare(options.program, folder, models)
        print("\nserved at one client beside the bare run in the same process (bar: 1.3 times the bare run plus 1 ms)")
        for model in models:
            pairs = out["latency"][model] = latency(options.program, folder, model, options.rounds, options.seconds)
            bare, served = (statistics.median(p[k] for p in pairs) for k in ("bare_ms", "served_mean_ms"))
            limit = 1.3 * bare + 1
            print(f"  {model:12} bare {bare:7.2f} ms, served {served:7.2f} ms (p50 {statistics.median(p['served_p50_ms'] for p in pairs):.2f}, "
                  f"p95 {statistics.median(p['served_p95_ms'] for p in pairs):.2f}), bar {limit:.2f} ms: {'met' if served <= limit else 'MISSED'}", flush=True)
        print("\nshared runs beside single ones: answers a second at equal p95 (bar: 3 times)")
        for model in models:
            ratios = []
            out["batching"][model] = []
            for round_number in range(options.rounds):
                order = [True, False] if round_number % 2 == 0 else [False, True]
                rows = {shared: sweep(options.program, folder, model, shared, counts, options.seconds) for shared in order}
                allowed = max(row["p95_ms"] for row in rows[False])  # what single runs need at the most clients
                single, shared = best_within(rows[False], allowed), best_within(rows[True], allowed)
                tight = statistics.median(row["p95_ms"] for row in rows[False])
                pair = {"p95_ms": allowed, "ratio": (shared or 0) / single, "tight_p95_ms": tight,
                        "tight_ratio": (best_within(rows[True], tight) or 0) / best_within(rows[False], tight), "shared": rows[True], "single": rows[False]}
                out["batching"][model].append(pair)
                ratios.append(pair)
            middle = sorted(ratios, key=lambda p: p["ratio"])[len(ratios) // 2]
            print(f"  {model:12} {statistics.median(p['ratio'] for p in ratios):.2f} times ({min(p['ratio'] for p in ratios):.2f} to {max(p['ratio'] for p in ratios):.2f}) "
                  f"within the p95 of single runs at {counts[-1]} clients, {statistics.median(p['tight_ratio'] for p in ratios):.2f} times within their median p95", flush=True)
            for name in ("single", "shared"):
                print(f"    {name}: " + "; ".join(f"{r['clients']} clients {r['rate']:.0f}/s p95 {r['p95_ms']:.1f} ms, {r['samples_a_run']:.1f} a run, {r['compute_ms_a_sample']:.2f} ms computed a sample" for r in middle[name]), flush=True)
        out["memory"] = {model: memory(options.program, folder, model) for model in models}
        print("\nmemory of a loaded model beside the node's estimate: " + "; ".join(
            f"{m} {v['grew_mib']:.0f} MiB, estimated {v['estimate_mib']:.0f}" for m, v in out["memory"].items()))
    out["load_after"] = os.getloadavg()[0]
    print(f"load {out['load_after']:.1f} after")
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
