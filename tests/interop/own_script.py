#!/usr/bin/env python3
"""A data scientist's own training script as a job of the node: own_script.py ACESO
  tools/with_wheels python tests/interop/own_script.py build/dev/apps/aceso/aceso"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPT = pathlib.Path(__file__).resolve().parent / "logistic_script.py"
passed = failed = 0


def check(name, good, shown=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok  ' if good else 'FAIL'} {name}" + ("" if good else f": {shown}"), flush=True)


def main() -> int:
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="aceso-script-") as text:
        folder = pathlib.Path(text)
        environment = os.environ | {"ACESO_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT / "python"), "ACESO_MODELS_LIVE_NEEDS_ACCEPTANCE": "false"}

        def aceso(*arguments, status=0):
            done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=300, check=False)
            check("aceso " + " ".join(map(str, arguments[:2])) + f" ends with {status}", done.returncode == status, done.stdout[-500:] + done.stderr[-800:])
            return done

        rng = np.random.default_rng(5)
        arrays = {}
        for part, n in (("train", 200), ("val", 100), ("test", 100)):
            labels = np.arange(n) % 2
            images = rng.integers(0, 200, (n, 24, 24), dtype=np.int64)
            images[labels == 1, 6:12, 6:12] += 40   # a bright spot: a few pixels tell, most do not
            arrays[part + "_images"], arrays[part + "_labels"] = images.astype(np.uint8), labels.astype(np.uint8)
        np.savez(folder / "spots.npz", **arrays)
        aceso("dataset", "import", folder / "spots.npz", "--name", "spots", "--classes", "plain,spot")
        train = ("train", "--dataset", "spots", "--name", "own", "--script", SCRIPT, "--interpreter", sys.executable, "--json")
        made = aceso(*train, "--arg=--epochs", "--arg=6")
        output = json.loads(made.stdout or "{}")
        check("version 1 is registered", output.get("model") == "own" and output.get("version") == 1, output)
        model = json.loads(aceso("model", "show", "own", "1", "--json").stdout)
        training, evaluation = model["training"], model["evaluation"]
        check("its epochs are the script's", [e["epoch"] for e in training["history"]] == [1, 2, 3, 4, 5, 6], training["history"])
        check("what ran is on record", training["config"]["script"] == "logistic_script.py" and len(training["config"]["script_sha256"]) == 64 and training["config"]["arguments"] == ["--epochs", "6"], training["config"])
        check("evaluated as others are", evaluation["metrics"]["auroc"]["value"] > 0.9 and evaluation["baseline"] is not None, evaluation["metrics"])
        check("the threshold comes from validation data", 0 < model["card"]["threshold"] < 1 and model["card"]["threshold"] != 0.5, model["card"])
        images = arrays["test_images"]
        np.save(folder / "one.npy", images[1])
        answer = json.loads(aceso("predict", "own", folder / "one.npy", "--version", "1", "--json").stdout)[0]
        check("it answers with its uncertainty", 0 <= answer["probability"] <= 1 and answer["uncertainty"]["kind"] == "validation-calibration", answer)
        aceso("model", "gate", "own", "--at-least", "auroc=0.9999", "--reason", "for the test")
        check("the gate is for it, too", "auroc" in aceso("model", "promote", "own", "1", "live", status=1).stderr)
        aceso("model", "gate", "own", "--at-least", "auroc=0.9", "--reason", "for the test")
        aceso("model", "promote", "own", "1", "live")

        wrong = aceso(*train[:-1], "--arg=--fail", status=1)
        check("a failure says where to look", "ended with status 1" in wrong.stderr and "what I expected" not in wrong.stderr.splitlines()[-1], wrong.stderr)
        check("nothing is registered of it", len(json.loads(aceso("model", "list", "--json").stdout)["items"][0]["versions"]) == 1)
        broken = folder / "broken.py"
        broken.write_text("import os, pathlib\nfrom aceso import job\nout = pathlib.Path(os.environ['ACESO_OUTPUT'])\n(out / 'model.onnx').write_bytes(b'not a network')\n"
                          "job.save_onnx(out / 'model.onnx', height=24, width=24, channels=1)\n")
        refused = aceso("train", "--dataset", "spots", "--name", "own", "--script", broken, "--interpreter", sys.executable, status=2)
        check("what is no network is refused", "onnx" in refused.stderr.lower(), refused.stderr)
        aceso("train", "--dataset", "spots", "--script", folder / "none.py", status=3)
        aceso("train", "--dataset", "spots", "--script", broken, "--architecture", "resnet18", status=2)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
