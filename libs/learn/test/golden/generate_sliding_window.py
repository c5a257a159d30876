#!/usr/bin/env python3
"""Writes sliding_window.json: what MONAI's sliding_window_inference gives for images that count and a network that can be written down.
Run with torch 2.15.0 and monai 1.6.1 from PyPI: python generate_sliding_window.py > sliding_window.json"""
import json
import sys

import numpy as np
import torch
from monai.inferers import sliding_window_inference


def counted(shape):
    return torch.from_numpy((np.arange(np.prod(shape)) * 37 % 101 / 101).astype(np.float32).reshape(shape))


def network(x):
    """Two outputs: the first channel times the place in the window, and the channels' sum."""
    place = torch.arange(x[0, 0].numel(), dtype=torch.float32).reshape(x.shape[2:]) / x[0, 0].numel()
    return torch.stack([x[:, 0] * place, x.sum(1)], 1)


def case(image, window, overlap, gaussian):
    out = sliding_window_inference(counted(image)[None], window, 3, network, overlap=overlap,
                                   mode="gaussian" if gaussian else "constant")[0]
    step = max(1, out.numel() // 200)
    return {"image": image, "window": window, "overlap": overlap, "gaussian": gaussian, "shape": list(out.shape), "step": step,
            "values": [float(f"{v:.7g}") for v in out.flatten()[::step].tolist()]}


cases = [case([2, 11, 9, 14], [6, 5, 8], 0.25, True), case([1, 11, 9, 14], [6, 5, 8], 0.5, False),
         case([2, 23, 17], [8, 6], 0.5, True), case([1, 8, 30], [8, 8], 0.75, False),
         case([1, 5, 20], [8, 6], 0.25, True), case([1, 3, 4, 9], [6, 4, 4], 0.0, True),
         case([3, 7, 8, 9], [7, 8, 9], 0.25, True)]
json.dump(cases, sys.stdout, separators=(",", ":"))
sys.stdout.write("\n")
