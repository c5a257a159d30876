"""A node with models for the interop tests and races of serving. Only the standard library."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess

# Nobody accepts the models of these tests; oversight has tests of its own.
ENVIRONMENT = dict(os.environ) | {"NO_COLOR": "1", "ACESO_MODELS_LIVE_NEEDS_ACCEPTANCE": "false"}
SCOPES = ["models:read", "models:write", "models:promote", "predictions:create", "predictions:read", "datasets:read", "jobs:read"]


class UnixHttp(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("node")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class ModelNode:
    """In `folder`/home, on a port that the kernel chooses; `settings` is what stands in aceso.yaml besides the port."""

    def __init__(self, program, folder, settings=""):
        self.program, self.home = program, pathlib.Path(folder) / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "aceso.yaml").write_text(f"net: {{port: 0}}\n{settings}")

    def __enter__(self):
        self.log = open(self.home / "node.log", "w+b")
        self.process = subprocess.Popen([self.program, "--home", self.home, "node", "--json"], stdout=subprocess.PIPE, stderr=self.log, env=ENVIRONMENT)
        text = ""
        for line in self.process.stdout:
            text += line.decode()
            if line.startswith(b"}"):
                break
        if not text:
            raise RuntimeError("the node did not start: " + (self.home / "node.log").read_text())
        self.port = int(json.loads(text)["address"].rsplit(":", 1)[1])
        local = UnixHttp(self.home / "run" / "node.sock")
        local.request("POST", "/api/v1/tokens", json.dumps({"name": "serving", "scopes": SCOPES}), {"Content-Type": "application/json"})
        self.token = json.loads(local.getresponse().read())["token"]
        local.close()
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def cli(self, *words):
        done = subprocess.run([self.program, "--home", str(self.home), "--json", *map(str, words)], capture_output=True, text=True,
                              env=ENVIRONMENT, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"aceso {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def request(self, method, path, body=None, **headers):
        """(status, bytes, headers)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body, {"Authorization": "Bearer " + self.token} | {k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()
