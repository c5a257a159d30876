"""The comparison behind tools/article_parity."""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

import numpy as np

# The article's script: scaling, mirrored copies added, validation_split on the doubled array, Adam with Keras's defaults.
KERAS = r"""
import json, sys, time
import numpy as np
import tensorflow as tf, keras
from keras import layers
from sklearn.metrics import roc_auc_score
train, test, seed, epochs, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
if threads:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
keras.utils.set_random_seed(seed)
a, b = np.load(train), np.load(test)
start, start_cpu = time.time(), time.process_time()
x, y = a["X"].astype("float32") / 255.0, a["y"].astype("float32")
u, v = b["X"].astype("float32") / 255.0, b["y"].astype("float32")
flip = np.random.default_rng(seed).random(len(x)) < 0.5
copies = x.copy(); copies[flip] = copies[flip][:, :, ::-1, :]
x, y = np.concatenate([x, copies]), np.concatenate([y, y])
model = keras.Sequential([keras.Input(x.shape[1:]), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2), layers.Conv2D(64, 3, activation="relu"),
    layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(1, activation="sigmoid")])
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=epochs, batch_size=32, validation_split=0.2, verbose=0)
loss, accuracy = model.evaluate(u, v, verbose=0)
seconds = time.time() - start
print("RESULT " + json.dumps({"loss": float(loss), "accuracy": float(accuracy), "auroc": float(roc_auc_score(v, model.predict(u, verbose=0).ravel())), "seconds": seconds, "cpu_seconds": time.process_time() - start_cpu}))
"""


def lung(folder):
    """Malignant against the rest; near-identical neighbours stay together: blocks of 20 consecutive slices of a class, every fourth to the test set."""
    d = np.load(folder / "iqoth_nccd_lung_ct_128.npz")
    images, labels = d["images"], (d["labels"] == 2).astype(np.uint8)
    place = np.zeros(len(labels), int)
    for c in np.unique(d["labels"]):
        where = np.flatnonzero(d["labels"] == c)
        place[where] = np.arange(len(where)) // 20
    test = place % 4 == 3
    return images, labels, test


def pneumonia(folder):
    d = np.load(folder / "pneumoniamnist_reconstructed.npz")
    images = np.concatenate([d["train_images"], d["test_images"]])
    labels = np.concatenate([d["train_labels"], d["test_labels"]]).ravel()
    near = np.minimum(np.arange(128) * 28 // 128, 27)   # 28 to 128 pixels, nearest
    return images[:, near][:, :, near], labels, np.arange(len(labels)) >= len(d["train_labels"])


def write(folder, images, labels, test, limit):
    order = np.random.default_rng(0).permutation(len(labels))   # the article's script does not shuffle before its validation split; sorted labels would spoil it
    for name, chosen in (("train", order[~test[order]]), ("test", order[test[order]])):
        chosen = chosen[:limit] if limit else chosen
        np.savez(folder / f"{name}.npz", X=np.repeat(images[chosen][..., None], 3, axis=3), y=labels[chosen])
    return folder / "train.npz", folder / "test.npz"


def run(command, o):
    return subprocess.run([*o.before.split(), *command], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout


def run_keras(train, test, seed, o):
    """Processor seconds from reading the files on: loading Python and TensorFlow is not counted."""
    out = run([sys.executable, "-c", KERAS, train, test, str(seed), str(o.epochs), str(o.threads)], o)
    return json.loads(out[out.index("RESULT ") + 7:])


def run_aceso(train, test, seed, o):
    """Processor seconds of the whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = json.loads(run([os.environ["ACESO"], "article", str(train), str(test), "--epochs", str(o.epochs), "--seed", str(seed), "--threads", str(o.threads), "--json", "-"], o))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**{k: out["test"][k] for k in ("loss", "accuracy", "auroc")}, "seconds": out["seconds"], "cpu_seconds": cpu_seconds}


def cpu():
    for line in open("/proc/cpuinfo", encoding="utf8"):
        if line.startswith("model name"):
            return f"{line.split(':')[1].strip()}, {os.cpu_count()} cores"
    return "unknown"


def main():
    p = argparse.ArgumentParser(usage="tools/article_parity [options] [TRAIN.npz TEST.npz]")
    p.add_argument("files", nargs="*")
    p.add_argument("--data", default=os.environ["ACESO_SHARED_DATA"])
    p.add_argument("--set", choices=["lung", "pneumonia"], default="lung")
    p.add_argument("--seeds", type=int, default=5)
    p.add_argument("--epochs", type=int, default=10)
    p.add_argument("--limit", type=int, default=0)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--before", default="", help="a command put before each run, such as 'nice' or 'taskset -c 0'")
    p.add_argument("--out")
    o = p.parse_args()
    if not os.access(os.environ["ACESO"], os.X_OK):
        sys.exit(f"article_parity: {os.environ['ACESO']} is not built: ./dev build aceso")
    with tempfile.TemporaryDirectory() as temporary:
        if len(o.files) == 2:
            train, test = o.files
        else:
            folder = pathlib.Path(o.data) / "images"
            if not folder.is_dir():
                sys.exit("article_parity: skipped: no real data; give TRAIN.npz TEST.npz or --data")
            train, test = write(pathlib.Path(temporary), *globals()[o.set](folder), o.limit)
        results = {"keras": [], "aceso": []}
        for seed in range(1, o.seeds + 1):
            for name, race in (("keras", run_keras), ("aceso", run_aceso)):   # in turns, so that both meet the same load
                results[name].append(race(train, test, seed, o))
                print(f"seed {seed} {name}: {results[name][-1]}", file=sys.stderr, flush=True)
    summary = {"cpu": cpu(), "set": o.files or o.set, "epochs": o.epochs, "limit": o.limit, "seeds": o.seeds, "results": results}
    print(f"{'':12}{'Keras mean':>12}{'min':>9}{'max':>9}{'Aceso mean':>13}{'min':>9}{'max':>9}")
    for key in ("accuracy", "auroc", "loss", "seconds", "cpu_seconds"):
        k, a = ([r[key] for r in results[name]] for name in ("keras", "aceso"))
        print(f"{key:12}{statistics.mean(k):12.4f}{min(k):9.4f}{max(k):9.4f}{statistics.mean(a):13.4f}{min(a):9.4f}{max(a):9.4f}")
    reached = True
    for key in ("seconds", "cpu_seconds"):
        ratios = [k[key] / a[key] for k, a in zip(results["keras"], results["aceso"])]
        summary[f"{key}_ratio_median"] = statistics.median(ratios)
        reached &= key != "cpu_seconds" or statistics.median(ratios) > 1   # wall time depends on what else the machine does
        print(f"Keras's {key} are {statistics.median(ratios):.2f} times Aceso's (median of {o.seeds} pairs, {min(ratios):.2f} to {max(ratios):.2f})")
    for key in ("accuracy", "auroc"):
        mean, spread = statistics.mean(r[key] for r in results["aceso"]), [r[key] for r in results["keras"]]
        where = "within" if min(spread) <= mean <= max(spread) else "above" if mean > max(spread) else "BELOW"
        summary[f"{key}_against_spread"] = where
        reached &= where != "BELOW"
        print(f"mean {key} {where} the spread of Keras's own seeds")
    print(summary["cpu"])
    if o.out:
        pathlib.Path(o.out).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf8")
    sys.exit(0 if reached else 1)


main()
