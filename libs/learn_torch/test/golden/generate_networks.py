#!/usr/bin/env python3
"""Writes networks.json: what PyTorch computes for single operations of the layer list, and what torchvision and MONAI compute
for the larger architectures, from weights and inputs that the counting rule of generate.py gives.
Run with torch 2.15.0, torchvision 0.29.2 and monai 1.6.1 from PyPI: python generate_networks.py > networks.json"""
import json
import re
import sys

import monai
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from generate import load, rule_input, rule_weights

KEPT = 300  # outputs kept of each case, evenly spread


def kept(tensor):
    flat = tensor.flatten()
    step = max(1, flat.numel() // KEPT)
    return {"shape": list(tensor.shape), "step": step, "values": [float(f"{v:.7g}") for v in flat[::step].tolist()]}


def operation(name, shape, layers, parameters, compute):
    """`compute` takes the input and the parameters by name, as the layer list names them."""
    weights = rule_weights(parameters)
    with torch.inference_mode():
        out = compute(rule_input(shape), weights)
    layers = [{"name": "image", "op": "input"}] + layers
    return {"name": name, "input": shape, "output": kept(out),
            "network": {"architecture": "test", "init": "torchvision", "logits": layers[-1]["name"],
                        "output": layers[-1]["name"], "layers": layers}}


def window(op, dims, kernel, stride, padding, **more):
    return {"name": "x", "op": op, "inputs": ["image"], "kernel": [kernel] * dims, "stride": [stride] * dims,
            "padding": [padding] * dims, **more}


def size(dims):
    return {1: [17], 2: [11, 9], 3: [5, 7, 6]}[dims]


def operations():
    conv = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
    grown = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
    average = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
    largest = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}
    for d in (1, 2, 3):
        shape, k = [2, 4] + size(d), [3] * d
        tag = f"{d}-D"
        yield operation(f"convolution with dilation and groups, {tag}", shape,
                        [window("conv", d, 3, 1, 2, out=6, dilation=[2] * d, groups=2)],
                        {"x.weight": [6, 2] + k, "x.bias": [6]},
                        lambda x, w: conv[d](x, w["x.weight"], w["x.bias"], 1, 2, 2, 2))
        yield operation(f"transposed convolution, {tag}", shape,
                        [window("conv_transpose", d, 3, 2, 1, out=6, output_padding=[1] * d)],
                        {"x.weight": [4, 6] + k, "x.bias": [6]},
                        lambda x, w: grown[d](x, w["x.weight"], w["x.bias"], 2, 1, 1))
        yield operation(f"transposed convolution with groups and dilation, {tag}", shape,
                        [window("conv_transpose", d, 3, 2, 1, out=6, groups=2, dilation=[2] * d, bias=False)],
                        {"x.weight": [4, 3] + k},
                        lambda x, w: grown[d](x, w["x.weight"], None, 2, 1, 0, 2, 2))
        yield operation(f"average pooling with padding, {tag}", shape, [window("avg_pool", d, 3, 2, 1)], {},
                        lambda x, w: average[d](x, 3, 2, 1))
        yield operation(f"largest pooling, {tag}", shape, [window("max_pool", d, 3, 2, 1)], {},
                        lambda x, w: largest[d](x, 3, 2, 1))
        yield operation(f"nearest upsampling, {tag}", shape,
                        [{"name": "x", "op": "upsample", "inputs": ["image"], "scale": [2] * d}], {},
                        lambda x, w: F.interpolate(x, scale_factor=2, mode="nearest"))
        yield operation(f"linear upsampling, {tag}", shape,
                        [{"name": "x", "op": "upsample", "inputs": ["image"], "scale": [3] * d, "linear": True}], {},
                        lambda x, w: F.interpolate(x, scale_factor=3, mode=linear[d], align_corners=False))
        yield operation(f"instance normalisation, {tag}", shape,
                        [{"name": "x", "op": "instance_norm", "inputs": ["image"], "affine": False}], {},
                        lambda x, w: F.instance_norm(x))
        yield operation(f"instance normalisation with weights, {tag}", shape,
                        [{"name": "x", "op": "instance_norm", "inputs": ["image"], "epsilon": 0.001}],
                        {"x.weight": [4], "x.bias": [4]},
                        lambda x, w: F.instance_norm(x, weight=w["x.weight"], bias=w["x.bias"], eps=0.001))
        yield operation(f"group normalisation, {tag}", shape,
                        [{"name": "x", "op": "group_norm", "inputs": ["image"], "groups": 2}],
                        {"x.weight": [4], "x.bias": [4]},
                        lambda x, w: F.group_norm(x, 2, w["x.weight"], w["x.bias"]))
        yield operation(f"group normalisation without weights, {tag}", shape,
                        [{"name": "x", "op": "group_norm", "inputs": ["image"], "groups": 4, "affine": False}], {},
                        lambda x, w: F.group_norm(x, 4))
        yield operation(f"slopes, {tag}", shape,
                        [{"name": "n", "op": "instance_norm", "inputs": ["image"], "affine": False},
                         {"name": "one", "op": "prelu", "inputs": ["n"], "out": 1},
                         {"name": "x", "op": "prelu", "inputs": ["one"], "out": 4},
                         {"name": "y", "op": "leaky_relu", "inputs": ["x"], "slope": 0.2}],
                        {"one.weight": [1], "x.weight": [4]},
                        lambda x, w: F.leaky_relu(F.prelu(F.prelu(F.instance_norm(x), w["one.weight"]), w["x.weight"]), 0.2))
        yield operation(f"joined channels, {tag}", shape,
                        [{"name": "n", "op": "instance_norm", "inputs": ["image"], "affine": False},
                         {"name": "x", "op": "concat", "inputs": ["image", "n", "image"]},
                         {"name": "pool", "op": "global_avg_pool", "inputs": ["x"]}], {},
                        lambda x, w: torch.cat([x, F.instance_norm(x), x], 1).flatten(2).mean(2))


def renamed(model, rules):
    """The model with its parameters under the names that `rules` (pattern, replacement) make."""
    names = {}
    for name, value in model.state_dict().items():
        new = name
        for pattern, replacement in rules:
            new = re.sub(pattern, replacement, new)
        names[name] = new
    shapes = {names[k]: v.shape for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    weights = rule_weights(shapes)
    model.load_state_dict({k: weights[n] for k, n in names.items() if n in weights}, strict=False)
    return model.eval()


def architecture(name, kind, model, shape, outputs, task="classes", stem="by_size"):
    with torch.inference_mode():
        logits = model(rule_input(shape))
        softmax = outputs > 1 and task != "multi_label"
        out = logits if task == "regression" else torch.softmax(logits, 1) if softmax else torch.sigmoid(logits)
    return {"name": name, "architecture": kind, "input": shape, "outputs": outputs, "task": task, "stem": stem,
            "parameters": sum(p.numel() for p in model.parameters()), "logits": kept(logits), "output": kept(out)}


def architectures():
    models = torchvision.models
    yield architecture("resnet34", "resnet34", load(models.resnet34(num_classes=4)), [2, 3, 64, 64], 4)
    yield architecture("resnet50", "resnet50", load(models.resnet50(num_classes=3)), [2, 3, 64, 64], 3, "multi_label")
    yield architecture("densenet121", "densenet121", load(models.densenet121(num_classes=1)), [2, 3, 64, 64], 1,
                       "regression")
    small = models.densenet121(num_classes=2)
    small.features.conv0, small.features.pool0 = nn.Conv2d(1, 64, 3, padding=1, bias=False), nn.Identity()
    yield architecture("densenet121 of small images", "densenet121", load(small), [1, 1, 28, 28], 2)
    nets = monai.networks.nets
    volume = nets.resnet18(pretrained=False, spatial_dims=3, n_input_channels=1, num_classes=2, conv1_t_stride=2,
                           bias_downsample=False)
    yield architecture("resnet18 of volumes", "resnet18", load(volume), [1, 1, 32, 32, 32], 2, stem="standard")
    dense = nets.DenseNet121(spatial_dims=3, in_channels=1, out_channels=2)
    yield architecture("densenet121 of volumes", "densenet121",
                       renamed(dense, [(r"\.layers\.", "."), (r"class_layers\.out", "classifier")]), [1, 1, 32, 32, 32], 2,
                       stem="standard")
    wide = dict(channels=(16, 32, 64, 128, 256), strides=(2, 2, 2, 2), num_res_units=2)
    yield architecture("unet", "unet", load(nets.UNet(2, 1, 1, **wide)), [2, 1, 32, 48], 1, "outlines")
    yield architecture("unet of volumes", "unet", load(nets.UNet(3, 2, 3, **wide)), [1, 2, 32, 16, 32], 3, "outlines")
    plain = architecture("plain unet", "unet",
                         load(nets.UNet(2, 3, 2, channels=(8, 12, 16), strides=(2, 3), num_res_units=0, norm="batch")),
                         [1, 3, 24, 36], 2, "multi_label")
    plain["unet"] = {"channels": [8, 12, 16], "strides": [2, 3], "residual_units": 0, "batch_norm": True}
    yield plain


def main():
    document = {"made_with": {"torch": torch.__version__, "torchvision": torchvision.__version__,
                              "monai": monai.__version__},
                "operations": list(operations()), "architectures": list(architectures())}
    json.dump(document, sys.stdout, indent=None, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
