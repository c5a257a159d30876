#!/usr/bin/env python3
"""Writes outlines.json: losses of masks as MONAI has them, for a 1x1 convolution whose weights and inputs the counting rule of
golden_rule.hpp gives. Run with torch 2.15.0 and monai 1.6 from PyPI: python generate_outlines.py > outlines.json"""
import json
import sys

import monai
import numpy as np
import torch
from monai.losses import DiceCELoss, DiceLoss
from torch import nn
from torch.nn import functional as F

M = (1 << 64) - 1
N, CHANNELS = 3, 2


def uniform(stream, count):
    i = np.arange(count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        h = i * np.uint64(0x9E3779B97F4A7C15) + np.uint64((stream * 0xD1B54A32D192ED03) & M)
        h ^= h >> np.uint64(32)
        h *= np.uint64(0xD6E8FEB86659FD93)
        h ^= h >> np.uint64(32)
    return (h >> np.uint64(40)).astype(np.float64) / 2**24


def values(stream, shape, half):
    return torch.from_numpy((half * (2 * uniform(stream, int(np.prod(shape))) - 1)).astype(np.float32).reshape(shape))


def logits(spatial, outputs):
    x = torch.from_numpy(uniform(1000, N * CHANNELS * int(np.prod(spatial))).astype(np.float32).reshape(N, CHANNELS, *spatial))
    conv = (nn.Conv2d if len(spatial) == 2 else nn.Conv3d)(CHANNELS, outputs, 1)
    with torch.no_grad():   # parameters in the order of their names: bias, weight
        conv.bias.copy_(values(1, (outputs,), 0.1))
        conv.weight.copy_(values(2, conv.weight.shape, float(np.sqrt(3.0 / CHANNELS))))
        return conv(x)


def target(spatial, outputs):
    """Point i of the batch has label (i // 5) mod (outputs or 2); sample 2 is all background."""
    area = int(np.prod(spatial))
    label = (torch.arange(N * area) // 5 % max(outputs, 2)).reshape(N, *spatial)
    label[2] = 0
    if outputs == 1:
        return label.unsqueeze(1).float()
    return F.one_hot(label, outputs).movedim(-1, 1).float()


def case(name, loss, spatial, outputs, function):
    return {"name": name, "loss": loss, "spatial": list(spatial), "outputs": outputs,
            "value": function(logits(spatial, outputs), target(spatial, outputs)).item()}


cases = []
for spatial in ((6, 7), (4, 5, 3)):
    kind = f"{len(spatial)}-D"
    cases += [
        case(f"dice {kind}", "dice", spatial, 1, DiceLoss(sigmoid=True)),
        case(f"dice and cross-entropy {kind}", "dice_cross_entropy", spatial, 1, DiceCELoss(sigmoid=True)),
        case(f"dice of three labels {kind}", "dice", spatial, 4, DiceLoss(softmax=True, include_background=False)),
        case(f"dice and cross-entropy of three labels {kind}", "dice_cross_entropy", spatial, 4,
             lambda x, t: DiceLoss(softmax=True, include_background=False)(x, t) + F.cross_entropy(x, t)),
        case(f"cross-entropy of three labels {kind}", "cross_entropy", spatial, 4, F.cross_entropy),
        case(f"binary cross-entropy {kind}", "binary_cross_entropy", spatial, 1, F.binary_cross_entropy_with_logits),
    ]
json.dump({"made_with": {"torch": torch.__version__, "monai": monai.__version__}, "cases": cases}, sys.stdout, indent=1)
sys.stdout.write("\n")
