#!/usr/bin/env python3
"""Writes the .pt files beside it with torch 2.15.0: good ones as torch.save makes them, and hostile ones made from them by hand.
torch_file_test.cpp knows their values; the same files are the corpus of fuzz_pt."""
import io
import os
import pathlib
import struct
import zipfile
import zlib
from collections import OrderedDict

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent


def save(name, value, **how):
    torch.save(value, HERE / name, **how)


def counted(shape, dtype=torch.float32):
    return (torch.arange(int(np.prod(shape)), dtype=torch.float32).reshape(shape) / 4).to(dtype)


def members(name, value):
    stream = io.BytesIO()
    torch.save(value, stream)
    with zipfile.ZipFile(stream) as archive:
        return {n: archive.read(n) for n in archive.namelist()}


def pack(name, parts, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(HERE / name, "w", method) as archive:
        for part, data in parts.items():
            archive.writestr(zipfile.ZipInfo(part, (1980, 1, 1, 0, 0, 0)), data, method)


def pickled(name, pickle):
    pack(name, {"a/data.pkl": pickle, "a/data/0": bytes(16), "a/version": b"3\n"})


class Command:
    def __reduce__(self):
        return os.system, ("touch /tmp/aceso-was-here",)


def tensor_pickle(elements, offset, shape, stride):
    """A state_dict with the one tensor "w" of those numbers, written by hand."""
    def number(value):
        return b"\x8a\x08" + struct.pack("<q", value)

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value
    storage = b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu") + number(elements) + b"tQ"
    numbers = [b"(" + b"".join(number(v) for v in values) + b"t" for values in (shape, stride)]
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + numbers[0] + numbers[1] + b"\x89}tR"
    return b"\x80\x02}" + text(b"w") + tensor + b"s."


def overlapping(name):
    """Two names for the same bytes."""
    pack(name, {"a/data.pkl": tensor_pickle(4, 0, [4], [1]), "a/data/0": bytes(4096)})
    raw = bytearray((HERE / name).read_bytes())
    end = raw.rindex(b"PK\x05\x06")
    directory = struct.unpack_from("<I", raw, end + 16)[0]
    second = raw.index(b"PK\x01\x02", directory + 4)
    extra = bytearray(raw[second:end]) * 3
    for i, at in enumerate(range(0, len(extra), end - second)):
        extra[at + 46 + len("a/data/")] = ord("1") + i
    raw[end:end] = extra
    end += len(extra)
    struct.pack_into("<HHI", raw, end + 8, 5, 5, end - directory)
    (HERE / name).write_bytes(raw)


def main():
    state = OrderedDict()
    state["layer.weight"] = counted([2, 3])
    state["layer.turned"] = counted([2, 3]).t()                    # a view with other strides
    whole = counted([8])
    state["layer.part"], state["layer.rest"] = whole[2:5], whole[5:]  # two views of one storage
    for name, dtype in (("half", torch.float16), ("bfloat", torch.bfloat16), ("double", torch.float64),
                        ("bytes", torch.uint8), ("truth", torch.bool)):
        state["types." + name] = counted([6], dtype)
    state["bn.num_batches_tracked"] = torch.tensor(7)
    state["scale"] = torch.nn.Parameter(torch.tensor(0.5))
    save("state_dict.pt", state)
    save("checkpoint.pt", {"epoch": 3, "best": 0.25, "name": "run", "size": torch.Size([2, 3]),
                           "state_dict": OrderedDict(("module." + k, v) for k, v in state.items())})
    save("before_1_6.pt", state, _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 1), torch.zeros(1, 2)), HERE / "script.pt")
    save("command.pt", {"w": counted([2]), "x": Command()})
    save("numpy.pt", {"w": counted([2]), "loss": np.float64(0.5)})
    save("whole_module.pt", torch.nn.Linear(2, 1))
    save("no_tensors.pt", {"epoch": 3})
    pack("compressed.pt", members("x", state), zipfile.ZIP_DEFLATED)
    overlapping("overlapping.pt")
    pickled("huge_storage.pt", tensor_pickle(1 << 40, 0, [4], [1]))
    pickled("beyond.pt", tensor_pickle(4, 2, [3], [1]))
    pickled("negative.pt", tensor_pickle(4, -1, [1], [1]))
    pickled("expanded.pt", tensor_pickle(4, 0, [1 << 30], [0]))
    pickled("wrapping.pt", tensor_pickle(4, 0, [(1 << 32) + 1, 2], [1 << 32, 1]))
    pickled("cycle.pt", b"\x80\x02}q\x00X\x0a\x00\x00\x00state_dicth\x00s.")
    pickled("deep.pt", b"\x80\x02" + b"}X\x0a\x00\x00\x00state_dict" * 1000 + b"}" + b"s" * 1000 + b".")


main()
