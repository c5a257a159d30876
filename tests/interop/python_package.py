#!/usr/bin/env python3
"""The Python package, installed by pip from its folder, against a node; and the notebook of the article's example, cell by cell: python_package.py ACESO
  tools/with_wheels python tests/interop/python_package.py build/dev/apps/aceso/aceso"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from model_node import ModelNode, UnixHttp

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
passed = failed = 0


def check(name, good, shown=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok  ' if good else 'FAIL'} {name}" + ("" if good else f": {shown}"), flush=True)


def install(folder):
    """As a user would, from a copy so that nothing is written into the source tree."""
    copy = folder / "python"
    subprocess.run(["cp", "-r", str(ROOT / "python"), str(copy)], check=True)
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder / "site"), str(copy)],
                          capture_output=True, text=True, check=False)
    check("pip installs it from its folder", done.returncode == 0, done.stderr[-500:])
    sys.path.insert(0, str(folder / "site") if done.returncode == 0 else str(ROOT / "python"))


def token(node, *scopes):
    local = UnixHttp(node.home / "run" / "node.sock")
    local.request("POST", "/api/v1/tokens", json.dumps({"name": "python", "scopes": scopes}), {"Content-Type": "application/json"})
    answer = json.loads(local.getresponse().read())["token"]
    local.close()
    return answer


def over_http(aceso, np, node):
    remote = aceso.Node(f"http://127.0.0.1:{node.port}", token=token(node, "datasets:read", "datasets:write", "models:read", "models:write", "predictions:create", "jobs:read", "jobs:write"))
    rng = np.random.default_rng(3)

    def pictures(n):
        labels = np.arange(n) % 2
        images = rng.integers(0, 90, (n, 16, 16, 1), dtype=np.uint8)
        images[labels == 1] += 120
        return images, labels.astype(np.uint8)

    arrays = {}
    for part, n in (("train", 40), ("val", 20), ("test", 20)):
        arrays[part + "_images"], arrays[part + "_labels"] = pictures(n)
    made = remote.import_arrays("bright", classes=["dark", "bright"], **arrays)
    check("arrays become a data set", remote.dataset("bright")["classes"] == ["dark", "bright"], made)
    seen = []
    out = remote.train("brightness", "bright", {"architecture": "article_cnn", "epochs": 2, "batch": 8}).wait(timeout_s=300, progress=seen.append)
    check("trained", out["model"] == "brightness" and out["version"] == 1, out)
    answer = remote.predict("brightness", arrays["test_images"][1], version=1)
    check("an array is answered", 0 <= answer["probability"] <= 1 and answer["model"]["name"] == "brightness", answer)
    runs = remote.runs("brightness")
    check("its run", len(runs) == 1 and runs[0]["status"] == "FINISHED" and runs[0]["params"]["batch"] == "8", runs)
    check("its curve", [step for step, _ in remote.history(runs[0]["run_id"], "train_loss")] == [1, 2])
    mapped = aceso.Node(home=node.home).open_dataset("bright")
    images, labels = mapped.arrays("test")
    check("the mapped arrays are those that were sent", np.array_equal(images, arrays["test_images"]) and np.array_equal(labels, arrays["test_labels"]))
    mapped.verify()
    for name, status, call in (("another name", 404, lambda: remote.dataset("none")), ("no such key", 400, lambda: remote.train("x", "bright", {"epoch": 3})),
                               ("no scope", 403, lambda: remote.promote("brightness", 1, "live")), ("no token", 401, lambda: aceso.Node(remote.url, token="aceso_nonsense").models())):
        try:
            call()
            check(name, False, "it was done")
        except aceso.AcesoError as error:
            check(f"{name}: {error}", error.status == status, str(error))
    try:
        remote.train("x", "bright", {"folds": 3}).wait(timeout_s=300)
        check("a training that fails", False, "it ended")
    except aceso.AcesoError as error:
        check("a training that fails says why", error.code == "failed" and "--folds 3" in str(error), str(error))


def notebook(node):
    file = ROOT / "python" / "notebooks" / "article_example.ipynb"
    cells = ["".join(c["source"]) for c in json.loads(file.read_text())["cells"] if c["cell_type"] == "code"]
    os.environ |= {"ACESO_HOME": str(node.home), "ACESO_EPOCHS": "3"}
    names = {}
    for number, cell in enumerate(cells, 1):
        try:
            exec(compile(cell, f"article_example.ipynb, cell {number}", "exec"), names)  # pylint: disable=exec-used
            check(f"cell {number} of the notebook", True)
        except Exception as error:
            check(f"cell {number} of the notebook", False, repr(error))
            return
    check("the notebook's own AUC is the report's", abs(names["auc"] - names["told"]["value"]) < 0.002)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        install(folder)
        import numpy as np

        import aceso
        tests = unittest.TextTestRunner(verbosity=0).run(unittest.defaultTestLoader.discover(str(ROOT / "python" / "tests")))
        check("data sets without a node", tests.wasSuccessful() and tests.testsRun >= 5)
        with ModelNode(sys.argv[1], folder) as node:
            over_http(aceso, np, node)
            notebook(node)
    print(f"{passed} checks passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
