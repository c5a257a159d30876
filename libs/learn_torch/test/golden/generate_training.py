#!/usr/bin/env python3
"""Writes training.json: what PyTorch's losses, optimisers, clipping, averaging and schedules compute for a linear layer whose
weights and inputs the counting rule of golden_rule.hpp gives.
Run with torch 2.15.0 and torchvision 0.29.2 from PyPI: python generate_training.py > training.json"""
import json
import sys

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

M = (1 << 64) - 1
N, FEATURES, STEPS = 8, 5, 6


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


def layer(outputs):
    model = nn.Linear(FEATURES, outputs)
    with torch.no_grad():   # parameters in the order of their names: bias, weight
        model.bias.copy_(values(1, (outputs,), 0.1))
        model.weight.copy_(values(2, (outputs, FEATURES), float(np.sqrt(3.0 / FEATURES))))
    return model


def inputs():
    return torch.from_numpy(uniform(1000, N * FEATURES).astype(np.float32).reshape(N, FEATURES))


def classes(outputs):
    return torch.arange(N) % max(outputs, 2)


def soft(outputs):
    t = F.one_hot(classes(outputs), outputs).float()
    return 0.7 * t + 0.3 * t.roll(1, 1)


def focal_softmax(logits, t, gamma, weight=None):
    p = torch.softmax(logits, 1)
    t = F.one_hot(t, logits.shape[1]).float() if t.dtype == torch.long else t
    loss = -((1 - p) ** gamma * torch.log(p) * t).sum(1)
    if weight is None:
        return loss.mean()
    w = (t * weight).sum(1)
    return (loss * w).sum() / w.sum()


def focal_sigmoid(logits, t, gamma):
    return torchvision.ops.sigmoid_focal_loss(logits, t, alpha=-1, gamma=gamma, reduction="mean")


def loss_case(name, outputs, options, function, targets):
    with torch.no_grad():
        value = function(layer(outputs)(inputs()), targets)
    return {"name": name, "outputs": outputs, "options": options, "soft": targets.dtype.is_floating_point and outputs > 1,
            "loss": value.item()}


def losses():
    bits = (classes(1)).float().unsqueeze(1)
    w3 = torch.tensor([1.0, 2.0, 0.5])
    w2 = torch.where(bits > 0.5, 3.0, 1.0)
    s = 0.1
    return [
        loss_case("bce", 1, {}, F.binary_cross_entropy_with_logits, bits),
        loss_case("bce smoothed", 1, {"label_smoothing": s},
                  lambda x, t: F.binary_cross_entropy_with_logits(x, t * (1 - s) + s / 2), bits),
        loss_case("bce weighted", 1, {"class_weights": [1, 3]},
                  lambda x, t: F.binary_cross_entropy_with_logits(x, t, w2, reduction="sum") / w2.sum(), bits),
        loss_case("ce", 3, {"loss": "cross_entropy"}, F.cross_entropy, classes(3)),
        loss_case("ce smoothed and weighted", 3, {"loss": "cross_entropy", "label_smoothing": s, "class_weights": [1, 2, 0.5]},
                  lambda x, t: F.cross_entropy(x, t, w3, label_smoothing=s), classes(3)),
        loss_case("ce of shares", 3, {"loss": "cross_entropy", "label_smoothing": s},
                  lambda x, t: F.cross_entropy(x, t, label_smoothing=s), soft(3)),
        loss_case("mse", 1, {"loss": "mean_squared_error"}, F.mse_loss, bits),
        loss_case("focal", 1, {"loss": "focal", "focal_gamma": 2}, lambda x, t: focal_sigmoid(x, t, 2.0), bits),
        loss_case("focal softmax", 3, {"loss": "focal", "focal_gamma": 1.5}, lambda x, t: focal_softmax(x, t, 1.5), classes(3)),
        loss_case("focal softmax weighted", 3, {"loss": "focal", "focal_gamma": 2, "class_weights": [1, 2, 0.5]},
                  lambda x, t: focal_softmax(x, t, 2.0, w3), classes(3)),
    ]


def run_case(name, options, make, clip=0.0, decay=0.0):
    model, x, t = layer(3), inputs(), classes(3)
    optimiser = make(model.parameters())
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True) if decay else None
    seen = []
    for _ in range(STEPS):
        loss = F.cross_entropy(model(x), t)
        seen.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        if average:
            average.update_parameters(model)
    out = {"name": name, "options": {"loss": "cross_entropy", **options}, "losses": seen,
           "weight": model.weight.detach().flatten().tolist(), "bias": model.bias.detach().tolist()}
    if average:
        out["average"] = average.module.weight.detach().flatten().tolist()
    return out


def runs():
    o = torch.optim
    return [
        run_case("sgd", {"optimiser": "sgd", "learning_rate": 0.5}, lambda p: o.SGD(p, 0.5)),
        run_case("momentum", {"optimiser": "sgd", "learning_rate": 0.2, "momentum": 0.9, "weight_decay": 0.01},
                 lambda p: o.SGD(p, 0.2, 0.9, weight_decay=0.01)),
        run_case("nesterov", {"optimiser": "sgd", "learning_rate": 0.2, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
                 lambda p: o.SGD(p, 0.2, 0.9, weight_decay=0.01, nesterov=True)),
        run_case("adam", {"optimiser": "adam", "learning_rate": 0.05, "epsilon": 1e-8, "weight_decay": 0.01},
                 lambda p: o.Adam(p, 0.05, eps=1e-8, weight_decay=0.01)),
        run_case("adamw", {"optimiser": "adamw", "learning_rate": 0.05, "epsilon": 1e-8, "weight_decay": 0.1},
                 lambda p: o.AdamW(p, 0.05, eps=1e-8, weight_decay=0.1)),
        run_case("clipped", {"optimiser": "sgd", "learning_rate": 0.5, "clip_norm": 0.1}, lambda p: o.SGD(p, 0.5), clip=0.1),
        run_case("averaged", {"optimiser": "sgd", "learning_rate": 0.5, "average_decay": 0.8}, lambda p: o.SGD(p, 0.5), decay=0.8),
    ]


def rates(make, steps):
    optimiser = torch.optim.SGD([torch.zeros(1)], 0.4)
    schedule = make(optimiser)
    out = []
    for _ in range(steps):
        out.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return out


def schedules():
    """Peak 0.4, 5 steps an epoch, 8 epochs."""
    warm = lambda s, after, steps: lr_scheduler.SequentialLR(
        s, [lr_scheduler.LinearLR(s, 1 / steps, 1.0, steps - 1), after], [steps])
    return {
        "one_cycle": rates(lambda s: lr_scheduler.OneCycleLR(s, 0.4, total_steps=40, cycle_momentum=False), 40),
        "cosine": rates(lambda s: lr_scheduler.CosineAnnealingLR(s, 40, eta_min=0.04), 40),
        "cosine_warm": rates(lambda s: warm(s, lr_scheduler.CosineAnnealingLR(s, 30), 10), 40),
        "step": rates(lambda s: lr_scheduler.StepLR(s, 15, 0.1), 40),
    }


json.dump({"made_with": {"torch": torch.__version__, "torchvision": torchvision.__version__}, "losses": losses(),
           "runs": runs(), "schedules": schedules()}, sys.stdout, indent=1)
sys.stdout.write("\n")
