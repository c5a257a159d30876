"""A node over HTTP, or over its socket on this machine. Only the standard library and NumPy."""
from __future__ import annotations

import http.client
import io
import json
import os
import pathlib
import socket
import ssl
import time
import urllib.parse
from typing import Any, Callable

import numpy as np

from .dataset import Dataset, open_dataset


class AcesoError(Exception):
    """What the node refused: `status`, its `code` and its words."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(f"{message} ({code}, HTTP {status})")
        self.status, self.code, self.message = status, code, message


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float):
        super().__init__("node", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Job:
    """Long work of the node."""

    def __init__(self, node: "Node", about: dict):
        self._node, self.id, self.about = node, about["id"], about

    def refresh(self) -> dict:
        self.about = self._node.get(f"/api/v1/jobs/{self.id}")
        return self.about

    @property
    def state(self) -> str:
        return self.refresh()["state"]

    def cancel(self) -> None:
        self._node.post(f"/api/v1/jobs/{self.id}/cancel", {})

    def wait(self, timeout_s: float | None = None, progress: Callable[[dict], None] | None = None, every_s: float = 0.5) -> dict:
        """Until it has ended: its output. AcesoError when it failed or was cancelled, TimeoutError when time ran out."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            about = self.refresh()
            if about["state"] == "succeeded":
                return about["output"]
            if about["state"] in ("failed", "cancelled"):
                raise AcesoError(0, about["state"], about.get("error") or "the job was cancelled")
            if progress and about.get("progress"):
                progress(about["progress"])
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"job {self.id} has not ended")
            time.sleep(every_s)


class Node:
    """`url`: https://host:port. `token`: of the page Users, API tokens (else the variables ACESO_TOKEN or MLFLOW_TRACKING_TOKEN). `home`: instead of both, the folder of a node that runs on this machine, through its socket, as its operator. Not thread-safe: a Node a thread."""

    def __init__(self, url: str = "", token: str = "", home: str | os.PathLike = "", timeout_s: float = 120, context: ssl.SSLContext | None = None):
        if bool(url) == bool(home):
            raise ValueError("url or home is expected")
        self.home = pathlib.Path(home) if home else None
        self._token = token or os.environ.get("ACESO_TOKEN") or os.environ.get("MLFLOW_TRACKING_TOKEN", "")
        self._timeout, self._context = timeout_s, context
        parts = urllib.parse.urlsplit(url)
        if url and parts.scheme not in ("http", "https"):
            raise ValueError("url: http:// or https:// is expected")
        self.url, self._parts = url.rstrip("/"), parts

    def _connection(self) -> http.client.HTTPConnection:
        if self.home is not None:
            return _UnixConnection(str(self.home / "run" / "node.sock"), self._timeout)
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(self._parts.hostname, self._parts.port, timeout=self._timeout, context=self._context)
        return http.client.HTTPConnection(self._parts.hostname, self._parts.port, timeout=self._timeout)

    def request(self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json") -> bytes:
        """The bytes of an answer. AcesoError for anything but 2xx."""
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        if self._token and self.home is None:
            headers["Authorization"] = "Bearer " + self._token
        connection = self._connection()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if 200 <= answer.status < 300:
            return data
        try:
            problem = json.loads(data)
        except ValueError:
            problem = {}
        raise AcesoError(answer.status, problem.get("code") or problem.get("error_code") or "error", problem.get("detail") or problem.get("message") or problem.get("title") or "refused")

    def get(self, path: str, **query: Any) -> Any:
        text = urllib.parse.urlencode({k: v for k, v in query.items() if v is not None}, doseq=True)
        return json.loads(self.request("GET", path + ("?" + text if text else "")))

    def post(self, path: str, body: Any) -> Any:
        return json.loads(self.request("POST", path, json.dumps(body).encode()) or b"null")

    @staticmethod
    def _part(name: Any) -> str:
        return urllib.parse.quote(str(name), safe="")

    # Data sets
    def datasets(self) -> list[dict]:
        return self.get("/api/v1/datasets")["items"]

    def dataset(self, name: str) -> dict:
        return self.get(f"/api/v1/datasets/{self._part(name)}")

    def open_dataset(self, name: str) -> Dataset:
        """The data set itself, mapped, of a node on this machine (`home`)."""
        if self.home is None:
            raise ValueError("arrays are read from the node's own disk: Node(home=...), or upload and download .npz")
        return open_dataset(self.home / "models" / "datasets" / name)

    def import_arrays(self, name: str, wait: bool = True, classes: list[str] | None = None, **arrays: np.ndarray) -> Any:
        """Makes a data set of arrays named as MedMNIST's are (train_images, train_labels, val_images...) or X and y."""
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        query = {"name": name} | ({"classes": ",".join(classes)} if classes else {})
        answer = json.loads(self.request("POST", "/api/v1/datasets?" + urllib.parse.urlencode(query), file.getvalue(), "application/octet-stream"))
        job = Job(self, answer["job"])
        return job.wait() if wait else job

    # Training
    def train(self, name: str, dataset: str, config: dict | None = None, **more: Any) -> Job:
        """`config`: the keys of docs/training.md. `more`: intended_use, limitations, accept_leakage, limits."""
        return Job(self, self.post("/api/v1/training", {"name": name, "dataset": dataset, "config": config or {}} | more)["job"])

    def job(self, id: str) -> Job:
        return Job(self, self.get(f"/api/v1/jobs/{self._part(id)}"))

    # Models
    def models(self) -> list[dict]:
        return self.get("/api/v1/models")["items"]

    def model(self, name: str, version: int) -> dict:
        return self.get(f"/api/v1/models/{self._part(name)}/{int(version)}")

    def promote(self, name: str, version: int, stage: str) -> dict:
        return self.post(f"/api/v1/models/{self._part(name)}/{int(version)}/promote", {"stage": stage})

    def register_onnx(self, file: str | os.PathLike, specification: str | os.PathLike) -> dict:
        """An ONNX file of this machine with its description (docs/formats/foreign-model.md) as a candidate; needs `home`."""
        if self.home is None:
            raise ValueError("files are registered by the operator at the node: Node(home=...)")
        specification = pathlib.Path(specification)
        return self.post("/api/v1/local/models/onnx", {"path": str(pathlib.Path(file).resolve()), "specification": specification.read_text(), "specification_name": specification.name})

    def register_bundle(self, folder: str | os.PathLike, name: str = "") -> dict:
        if self.home is None:
            raise ValueError("files are registered by the operator at the node: Node(home=...)")
        return self.post("/api/v1/local/models", {"path": str(pathlib.Path(folder).resolve()), "name": name})

    def predict(self, name: str, image: np.ndarray | bytes | str | os.PathLike, version: int | None = None) -> dict:
        """The answer of a model to one image: an array as it would be stored (height, width[, channels]), the bytes of a PNG or JPEG, or a file's name. It is stored and on the audit trail like any other."""
        if isinstance(image, np.ndarray):
            file = io.BytesIO()
            np.save(file, np.ascontiguousarray(image), allow_pickle=False)
            data, kind = file.getvalue(), "application/x-npy"
        else:
            data = image if isinstance(image, bytes) else pathlib.Path(image).read_bytes()
            kind = "image/jpeg" if data[:2] == b"\xff\xd8" else "application/x-npy" if data[:6] == b"\x93NUMPY" else "image/png"
        query = "" if version is None else f"?version={int(version)}"
        return json.loads(self.request("POST", f"/api/v1/models/{self._part(name)}/predictions{query}", data, kind))

    # Runs, in MLflow's form (docs/runs.md)
    def runs(self, experiment: str | None = None, filter: str = "", order_by: list[str] | None = None, max_results: int = 1000) -> list[dict]:
        """[{run_id, name, status, experiment, metrics, params, tags}]; `filter`: "metrics.validation_auc > 0.9"."""
        if experiment is None:
            ids = [e["experiment_id"] for e in self.get("/api/2.0/mlflow/experiments/search", max_results=1000).get("experiments", [])]
        else:
            ids = [self.get("/api/2.0/mlflow/experiments/get-by-name", experiment_name=experiment)["experiment"]["experiment_id"]]
        answer = self.post("/api/2.0/mlflow/runs/search", {"experiment_ids": ids, "filter": filter, "order_by": order_by or [], "max_results": max_results})
        pairs = lambda items: {i["key"]: i["value"] for i in items}
        return [{"run_id": r["info"]["run_id"], "name": r["info"]["run_name"], "status": r["info"]["status"], "experiment": r["info"]["experiment_id"],
                 "metrics": {k: float(v) for k, v in pairs(r["data"]["metrics"]).items()}, "params": pairs(r["data"]["params"]), "tags": pairs(r["data"]["tags"])}
                for r in answer.get("runs", [])]

    def history(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """(step, value) of all values of a metric."""
        out, token = [], None
        while True:
            answer = self.get("/api/2.0/mlflow/metrics/get-history", run_id=run_id, metric_key=metric, page_token=token)
            out += [(int(m["step"]), float(m["value"])) for m in answer["metrics"]]
            token = answer.get("next_page_token")
            if not token:
                return out
