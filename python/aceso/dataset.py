"""Data sets of a node on this machine: manifest and memory-mapped pack (docs/formats/dataset.md, versions 1 to 3)."""
from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
from typing import Any, Iterator, Sequence

import numpy as np

MAGIC = b"ACESOPK1"
DTYPES = {name: np.dtype(name).newbyteorder("<") for name in ("uint8", "int8", "uint16", "int16", "int32", "int64", "float32", "float64", "bool")}
SPLITS = ("train", "validation", "test", "unassigned")


@dataclasses.dataclass(frozen=True)
class Sample:
    """One sample as the manifest has it. `label` is -1 where it has none; `targets` is None where nothing is known."""
    index: int
    id: str
    split: str
    label: int
    group: str
    fold: int
    offset: int
    shape: tuple[int, ...]
    sha256: str
    targets: Any = None
    mask: dict | None = None
    spacing_mm: tuple[float, ...] | None = None


def _hash(dtype: str, shape: Sequence[int], data: bytes) -> str:
    digest = hashlib.sha256()
    for text in (dtype, str(list(shape))):
        raw = text.encode()
        digest.update(str(len(raw)).encode() + b":" + raw)
    digest.update(data)
    return digest.hexdigest()


class Dataset:
    """Read-only. Arrays are views of the mapped file: nothing is copied until something is changed or stacked, and processes share the pages."""

    def __init__(self, folder: str | os.PathLike):
        self.folder = pathlib.Path(folder)
        with open(self.folder / "manifest.json", encoding="utf-8") as file:
            self.manifest = json.load(file)
        if self.manifest.get("format") != "aceso-dataset" or self.manifest.get("version") not in (1, 2, 3):
            raise ValueError(f"{self.folder}: not a data set of version 1, 2 or 3")
        self._pack = np.memmap(self.folder / "pack.bin", dtype=np.uint8, mode="r")
        if bytes(self._pack[:8]) != MAGIC:
            raise ValueError(f"{self.folder}/pack.bin: not a pack")
        self.name: str = self.manifest["name"]
        self.sha256: str = self.manifest["sha256"]
        self.kind: str = self.manifest["kind"]
        self.task: str = self.manifest.get("task", "classes")
        self.classes: list[str] = list(self.manifest["classes"])
        self.dtype = DTYPES[self.manifest["dtype"]]
        self.samples = [self._sample(i, s) for i, s in enumerate(self.manifest["samples"])]

    def _sample(self, index: int, s: dict) -> Sample:
        shape = tuple(int(n) for n in s["shape"])
        sample = Sample(index, s["id"], s["split"], int(s["label"]), s.get("group", ""), int(s.get("fold", -1)), int(s["offset"]), shape, s["sha256"],
                        s.get("targets"), s.get("mask"), tuple(s["spacing_mm"]) if s.get("spacing_mm") else None)
        if any(n < 0 for n in shape) or sample.offset < 4096 or sample.offset + self._bytes(shape, self.dtype) > self._pack.size:
            raise ValueError(f"sample {index} lies outside of pack.bin")
        return sample

    @staticmethod
    def _bytes(shape: Sequence[int], dtype: np.dtype) -> int:
        size = dtype.itemsize
        for n in shape:
            size *= int(n)
        return size

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        counts = {split: len(self.indices(split)) for split in SPLITS if self.indices(split)}
        return f"Dataset({self.name!r}, {self.kind}, classes={self.classes}, {counts})"

    def indices(self, split: str | None = None, labelled: bool = False) -> list[int]:
        """Of a split ("train", "validation", "test", "unassigned"; None: all), in the data set's order."""
        if split is not None and split not in SPLITS:
            raise ValueError(f"split {split!r}: one of {', '.join(SPLITS)} is expected")
        return [s.index for s in self.samples if (split is None or s.split == split) and not (labelled and s.label < 0 and s.targets is None)]

    def array(self, index: int) -> np.ndarray:
        """A sample as it is stored, read-only: images [height, width, channels], volumes [depth, height, width, channels]."""
        s = self.samples[index]
        return self._pack[s.offset:s.offset + self._bytes(s.shape, self.dtype)].view(self.dtype).reshape(s.shape)

    def mask(self, index: int) -> np.ndarray | None:
        """The outline of a sample (0: background), None where it has none."""
        m = self.samples[index].mask
        if m is None:
            return None
        shape = tuple(int(n) for n in m["shape"])
        end = int(m["offset"]) + self._bytes(shape, np.dtype(np.uint8))
        if int(m["offset"]) < 4096 or end > self._pack.size:
            raise ValueError(f"the mask of sample {index} lies outside of pack.bin")
        return self._pack[int(m["offset"]):end].reshape(shape)

    def arrays(self, split: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(samples [N, ...], labels [N]) of a split, stacked (a copy). Labels are int64; of several labels float32 [N, L] with NaN for what is not known, of numbers float64."""
        indices = self.indices(split, labelled=True)
        if not indices:
            return np.empty((0,), self.dtype), np.empty((0,), np.int64)
        if len({self.samples[i].shape for i in indices}) > 1:
            raise ValueError("the samples differ in size: take them one by one with array()")
        return np.stack([self.array(i) for i in indices]), self.labels(indices)

    def labels(self, indices: Sequence[int]) -> np.ndarray:
        rows = [self.samples[i] for i in indices]
        if self.task == "multi_label":
            return np.array([[np.nan if t is None else t for t in (s.targets or [None] * len(self.classes))] for s in rows], np.float32)
        if self.task == "regression":
            return np.array([np.nan if s.targets is None else np.ravel(s.targets)[0] for s in rows], np.float64)
        return np.array([s.label for s in rows], np.int64)

    def verify(self) -> None:
        """Recomputes the hash of every sample. ValueError names the first that is damaged."""
        for s in self.samples:
            if _hash(self.manifest["dtype"], s.shape, self.array(s.index).tobytes()) != s.sha256:
                raise ValueError(f"sample {s.index} is damaged: its hash is another")

    def torch(self, split: str | None = None, transform=None):
        """A torch.utils.data.Dataset of (float tensor [channels, ...], label). Values are as stored; `transform` changes the tensor."""
        import torch

        outer, indices = self, self.indices(split, labelled=True)
        labels = torch.from_numpy(self.labels(indices))

        class Samples(torch.utils.data.Dataset):
            def __len__(self):
                return len(indices)

            def __getitem__(self, i):
                array = outer.array(indices[i])
                if outer.kind in ("image", "volume"):
                    array = np.moveaxis(array, -1, 0)
                tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
                return (transform(tensor) if transform else tensor), labels[i]

        return Samples()

    def __iter__(self) -> Iterator[tuple[np.ndarray, Sample]]:
        for s in self.samples:
            yield self.array(s.index), s


def open_dataset(folder: str | os.PathLike) -> Dataset:
    """A data set's folder on this machine: $ACESO_HOME/models/datasets/NAME."""
    return Dataset(folder)
