#!/usr/bin/env python3
"""Writes boxes.json: CenterNet's losses (xingyizhou/CenterNet, models/losses.py: _neg_loss and RegL1Loss on the whole map,
weights 1, 0.1 and 1 as its opts.py has them) for a 1x1 convolution whose weights and inputs the counting rule of
golden_rule.hpp gives. Run with torch from PyPI: python generate_boxes.py > boxes.json"""
import json
import sys

import numpy as np
import torch
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


def target(cells, labels, empty):
    """Maps: a counted value below 1, and 1 in every 17th cell (of the last sample none; with `empty` nowhere); sizes and places of
    all cells counted, those of cells without a centre among them: they must not count."""
    axes = len(cells)
    outputs, area = labels + 2 * axes, int(np.prod(cells))
    t = uniform(2000, N * outputs * area).reshape(N, outputs, area)
    t[:, :labels] *= 0.9
    if not empty:
        for n in range(N - 1):
            for k in range(labels):
                t[n, k, (5 * n + 3 * k)::17] = 1
    t[:, labels:labels + axes] *= 6
    return torch.from_numpy(t.astype(np.float32).reshape(N, outputs, *cells))


def neg_loss(pred, gt):
    pos = gt.eq(1).float()
    neg = gt.lt(1).float()
    neg_weights = torch.pow(1 - gt, 4)
    pos_loss = (torch.log(pred) * torch.pow(1 - pred, 2) * pos).sum()
    neg_loss = (torch.log(1 - pred) * torch.pow(pred, 2) * neg_weights * neg).sum()
    count = pos.sum()
    return -neg_loss if count == 0 else -(pos_loss + neg_loss) / count


def reg_l1(pred, gt, here):
    mask = here.expand_as(pred)
    loss = F.l1_loss(pred * mask, gt * mask, reduction="sum")
    return loss / max(mask.sum().item(), 1)


def case(name, cells, labels, empty=False):
    axes = len(cells)
    outputs = labels + 2 * axes
    x = torch.from_numpy(uniform(1000, N * CHANNELS * int(np.prod(cells))).reshape(N, CHANNELS, *cells))
    conv = (nn.Conv2d if axes == 2 else nn.Conv3d)(CHANNELS, outputs, 1).double()
    t = target(cells, labels, empty).double()
    with torch.no_grad():   # parameters in the order of their names: bias, weight
        conv.bias.copy_(values(1, (outputs,), 0.1))
        conv.weight.copy_(values(2, conv.weight.shape, float(np.sqrt(3.0 / CHANNELS))))
    logits = conv(x)
    here = t[:, :labels].eq(1).any(1, keepdim=True).double()
    loss = (neg_loss(torch.sigmoid(logits[:, :labels]), t[:, :labels])
            + 0.1 * reg_l1(logits[:, labels:labels + axes], t[:, labels:labels + axes], here)
            + reg_l1(logits[:, labels + axes:], t[:, labels + axes:], here))
    loss.backward()
    return {"name": name, "cells": list(cells), "labels": labels, "empty": empty, "value": loss.item(),
            "bias_gradient": conv.bias.grad.tolist()}


cases = [case("one label", (6, 7), 1), case("three labels", (6, 7), 3), case("volume", (4, 5, 3), 2), case("no centre", (6, 7), 2, True)]
json.dump({"made_with": {"torch": torch.__version__}, "cases": cases}, sys.stdout, indent=1)
sys.stdout.write("\n")
