#!/usr/bin/env python3
"""The public mlflow client (mlflow-skinny), unmodified, against a node: mlflow_client.py ACESO
  tools/with_wheels mlflow tests/interop/mlflow_client.py build/dev/apps/aceso/aceso
What data scientists do with it: experiments, runs, parameters, metrics, tags, artifacts, searches; tokens and roles; the node's own trainings among the runs."""
import json
import math
import os
import pathlib
import sys
import tempfile
import time

os.environ |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"}
import mlflow
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from model_node import ModelNode, UnixHttp

passed = failed = 0


def check(name, good, shown=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok  ' if good else 'FAIL'} {name}" + ("" if good else f": {shown}"), flush=True)


def refused(name, word, call):
    try:
        call()
        check(name, False, "it was done")
    except MlflowException as error:
        check(name, word in str(error), str(error))


def token(node, *scopes):
    local = UnixHttp(node.home / "run" / "node.sock")
    local.request("POST", "/api/v1/tokens", json.dumps({"name": "mlflow", "scopes": scopes}), {"Content-Type": "application/json"})
    answer = json.loads(local.getresponse().read())
    local.close()
    return answer["token"]


def log_a_run(folder, name, rate, depth):
    with mlflow.start_run(run_name=name, tags={"team": "chest"}) as run:
        mlflow.log_param("learning_rate", rate)
        mlflow.log_params({"depth": depth, "optimiser": "adamw"})
        for step in range(20):
            mlflow.log_metric("loss", 1 / (1 + rate * step), step=step)
        mlflow.log_metrics({"auc": 0.8 + rate, "nan": math.nan}, step=19)
        mlflow.set_tags({"note": "a first try", "mlflow.note.content": "**good**"})
        (folder / "plot.txt").write_text(f"curve of {name}")
        mlflow.log_artifact(str(folder / "plot.txt"))
        mlflow.log_text("ten layers", "notes/layers.txt")
        mlflow.log_dict({"layers": 10}, "notes/layers.json")
    return run.info.run_id


def runs_of_a_client(folder):
    mlflow.set_experiment("lung nodules")
    ids = [log_a_run(folder, f"try {k}", 0.01 * k, 3 + k) for k in range(1, 4)]
    run = mlflow.get_run(ids[1])
    check("parameters", run.data.params == {"learning_rate": "0.02", "depth": "5", "optimiser": "adamw"}, run.data.params)
    check("the latest metrics", abs(run.data.metrics["auc"] - 0.82) < 1e-12 and math.isnan(run.data.metrics["nan"]), run.data.metrics)
    check("tags", run.data.tags["team"] == "chest" and run.data.tags["mlflow.note.content"] == "**good**" and run.data.tags["mlflow.runName"] == "try 2", run.data.tags)
    check("the run has ended", run.info.status == "FINISHED" and run.info.end_time >= run.info.start_time and run.info.run_name == "try 2", run.info)
    client = mlflow.MlflowClient()
    history = client.get_metric_history(ids[1], "loss")
    check("the history", [m.step for m in history] == list(range(20)) and abs(history[3].value - 1 / 1.06) < 1e-12, history)
    check("artifacts are listed", sorted(a.path for a in client.list_artifacts(ids[1])) == ["notes", "plot.txt"], client.list_artifacts(ids[1]))
    check("and below a folder", sorted(a.path for a in client.list_artifacts(ids[1], "notes")) == ["notes/layers.json", "notes/layers.txt"], client.list_artifacts(ids[1], "notes"))
    down = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=ids[1], artifact_path="", dst_path=str(folder / "down")))
    check("and come back", (down / "plot.txt").read_text() == "curve of try 2" and json.loads((down / "notes/layers.json").read_text()) == {"layers": 10})
    check("text of an artifact", mlflow.artifacts.load_text(f"runs:/{ids[0]}/notes/layers.txt") == "ten layers")
    found = mlflow.search_runs(experiment_names=["lung nodules"], filter_string="metrics.auc > 0.815 and params.optimiser = 'adamw'", order_by=["metrics.auc DESC"], output_format="list")
    check("searched and sorted", [r.info.run_name for r in found] == ["try 3", "try 2"], found)
    found = mlflow.search_runs(experiment_names=["lung nodules"], filter_string="tags.team LIKE 'ch%' and attributes.status = 'FINISHED' and params.depth IN ('4', '5')", output_format="list")
    check("by tags, attributes and lists", sorted(r.info.run_name for r in found) == ["try 1", "try 2"], found)
    refused("a filter that is none", "filter, at byte", lambda: mlflow.search_runs(experiment_names=["lung nodules"], filter_string="metrics.auc >>", output_format="list"))
    return client, ids


def other_calls(client, ids, folder):
    with mlflow.start_run() as parent, mlflow.start_run(nested=True, run_name="fold 1") as child:
        mlflow.log_metric("auc", math.inf)
    check("a nested run names its parent", client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id)
    check("a run without a name has one", client.get_run(parent.info.run_id).info.run_name != "")
    now = int(time.time() * 1000)
    client.log_batch(ids[0], [Metric(f"m{k}", k, now, k) for k in range(200)], [Param("p", "1")], [RunTag("t", "2")])
    run = client.get_run(ids[0])
    check("a batch", run.data.metrics["m199"] == 199 and run.data.params["p"] == "1" and run.data.tags["t"] == "2")
    try:
        with mlflow.start_run(run_id=ids[0]):
            mlflow.log_metric("more", 1)
            raise ValueError("broken")
    except ValueError:
        pass
    check("a run that is taken up again and fails", client.get_run(ids[0]).info.status == "FAILED" and client.get_run(ids[0]).data.metrics["more"] == 1)
    client.delete_tag(ids[0], "t")
    client.update_run(ids[0], status="FINISHED", name="try one")
    check("renamed and a tag removed", client.get_run(ids[0]).info.run_name == "try one" and "t" not in client.get_run(ids[0]).data.tags)
    refused("another value of a parameter", "cannot be changed", lambda: client.log_param(ids[0], "p", "2"))
    client.delete_run(ids[0])
    gone = client.search_runs([run.info.experiment_id], run_view_type=ViewType.DELETED_ONLY)
    check("deleted", [r.info.run_id for r in gone] == [ids[0]], gone)
    refused("a deleted run is not logged to", "restore", lambda: client.log_metric(ids[0], "x", 1))
    client.restore_run(ids[0])
    client.log_metric(ids[0], "x", 1)
    experiment = client.create_experiment("hearts", tags={"site": "A"})
    client.set_experiment_tag(experiment, "phase", "2")
    client.rename_experiment(experiment, "hearts 2")
    shown = client.get_experiment_by_name("hearts 2")
    check("an experiment, renamed and tagged", shown.experiment_id == experiment and shown.tags == {"site": "A", "phase": "2"}, shown)
    check("one that is not there", client.get_experiment_by_name("livers") is None)
    client.delete_experiment(experiment)
    check("searching experiments", sorted(e.name for e in client.search_experiments()) == ["Default", "lung nodules"], client.search_experiments())
    client.restore_experiment(experiment)
    big = folder / "weights.bin"
    big.write_bytes(os.urandom(5 << 20))
    client.log_artifact(ids[0], str(big), "model")
    down = pathlib.Path(client.download_artifacts(ids[0], "model/weights.bin", str(folder)))
    check("five MiB there and back", down.read_bytes() == big.read_bytes())
    try:
        import numpy as np
        from mlflow.data import from_numpy
        with mlflow.start_run(run_id=ids[0]):
            mlflow.log_input(from_numpy(np.zeros((3, 2)), name="three rows"), context="training")
        check("the data set of a run", client.get_run(ids[0]).inputs.dataset_inputs[0].dataset.name == "three rows")
    except ImportError:
        print("skipped: data sets of a run (NumPy is not installed)")
    paging = mlflow.search_runs(experiment_names=["lung nodules"], max_results=2, output_format="list")
    check("two at most", len(paging) == 2)


def who_may(node, ids):
    secret = os.environ["MLFLOW_TRACKING_TOKEN"]
    os.environ["MLFLOW_TRACKING_TOKEN"] = token(node, "jobs:read")
    check("who may read reads", mlflow.get_run(ids[1]).info.run_name == "try 2")
    refused("and does not write", "jobs:write", lambda: mlflow.MlflowClient().log_metric(ids[1], "x", 1))
    os.environ["MLFLOW_TRACKING_TOKEN"] = "nonsense"
    refused("a token that is none", "UNAUTHENTICATED", lambda: mlflow.get_run(ids[1]))
    os.environ["MLFLOW_TRACKING_TOKEN"] = secret
    for path in (f"0/{ids[1]}/artifacts/..%2f..%2fx", f"1/{ids[1]}/artifacts/%2e%2e/%2e%2e/x", f"1/{ids[1]}/artifacts/a%00b"):
        status, _, _ = node.request("PUT", "/api/2.0/mlflow-artifacts/artifacts/" + path, b"x", Authorization="Bearer " + secret)
        check(f"refused: {path}", 400 <= status < 500, status)
    check("nothing lies beside the artifacts", not (node.home / "tracking" / "x").exists() and not (node.home / "tracking/artifacts/x").exists())


def trainings_of_the_node(node):
    node.cli("dataset", "synthesise", "phantom", "--train", 60, "--validation", 30, "--test", 30, "--size", 32)
    node.cli("train", "--dataset", "phantom", "--name", "nodule", "--architecture", "article_cnn", "--epochs", 2)
    client = mlflow.MlflowClient()
    runs = mlflow.search_runs(experiment_names=["nodule"], output_format="list")
    check("a training is a run", len(runs) == 1 and runs[0].info.status == "FINISHED", runs)
    run = runs[0]
    check("with its settings", run.data.params["architecture"] == "article_cnn" and run.data.params["epochs"] == "2", run.data.params)
    check("with its curves", [m.step for m in client.get_metric_history(run.info.run_id, "validation_auc")] == [1, 2])
    model = node.cli("model", "show", "nodule", 1)
    check("with its model and its figure on test data", run.data.tags["aceso.version"] == "1" and abs(run.data.metrics["test_auroc"] - model["evaluation"]["metrics"]["auroc"]["value"]) < 1e-12, run.data)
    refused("that the client does not change", "keeps this run itself", lambda: client.log_metric(run.info.run_id, "validation_auc", 1))
    client.set_tag(run.info.run_id, "mlflow.note.content", "the first")
    search = pathlib.Path(node.home) / "search.yaml"
    search.write_text("epochs: 2\nsearch:\n  trials: 3\n  parameters:\n    learning_rate: {log_uniform: [0.001, 0.01]}\n")
    node.cli("train", search, "--dataset", "phantom", "--name", "searched")
    runs = mlflow.search_runs(experiment_names=["searched"], output_format="list")
    trials = [r for r in runs if "mlflow.parentRunId" in r.data.tags]
    check("a search is a run with one for each trial", len(runs) == 4 and len(trials) == 3, [r.data.tags for r in runs])
    check("each with its own learning rate", len({r.data.params["learning_rate"] for r in trials}) == 3)


def main():
    with tempfile.TemporaryDirectory() as folder, ModelNode(sys.argv[1], folder) as node:
        folder = pathlib.Path(folder)
        os.environ["MLFLOW_TRACKING_TOKEN"] = token(node, "jobs:read", "jobs:write")
        mlflow.set_tracking_uri(f"http://127.0.0.1:{node.port}")
        client, ids = runs_of_a_client(folder)
        other_calls(client, ids, folder)
        who_may(node, ids)
        if "--without-training" not in sys.argv:
            trainings_of_the_node(node)
        trail = json.dumps(node.cli("audit", "list"))
        check("runs and artifacts are in the audit trail, names of artifacts are not", "run." in trail and "plot.txt" not in trail and "weights.bin" not in trail, trail[:500])
    print(f"{passed} checks passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
