#!/usr/bin/env python3
"""Writes outputs.json: what PyTorch and torchvision compute for the networks of libs/learn, from weights and inputs that a
counting rule gives (golden_rule.hpp is its C++ twin), so that no weights are stored.
Run with torch 2.15.0 and torchvision 0.29.2 from PyPI: python generate.py > outputs.json"""
import json
import sys

import numpy as np
import torch
import torchvision
from torch import nn

torch.set_num_threads(2)
M = (1 << 64) - 1


def uniform(stream, count):
    """count numbers in [0, 1), multiples of 2^-24."""
    i = np.arange(count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        h = i * np.uint64(0x9E3779B97F4A7C15) + np.uint64((stream * 0xD1B54A32D192ED03) & M)
        h ^= h >> np.uint64(32)
        h *= np.uint64(0xD6E8FEB86659FD93)
        h ^= h >> np.uint64(32)
    return (h >> np.uint64(40)).astype(np.float64) / 2**24


def values(stream, shape, middle, half):
    return torch.from_numpy((middle + half * (2 * uniform(stream, int(np.prod(shape))) - 1)).astype(np.float32).reshape(shape))


def rule_weights(shapes):
    """Parameters in the order of their names; the stream is the place in that order."""
    out = {}
    for stream, name in enumerate(sorted(shapes), start=1):
        shape = tuple(shapes[name])
        if name.endswith("running_var"):
            out[name] = values(stream, shape, 1.0, 0.5)
        elif name.endswith("weight") and len(shape) == 1:
            out[name] = values(stream, shape, 1.0, 0.2)
        elif name.endswith("weight"):
            out[name] = values(stream, shape, 0.0, float(np.sqrt(3.0 / np.prod(shape[1:]))))
        else:
            out[name] = values(stream, shape, 0.0, 0.1)
    return out


def rule_input(shape):
    return torch.from_numpy(uniform(1000, int(np.prod(shape))).astype(np.float32).reshape(shape))


class Article(nn.Module):
    def __init__(self, size):
        super().__init__()
        side = ((size - 2) // 2 - 2) // 2
        self.conv1, self.conv2 = nn.Conv2d(3, 32, 3), nn.Conv2d(32, 64, 3)
        self.dense1, self.dense2 = nn.Linear(64 * side * side, 128), nn.Linear(128, 1)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.dense2(torch.relu(self.dense1(x.flatten(1))))


class Signal(nn.Module):
    def __init__(self, channels):
        super().__init__()
        width = channels
        for n, out in enumerate((32, 64, 128), start=1):
            setattr(self, f"conv{n}", nn.Conv1d(width, out, 7, padding=3, bias=False))
            setattr(self, f"bn{n}", nn.BatchNorm1d(out))
            width = out
        self.fc = nn.Linear(width, 1)

    def forward(self, x):
        for n in (1, 2, 3):
            x = torch.max_pool1d(torch.relu(getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(x))), 2)
        return self.fc(x.mean(2))


class Mlp(nn.Module):
    def __init__(self, features, outputs):
        super().__init__()
        self.dense1, self.dense2, self.dense3 = nn.Linear(features, 64), nn.Linear(64, 32), nn.Linear(32, outputs)

    def forward(self, x):
        return self.dense3(torch.relu(self.dense2(torch.relu(self.dense1(x)))))


def load(model):
    shapes = {k: v.shape for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    weights = rule_weights(shapes)
    missing = model.load_state_dict(weights, strict=False)
    assert not missing.unexpected_keys and all(k.endswith("num_batches_tracked") for k in missing.missing_keys)
    return model.eval()


def case(name, architecture, model, shape, outputs):
    with torch.inference_mode():
        logits = load(model)(rule_input(shape))
        probability = torch.sigmoid(logits) if outputs == 1 else torch.softmax(logits, 1)
    return {"name": name, "architecture": architecture, "input": shape, "outputs": outputs,
            "logits": logits.flatten().tolist(), "probabilities": probability.flatten().tolist()}


def article_steps(size=64, n=8, steps=3, rate=1e-3, b1=0.9, b2=0.999, eps=1e-7):
    """Adam as Keras computes it, on gradients from PyTorch."""
    model = load(Article(size)).train()
    x, y = rule_input([n, 3, size, size]), (torch.arange(n) % 3 == 0).float().unsqueeze(1)
    named = dict(model.named_parameters())
    m = {k: torch.zeros_like(p) for k, p in named.items()}
    v = {k: torch.zeros_like(p) for k, p in named.items()}
    losses = []
    for t in range(1, steps + 1):
        loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
        losses.append(loss.item())
        grads = torch.autograd.grad(loss, list(named.values()))
        step = rate * (1 - b2**t) ** 0.5 / (1 - b1**t)
        with torch.no_grad():
            for (k, p), g in zip(named.items(), grads):
                m[k] += (g - m[k]) * (1 - b1)
                v[k] += (g * g - v[k]) * (1 - b2)
                p -= step * m[k] / (v[k].sqrt() + eps)
    with torch.no_grad():
        losses.append(nn.functional.binary_cross_entropy_with_logits(model(x), y).item())
    sums = {k: [p.double().abs().sum().item(), p.double().sum().item()] for k, p in named.items()}
    return {"input": [n, 3, size, size], "learning_rate": rate, "losses": losses, "sums": sums}


def main():
    resnet = torchvision.models.resnet18(num_classes=5)
    small = torchvision.models.resnet18(num_classes=1)   # the 28x28 form: 3x3 stem without pooling
    small.conv1, small.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    document = {
        "made_with": {"torch": torch.__version__, "torchvision": torchvision.__version__},
        "cases": [case("article", "article_cnn", Article(128), [2, 3, 128, 128], 1),
                  case("resnet18", "resnet18", resnet, [3, 3, 96, 96], 5),
                  case("resnet18 of small images", "resnet18", small, [2, 3, 28, 28], 1),
                  case("signal", "signal_cnn", Signal(12), [3, 12, 250], 1),
                  case("table", "mlp", Mlp(20, 3), [5, 20], 3)],
        "article_steps": article_steps(),
    }
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
