"""The race behind tools/bench_training."""
import argparse
import json
import os
import statistics
import subprocess
import sys

# Each peer: warm up five times, then the median over STEPS; prints {"median_ms", "cpu_ms"}. Images are random, already in memory, in the peer's own layout.
KERAS = r"""
import json, sys, time
import numpy as np, tensorflow as tf, keras
from keras import layers
what, batch, size, steps, threads = sys.argv[1], *map(int, sys.argv[2:6])
if threads:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
m = keras.Sequential([keras.Input((size, size, 3)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2), layers.Conv2D(64, 3, activation="relu"),
    layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(1, activation="sigmoid")])
m.compile(optimizer="adam", loss="binary_crossentropy")
x, y = np.random.rand(batch, size, size, 3).astype("float32"), (np.arange(batch) % 2).astype("float32")
x, y = tf.constant(x), tf.constant(y)
f = tf.function(lambda a: m(a, training=False))
run = {"train": lambda: m.train_on_batch(x, y), "infer": lambda: m.predict_on_batch(x), "function": lambda: f(x).numpy()}[what]
for _ in range(5): run()
t, cpu = [], time.process_time()
for _ in range(steps):
    s = time.perf_counter(); run(); t.append(time.perf_counter() - s)
print(json.dumps({"median_ms": 1e3 * sorted(t)[len(t) // 2], "cpu_ms": 1e3 * (time.process_time() - cpu) / steps}))
"""

TORCH = r"""
import io, json, sys, time
import torch
from torch import nn
what, network, precision, batch, size, steps, threads, channels_last = sys.argv[1], sys.argv[2], sys.argv[3], *map(int, sys.argv[4:9])
if threads: torch.set_num_threads(threads)
if network == "article_cnn":
    side = ((size - 2) // 2 - 2) // 2
    m = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(side * side * 64, 128), nn.ReLU(), nn.Linear(128, 1))
else:
    import torchvision
    m = torchvision.models.get_model(network, num_classes=1)
x, y = torch.rand(batch, 3, size, size), (torch.arange(batch) % 2).float()[:, None]
if channels_last: m, x = m.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
if what == "onnxruntime":
    import onnxruntime
    m.eval(); file = io.BytesIO()
    torch.onnx.export(m, (x,), file, input_names=["x"], dynamo=False)
    o = onnxruntime.SessionOptions(); o.intra_op_num_threads = threads
    s = onnxruntime.InferenceSession(file.getvalue(), o, providers=["CPUExecutionProvider"]); a = x.numpy()
    run = lambda: s.run(None, {"x": a})
elif what == "train":
    adam = torch.optim.Adam(m.parameters())
    def run():
        adam.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"): z = m(x)
        nn.functional.binary_cross_entropy_with_logits(z.float(), y).backward(); adam.step()
else:
    m.eval()
    def run():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"): return torch.sigmoid(m(x))
for _ in range(5): run()
t, cpu = [], time.process_time()
for _ in range(steps):
    begun = time.perf_counter(); run(); t.append(time.perf_counter() - begun)
print(json.dumps({"median_ms": 1e3 * sorted(t)[len(t) // 2], "cpu_ms": 1e3 * (time.process_time() - cpu) / steps}))
"""

# case: (train or infer, network, batch, size, steps, our racers, peers)
CASES = {
    "article_train": ("train", "article_cnn", 32, 128, 30, ("fp32", "bf16"), ("keras", "torch", "torch_channels_last")),
    "article_infer": ("infer", "article_cnn", 32, 128, 30, ("loops", "openvino", "torch_engine"), ("keras", "keras_function", "torch", "onnxruntime")),
    "article_infer_1": ("infer", "article_cnn", 1, 128, 200, ("loops", "openvino", "torch_engine"), ("keras", "keras_function", "torch", "onnxruntime")),
    "resnet18_train": ("train", "resnet18", 32, 128, 8, ("fp32", "bf16"), ("torch", "torch_channels_last")),
    "resnet18_infer": ("infer", "resnet18", 32, 128, 10, ("openvino",), ("torch", "onnxruntime")),
}


def command(racer, case, o):
    what, network, batch, size, steps, *_ = CASES[case]
    numbers = [str(batch), str(size), str(steps), str(o.threads)]
    if racer in ("keras", "keras_function"):
        return [o.keras, "-c", KERAS, "function" if racer == "keras_function" else what, *numbers]
    if racer == "onnxruntime":
        return [o.python, "-c", TORCH, "onnxruntime", network, "fp32", *numbers, "0"]
    if racer in ("torch", "torch_channels_last"):
        return [o.python, "-c", TORCH, what, network, "fp32", *numbers, "1" if racer == "torch_channels_last" else "0"]
    ours = [os.environ["ACESO_STEP"], network, "--batch", str(batch), "--size", str(size), "--steps", str(steps), "--threads", str(o.threads)]
    if what == "infer":
        ours += ["--infer", "--engine", {"torch_engine": "torch"}.get(racer, racer)]
    return ours + (["--bf16"] if racer == "bf16" else [])


def features():
    flags, name = set(), "unknown"
    for line in open("/proc/cpuinfo", encoding="utf8"):
        if line.startswith("model name"):
            name = line.split(":")[1].strip()
        if line.startswith("flags"):
            flags = set(line.split()[2:])
    return f"{name}, {os.cpu_count()} cores, " + " ".join(f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in flags)


def main():
    p = argparse.ArgumentParser(usage="tools/bench_training [options]", description="Ratios above 1: the peer takes longer than Aceso. Losing cases are printed like the others; the exit status says only whether everything ran.")
    p.add_argument("--rounds", type=int, default=3, help="how often each case is run, racers in turns (default 3)")
    p.add_argument("--cases", default=",".join(CASES))
    p.add_argument("--peers", default="keras,keras_function,torch,torch_channels_last,onnxruntime")
    p.add_argument("--threads", type=int, default=0, help="0: all")
    p.add_argument("--out", help="write everything as JSON")
    p.add_argument("--keras", help=argparse.SUPPRESS)
    p.add_argument("--python", help=argparse.SUPPRESS)
    o = p.parse_args()
    bf16 = "avx512_bf16" in features() or "amx_bf16" in features()
    print(features())
    summary = {"cpu": features(), "rounds": o.rounds, "cases": {}}
    for case in o.cases.split(","):
        if case not in CASES:
            sys.exit(f"bench_training: no case {case}; there are {', '.join(CASES)}")
        ours, peers = CASES[case][5:]
        racers = [r for r in ours if r != "bf16" or bf16] + [r for r in peers if r in o.peers.split(",")]
        seen = {r: [] for r in racers}
        for _ in range(o.rounds):
            for r in racers:
                done = subprocess.run(command(r, case, o), capture_output=True, text=True)
                if done.returncode != 0:
                    sys.exit(f"bench_training: {case} {r} failed: {done.stderr[-800:]}")
                seen[r].append(json.loads(done.stdout.strip().splitlines()[-1]))
                print(f"{case} {r}: {seen[r][-1]}", file=sys.stderr, flush=True)
        summary["cases"][case] = seen
        print(f"\n{case} (median of {o.rounds} runs, ms; processor ms a step)")
        for r in racers:
            m, c = (statistics.median(x[k] for x in seen[r]) for k in ("median_ms", "cpu_ms"))
            more = "" if r not in ours else "".join(f"  {k} {statistics.median(x[k] for x in seen[r]):g}" for k in ("faults", "grown_mib"))
            line = f"  {r:20}{m:9.2f}{c:9.1f}{more}"
            if r in peers:
                line += "".join(f"   {statistics.median(a['median_ms'] / b['median_ms'] for a, b in zip(seen[r], seen[u])):.2f}x {u}" for u in racers if u in ours)
            print(line)
    if o.out:
        with open(o.out, "w", encoding="utf8") as f:
            json.dump(summary, f, indent=1)


main()
