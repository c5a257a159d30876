"""What the interop tests of DICOM share: a node, programs of other hands, and the count of what failed. Only the standard library."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
sys.dont_write_bytecode = True
import dicom_sender as dicom  # noqa: E402,F401 - makes the objects
from model_node import UnixHttp  # noqa: E402

failed = passed = 0
ENVIRONMENT = dict(os.environ) | {"TCP_NODELAY": "1"}


def check(name, good, shown=""):
    global failed, passed
    passed, failed = passed + (1 if good else 0), failed + (0 if good else 1)
    print(f"{'ok  ' if good else 'FAIL'} {name}" + ("" if good else f": {shown}"), flush=True)
    return good


def finish():
    print(f"{passed} checks passed, {failed} failed")
    sys.exit(1 if failed else 0)


def need(*programs):
    for program in programs:
        if not (shutil.which(program) or os.path.exists("/usr/sbin/" + program)):
            print(f"skipped: {program} is not installed")
            sys.exit(77)


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def eventually(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def run(command, cwd=None, seconds=120):
    """(exit status, both streams)"""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT, cwd=cwd, timeout=seconds, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


class Folder:
    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="aceso-interop."))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Peer:
    """A server of another hand in the background, until the block ends."""

    def __init__(self, command, port=None, cwd=None):
        self.command, self.port, self.cwd = [str(c) for c in command], port, cwd

    def __enter__(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=subprocess.STDOUT, env=ENVIRONMENT, cwd=self.cwd)
        if self.port and not eventually(lambda: answers(self.port) or self.process.poll() is not None, 60):
            raise RuntimeError(f"{self.command[0]} does not listen: {self.output()}")
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.command[0]} ended: {self.output()}")
        return self

    def output(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Node(Peer):
    """A node of ours. `dimse` is what stands in aceso.yaml below dimse."""

    def __init__(self, program, folder, dimse, extra=""):
        self.home = pathlib.Path(folder) / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "aceso.yaml").write_text(f"net: {{port: 0}}\ndimse: {{enabled: true, port: 0, {dimse}}}\n{extra}")
        super().__init__([program, "--home", self.home, "node", "--json"])
        self.program = program

    def __enter__(self):
        super().__enter__()

        def said():
            text = self.output()
            return json.loads(text[text.index("{"):text.rindex("\n}") + 2]) if "\n}" in text else None
        if not eventually(lambda: said() or self.process.poll() is not None) or not said():
            raise RuntimeError("the node did not start: " + self.output())
        ready = said()
        self.address = ready["address"]
        self.dicom_port = int(ready["dicom"].rsplit(":", 1)[1])
        self.ae = f"ACESO@127.0.0.1:{self.dicom_port}"
        local = UnixHttp(self.home / "run" / "node.sock")
        local.request("POST", "/api/v1/tokens", json.dumps({"name": "interop", "scopes": ["archive:read", "archive:write", "archive:delete"]}), {"Content-Type": "application/json"})
        self.token = json.loads(local.getresponse().read())["token"]
        return self

    def request(self, method, path, body=None, **headers):
        """(status, bytes)"""
        request = urllib.request.Request(self.address + path, data=body, method=method,
                                         headers={"Authorization": "Bearer " + self.token} | {k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as why:
            return why.code, why.read()

    def instances(self, study):
        status, body = self.request("GET", f"/dicom-web/studies/{study}/instances", Accept="application/dicom+json")
        return [i["00080018"]["Value"][0] for i in json.loads(body)] if status == 200 else []

    def instance(self, study, uid):
        """The kept part 10 file."""
        status, body = self.request("GET", f"/dicom-web/studies/{study}/series/{study}.1/instances/{uid}", Accept="application/dicom; transfer-syntax=*")
        return body if status == 200 else b""

    def client(self, *arguments):
        """`aceso dicom ...` with a home of its own: (exit status, output)"""
        return run([self.program, "--home", self.home.parent / "client", "dicom", *arguments])


def data_set(file):
    """The bytes of a part 10 file behind its meta information."""
    return file[144 + int.from_bytes(file[140:144], "little"):]


def make_study(folder, run_number, count, side=32):
    """Writes `count` slices as files; (study UID, {SOP instance UID: data set})."""
    folder.mkdir(parents=True, exist_ok=True)
    made = dict(dicom.objects(side, count, run_number, per_series=count))
    for n, (uid, data) in enumerate(made.items()):
        (folder / f"{n:04}.dcm").write_bytes(dicom.part10(uid, data))
    return f"1.2.826.0.1.3680043.10.1.{run_number}.1", made
