"""For a training script that a node runs (`aceso train --script train.py`): the data set it is given, what it tells while it works, and the model it leaves.

    from aceso import job
    data = job.dataset()
    for epoch in range(1, 6):
        ...
        job.epoch(epoch, train_loss=loss, validation_auc=auc)
    job.save_onnx("model.onnx", height=28, width=28, channels=1, scale=1 / 255, activation="sigmoid")

Run by hand it works too: give the data set's folder in ACESO_DATASET and a folder in ACESO_OUTPUT.
"""
from __future__ import annotations

import json
import os
import pathlib
import sys
from typing import Any, Sequence

from .dataset import Dataset, open_dataset

FIGURES = ("train_loss", "validation_loss", "validation_auc", "validation_accuracy", "validation_dice", "validation_rmse", "validation_mae", "images_per_second", "seconds", "learning_rate")


def _place(name: str) -> pathlib.Path:
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set: this script is run by `aceso train --script`, or by hand with the variables of docs/formats/script.md")
    return pathlib.Path(value)


def _say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def dataset() -> Dataset:
    """The data set to learn from."""
    return open_dataset(_place("ACESO_DATASET"))


def output() -> pathlib.Path:
    """The folder for what the script leaves."""
    return _place("ACESO_OUTPUT")


def checkpoints() -> pathlib.Path:
    """A folder that is still there when the job goes on after a crash or with `aceso train --resume`."""
    return _place("ACESO_CHECKPOINTS")


def progress(phase: str, done: int, total: int = 0, seconds_left: float = -1, **values: Any) -> None:
    """What is being done: a bar on the terminal and on the job's page. `values` are shown beside it."""
    _say(type="progress", phase=phase, done=int(done), total=int(total), values=[[key, str(value)] for key, value in list(values.items())[:16]], seconds_left=float(seconds_left))


def epoch(number: int, **figures: float) -> None:
    """The figures of one pass over the data, as the node's own trainings have them (FIGURES); kept as a run and drawn."""
    unknown = set(figures) - set(FIGURES)
    if unknown:
        raise TypeError(f"unknown figures: {', '.join(sorted(unknown))}; known are {', '.join(FIGURES)}")
    finite = {key: (float(value) if value == value and abs(value) != float("inf") else None) for key, value in figures.items()}
    _say(type="epoch", epoch=int(number), **finite)


def log(message: str, level: str = "info") -> None:
    """A line of the job's log; never with what tells who a patient is."""
    _say(type="log", level=level, message=str(message))


def save_onnx(file: str | os.PathLike, *, height: int, width: int, channels: int, scale: float = 1.0, mean: Sequence[float] = (), std: Sequence[float] = (), layout: str = "NCHW",
              activation: str = "none", intended_use: str = "Research use only. Not for diagnosis.", limitations: str = "", input_name: str = "", output_name: str = "") -> None:
    """Leaves an ONNX file (moved into the output folder unless it is there) with the description of its input and output (docs/formats/foreign-model.md)."""
    source, target = pathlib.Path(file), output() / "model.onnx"
    if source.resolve() != target.resolve():
        target.write_bytes(source.read_bytes())
    name = os.environ.get("ACESO_MODEL", "model")
    description: dict[str, Any] = {
        "name": name, "intended_use": intended_use, "classes": dataset().classes,
        "input": {"layout": layout, "height": int(height), "width": int(width), "channels": int(channels), "scale": float(scale)},
        "output": {"activation": activation},
    }
    if limitations:
        description["limitations"] = limitations
    if len(mean):
        description["input"]["mean"] = [float(x) for x in mean]
    if len(std):
        description["input"]["std"] = [float(x) for x in std]
    if input_name:
        description["input"]["name"] = input_name
    if output_name:
        description["output"]["name"] = output_name
    (output() / "model.yaml").write_text(json.dumps(description, indent=1, ensure_ascii=False), encoding="utf-8")   # JSON is YAML
