#!/usr/bin/env python3
"""Models and weights across the border: foreign_models.py ACESO
1. torchvision's ResNet-18, exported as ONNX, is imported and answers as PyTorch does.
2. torchvision's weights (.pt) start a training; all but the last layer are frozen and must come out unchanged, the first summed for grey.
3. MONAI's DenseNet-121 weights, saved as a checkpoint with DataParallel's prefix, start a training: every name is found.
4. The trained model, exported as ONNX, passes onnx.checker and gives in ONNX Runtime what Aceso gives.
Needs torch, torchvision, monai, onnx, onnxscript, onnxruntime, safetensors from PyPI (tried with 2.15.0, 0.29.2, 1.6.1, 1.23.2, 1.32.0);
exit status 77, "skipped", without them."""
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import monai
    import numpy as np
    import onnx
    import onnxruntime
    import torch
    import torchvision
    from PIL import Image
    from safetensors.numpy import load_file
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ACESO = sys.argv[1]
SIZE = 64


class Run:
    def __init__(self, folder):
        self.folder = folder

    def aceso(self, *arguments):
        command = [ACESO, "--home", str(self.folder / "home"), "--json", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(map(str, arguments))}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else {}


def images(folder, count=3):
    rng = np.random.default_rng(7)
    arrays = [rng.integers(0, 256, (SIZE, SIZE), dtype=np.uint8) for _ in range(count)]
    for i, array in enumerate(arrays):
        Image.fromarray(array).save(folder / f"{i}.png")
    return arrays


def foreign_onnx(run, arrays):
    torch.manual_seed(1)
    model = torchvision.models.resnet18(num_classes=2).eval()
    file = run.folder / "resnet18.onnx"
    torch.onnx.export(model, (torch.zeros(1, 3, SIZE, SIZE),), str(file), input_names=["input"], output_names=["logits"],
                      external_data=False, dynamo=True)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    spec = run.folder / "spec.yaml"
    spec.write_text(f"name: foreign\nintended_use: Research use only.\nclasses: [a, b]\ninput:\n  height: {SIZE}\n  width: {SIZE}\n"
                    f"  channels: 3\n  scale: {1 / 255!r}\n  mean: {mean}\n  std: {std}\noutput:\n  activation: softmax\n")
    run.aceso("model", "import", file, "--signature", spec)
    answers = run.aceso("predict", "foreign", *[run.folder / f"{i}.png" for i in range(len(arrays))])
    worst = 0
    for array, answer in zip(arrays, answers):
        x = torch.from_numpy(array / np.float32(255)).float().expand(3, -1, -1)[None]
        x = (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
        with torch.inference_mode():
            expected = torch.softmax(model(x), 1)[0].numpy()
        got = [o["probability"] for o in answer["outputs"]]
        worst = max(worst, float(np.abs(expected - got).max()))
    assert worst < 1e-4, worst
    print(f"1. torchvision ResNet-18 as ONNX, {len(arrays)} images: largest difference of a probability {worst:.1e}")


def dataset(run):
    rng = np.random.default_rng(3)
    y = np.arange(80) % 2
    x = rng.integers(0, 120, (80, SIZE, SIZE)) + 100 * y[:, None, None]
    np.savez(run.folder / "data.npz", X=x.astype(np.uint8), y=y)
    run.aceso("dataset", "import", run.folder / "data.npz", "--name", "squares", "--classes", "dark,bright")


def weights_of(run, name, version):
    run.aceso("model", "export", name, run.folder / f"bundle-{name}-{version}", "--version", version)
    return load_file(run.folder / f"bundle-{name}-{version}" / "model.safetensors")


def starting_weights(run):
    torch.manual_seed(2)
    theirs = torchvision.models.resnet18(num_classes=1000).state_dict()
    torch.save(theirs, run.folder / "resnet18.pt")
    run.aceso("train", "--dataset", "squares", "--name", "transfer", "--architecture", "resnet18", "--stem", "standard", "--epochs", 1,
              "--init", run.folder / "resnet18.pt", "--freeze", "conv1.*", "bn1.*", "layer*")
    start = run.aceso("model", "show", "transfer", "1")["training"]["start"]
    report = start["report"]
    assert report["missing"] == report["unexpected"] == report["misshapen"] == [], report
    assert report["head"] == ["fc.bias", "fc.weight"] and len(report["adapted"]) == 1, report
    ours = weights_of(run, "transfer", 1)
    for name, array in ours.items():
        if name.startswith("fc."):
            continue
        expected = theirs[name].numpy()
        if name == "conv1.weight":
            assert np.allclose(array, expected.sum(1, keepdims=True), atol=1e-6)
        else:
            assert np.array_equal(array, expected), name
    print(f"2. torchvision ResNet-18 .pt: {len(report['taken'])} weights taken, 1 summed for grey, head new, frozen ones unchanged")

    run.aceso("train", "--dataset", "squares", "--name", "further", "--architecture", "resnet18", "--stem", "standard", "--epochs", 1,
              "--init", "transfer@1")
    report = run.aceso("model", "show", "further", "1")["training"]["start"]["report"]
    assert report["missing"] == report["head"] == [] and len(report["taken"]) == len(ours), report


def monai_weights(run):
    torch.manual_seed(3)
    model = monai.networks.nets.DenseNet121(spatial_dims=2, in_channels=1, out_channels=5)
    checkpoint = {"epoch": 1, "state_dict": {"module." + k: v for k, v in model.state_dict().items()}}
    torch.save(checkpoint, run.folder / "densenet.pt")
    run.aceso("train", "--dataset", "squares", "--name", "dense", "--architecture", "densenet121", "--stem", "standard", "--epochs", 1,
              "--init", run.folder / "densenet.pt", "--freeze", "features.*")
    report = run.aceso("model", "show", "dense", "1")["training"]["start"]["report"]
    assert report["missing"] == report["unexpected"] == report["misshapen"] == [] and report["stripped"] == "module.", report
    print(f"3. MONAI DenseNet-121 checkpoint: {len(report['taken'])} weights taken, none missing")


def export(run, arrays):
    file = run.folder / "transfer.onnx"
    run.aceso("model", "export", "transfer", "--onnx", file)
    onnx.checker.check_model(onnx.load(str(file)), full_check=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    how = run.aceso("model", "show", "transfer", "1")["signature"]["preprocessing"]
    answers = run.aceso("predict", "transfer", *[run.folder / f"{i}.png" for i in range(len(arrays))])
    worst = 0
    for array, answer in zip(arrays, answers):
        x = (array.astype(np.float64) * how["scale"] - (how["mean"] or [0])[0]) / (how["std"] or [1])[0]
        got = session.run(None, {"image": x.astype(np.float32)[None, None]})[0].item()
        worst = max(worst, abs(got - answer["probability"]))
    assert worst < 1e-4, worst
    print(f"4. exported ONNX in ONNX Runtime {onnxruntime.__version__}: largest difference of a probability {worst:.1e}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        run = Run(pathlib.Path(folder))
        arrays = images(run.folder)
        foreign_onnx(run, arrays)
        dataset(run)
        starting_weights(run)
        monai_weights(run)
        export(run, arrays)


main()
