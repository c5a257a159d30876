#!/usr/bin/env python3
"""Hostile input through a running node: every try is refused with a reason, nothing half-made stays, memory stays bounded, and the node answers on.
  python3 tests/fault/hostile_input.py build/dev/apps/aceso/aceso
Only the standard library is needed."""
import http.client
import io
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

program = sys.argv[1]
MEMORY_KIB = 256 * 1024   # what all tries together may add to the node's peak
PASSWORD = "correct horse battery"
failures = []


def check(condition, what):
    if not condition:
        failures.append(what)
        print(f"FAILED {what}", flush=True)


# --- what is sent ------------------------------------------------------------------------------------------------------------------------------------------
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth=8, colour=0, data=None, extra=b""):
    if data is None:
        data = zlib.compress(b"\0" * ((width * depth // 8 * (3 if colour == 2 else 1) + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zeros(size):
    """The zlib stream of `size` zero bytes or a little more, made without holding them."""
    squeeze, out, block = zlib.compressobj(9), [], bytes(1 << 20)
    for _ in range((size >> 20) + 1):
        out.append(squeeze.compress(block))
    return b"".join(out) + squeeze.flush()


def npy(header, body=b""):
    text = header.encode("latin-1")
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + body


def array(shape, dtype="|u1", body=None, order="False"):
    count = 1
    for n in shape:
        count *= n
    return npy(f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {tuple(shape)!r}, }}", bytes(count * int(dtype[2:])) if body is None else body)


def npz(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/") + ".npy", data)
    return out.getvalue()


def picture(k, side=16):
    return bytes((k * 37 + i * (7 + k) + (i // side) * k) % 251 for i in range(side * side))


def images():
    good = png(32, 32, data=zlib.compress(b"".join(b"\0" + bytes((x * 5 + y * 3) % 256 for x in range(32)) for y in range(32))))
    yield "a PNG cut in the middle", good[: len(good) // 2]
    yield "a PNG with a wrong checksum", good[:60] + bytes([good[60] ^ 1]) + good[61:]
    yield "a PNG that declares 2 billion pixels a side", png(0x7FFFFFFF, 0x7FFFFFFF, data=zlib.compress(b"\0" * 100))
    yield "a PNG bomb of 20000 x 20000 pixels", png(20000, 20000, data=zeros(20001 * 20000))
    yield "a PNG of 40000 x 40000 pixels", png(40000, 40000, data=zlib.compress(b"\0" * 100))
    yield "a PNG of 1 x 0 pixels", png(1, 0, data=zlib.compress(b""))
    yield "a PNG whose text chunk is a bomb", png(32, 32, extra=chunk(b"zTXt", b"Comment\0\0" + zeros(64 << 20)), data=zlib.compress(b"\0" * 33 * 32)[:-6])
    yield "a JPEG of 65500 x 65500 pixels without data", bytes.fromhex("ffd8ffc0000b08ffdcffdc01011100ffda0008010100003f00") + b"\0" * 32 + b"\xff\xd9"
    yield "a JPEG cut after its header", bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
    yield "no image at all", b"GIF89a" + bytes(64)
    yield "nothing", b""
    yield "random bytes", bytes((i * 2654435761 >> 7) & 255 for i in range(4096))


def arrays():
    labels = array([6, 1], body=bytes([0, 1, 0, 1, 0, 1]))
    pictures = array([6, 16, 16], body=b"".join(picture(k) for k in range(6)))
    whole = npz(train_images=pictures, train_labels=labels)
    yield "no archive", b"this is not a zip file at all" * 10
    yield "an archive cut in the middle", whole[: len(whole) // 2]
    yield "an archive without its directory", whole[:-30]
    yield "a member that leaves its folder", npz(**{"..__..__train_images": pictures, "train_labels": labels})
    yield "images without labels", npz(train_images=pictures)
    yield "labels of another length", npz(train_images=pictures, train_labels=array([5, 1]))
    yield "one class only", npz(train_images=pictures, train_labels=array([6, 1]))
    yield "objects that would be unpickled", npz(train_images=npy("{'descr': '|O', 'fortran_order': False, 'shape': (6,), }", b"cos\nsystem\n"), train_labels=labels)
    yield "a header that lies about its size", npz(train_images=array([1 << 40, 16, 16], body=bytes(256)), train_labels=labels)
    yield "a shape whose product overflows", npz(train_images=array([1 << 33, 1 << 33, 16], body=bytes(256)), train_labels=labels)
    yield "a header without end", npz(train_images=b"\x93NUMPY\x02\0\xff\xff\xff\x7f{'descr'", train_labels=labels)
    yield "complex numbers", npz(train_images=npy("{'descr': '<c8', 'fortran_order': False, 'shape': (6, 4, 4), }", bytes(768)), train_labels=labels)
    yield "five dimensions", npz(train_images=array([6, 2, 2, 2, 2, 2]), train_labels=labels)
    yield "no sample", npz(train_images=array([0, 16, 16]), train_labels=array([0, 1]))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("train_labels.npy", labels)
        with archive.open("train_images.npy", "w", force_zip64=True) as member:
            header = npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({3 << 20}, 32, 32), }}")
            member.write(header)
            for _ in range(3 << 10):
                member.write(bytes(1 << 20))
    yield "3 GiB of zeros in 3 MB", bomb.getvalue()


# --- the node ------------------------------------------------------------------------------------------------------------------------------------------------
class Node:
    def __init__(self, home):
        self.home = home
        self.environment = {**os.environ, "ACESO_HOME": str(home), "ACESO_NET_PORT": "0", "NO_COLOR": "1", "ACESO_MODELS_LIVE_NEEDS_ACCEPTANCE": "false"}
        self.log = open(home / "node.log", "w+b")
        self.process = subprocess.Popen([program, "node", "--json"], env=self.environment, stdout=subprocess.PIPE, stderr=self.log)
        text = ""
        for line in self.process.stdout:
            text += line.decode()
            if line.startswith(b"}"):
                break
        self.port = int(json.loads(text)["address"].rsplit(":", 1)[1])
        self.headers = {}

    def cli(self, *words, text=""):
        done = subprocess.run([program, *words], env=self.environment, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"aceso {words[0]} failed: {done.stderr}")
        return done.stdout

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request(method, path, body, {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        except (BrokenPipeError, ConnectionResetError):
            return 0, b"", {}   # refused while it was still being sent
        finally:
            connection.close()

    def get(self, path):
        status, body, _ = self.ask("GET", path)
        return json.loads(body) if status == 200 else None

    def raw(self, data):
        """One request as bytes; the first line of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=300) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                got = s.recv(65536)
            except (BrokenPipeError, ConnectionResetError):
                return ""
            return got.split(b"\r\n", 1)[0].decode("latin-1")

    def sign_in(self):
        self.cli("user", "add", "ada", "--role", "admin", "--role", "scientist", "--role", "clinician", text=PASSWORD + "\n")
        status, body, headers = self.ask("POST", "/api/v1/session", json.dumps({"name": "ada", "password": PASSWORD}), Content_Type="application/json")
        if status != 200:
            sys.exit(f"signing in failed: {status} {body!r}")
        self.headers = {"Cookie": headers["Set-Cookie"].split(";")[0], "X-CSRF-Token": json.loads(body)["csrf_token"]}

    def memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            fields = dict(line.split(":", 1) for line in status)
        return int(fields["VmHWM"].split()[0])

    def finished(self, job):
        while True:
            state = self.get(f"/api/v1/jobs/{job}")
            if state is None or state["state"] not in ("queued", "running"):
                return state
            time.sleep(0.05)   # the job belongs to another process; what is waited for is its end, not this time


def refused(what, status, body, allowed=(400, 409, 411, 412, 413, 415, 422)):
    if os.environ.get("ACESO_TEST_VERBOSE"):
        print(f"{what}: {status} {body[:200].decode(errors='replace')}", flush=True)
    check(status in allowed, f"{what}: status {status}, {body[:200]!r}")
    if status in allowed and body:
        try:
            problem = json.loads(body)
            check(len(problem.get("detail") or problem.get("error") or "") > 5, f"{what}: no reason in {body[:200]!r}")
        except ValueError:
            check(False, f"{what}: the answer is no JSON: {body[:200]!r}")


def run(node):
    node.sign_in()
    node.cli("dataset", "synthesise", "phantom", "--train", "60", "--validation", "20", "--test", "20", "--size", "32")
    node.cli("train", "--dataset", "phantom", "--name", "nodule", "--architecture", "logistic", "--epochs", "1")
    node.cli("model", "promote", "nodule", "1", "live")
    predict = "/api/v1/models/nodule/predictions"
    good = png(32, 32, data=zlib.compress(b"".join(b"\0" + bytes((x * 5 + y * 3) % 256 for x in range(32)) for y in range(32))))
    check(node.ask("POST", predict, good, Content_Type="image/png")[0] == 201, "a sound image is answered")
    before = {"datasets": node.get("/api/v1/datasets"), "models": node.get("/api/v1/models"), "predictions": len(node.get("/api/v1/predictions")["items"])}
    resting = node.memory()

    for what, data in images():
        kind = "image/jpeg" if data.startswith(b"\xff\xd8") else "image/png"
        status, body, _ = node.ask("POST", predict, data, Content_Type=kind)
        refused(what, status, body)
        form = f'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\nContent-Type: {kind}\r\n\r\n'.encode() + data + b"\r\n--b--\r\n"
        status, body, _ = node.ask("POST", predict, form, Content_Type="multipart/form-data; boundary=b")
        refused(what + ", in a form", status, body)
    peak_images = node.memory()

    for number, (what, data) in enumerate(arrays()):
        status, body, _ = node.ask("POST", f"/api/v1/datasets?name=hostile-{number}&classes=a,b", data, Content_Type="application/octet-stream")
        if status == 202:   # looked at by the job: it must end as failed, with the reason
            job = node.finished(json.loads(body)["job"]["id"])
            check(job is not None and job["state"] == "failed" and len(job.get("error") or "") > 5, f"{what}: {job}")
        else:
            refused(what, status, body)
    peak_arrays = node.memory()

    part = b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n'
    forms = [
        ("a form without boundary", b"x", "multipart/form-data"),
        ("a boundary of 300 characters", b"x", "multipart/form-data; boundary=" + "b" * 300),
        ("a form that ends in a header", b"--b\r\nContent-Disposition: form-da", "multipart/form-data; boundary=b"),
        ("a form without its last line", part + good, "multipart/form-data; boundary=b"),
        ("a header of 1 MB in a form", b"--b\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n", "multipart/form-data; boundary=b"),
        ("a hundred thousand empty parts", (part + b"\r\n") * 100_000 + b"--b--\r\n", "multipart/form-data; boundary=b"),
    ]
    for what, data, kind in forms:
        status, body, _ = node.ask("POST", predict, data, Content_Type=kind)
        refused(what, status, body)

    documents = [
        ("JSON cut in the middle", b'{"name":"x","dataset":"phan'),
        ("100,000 open brackets", b"[" * 100_000),
        ("a number where a name belongs", b'{"name":3,"dataset":"phantom"}'),
        ("an unknown key", b'{"name":"x","dataset":"phantom","config":{"epoch":3}}'),
        ("a key twice", b'{"name":"x","name":"y","dataset":"phantom"}'),
        ("not UTF-8", b'{"name":"\xff\xfe","dataset":"phantom"}'),
        ("an infinite learning rate", b'{"name":"x","dataset":"phantom","config":{"learning_rate":1e999}}'),
        ("a path for a name", b'{"name":"../../etc/passwd","dataset":"phantom"}'),
        ("5 MB of text", b'{"name":"' + b"a" * (5 << 20) + b'","dataset":"phantom"}'),
    ]
    for what, data in documents:
        status, body, _ = node.ask("POST", "/api/v1/training", data, Content_Type="application/json")
        refused(what, status, body, (0, 400, 413, 415, 422))
        if what == "an unknown key":
            check(b"epoch" in body, f"an unknown key is not named: {body[:200]!r}")
    tensors = [
        ("a tensor that is too short", {"name": "image", "shape": [1, 1, 32, 32], "datatype": "FP32", "data": [0.5]}),
        ("a tensor of 2^62 elements", {"name": "image", "shape": [1 << 31, 1 << 31], "datatype": "FP32", "data": []}),
        ("a negative shape", {"name": "image", "shape": [-1, 1, 32, 32], "datatype": "FP32", "data": [0.5] * 1024}),
        ("an unknown type", {"name": "image", "shape": [1, 1, 32, 32], "datatype": "FP8", "data": [0.5] * 1024}),
    ]
    for what, tensor in tensors:
        status, body, _ = node.ask("POST", "/v2/models/nodule/infer", json.dumps({"inputs": [tensor]}), Content_Type="application/json")
        refused(what, status, body)

    host = f"Host: 127.0.0.1:{node.port}\r\n".encode()
    wire = [
        ("two lengths", b"POST /api/v1/session HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        ("length and chunks", b"POST /api/v1/session HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a header of 1 MB", b"GET / HTTP/1.1\r\n" + host + b"X: " + b"y" * (1 << 20) + b"\r\n\r\n"),
        ("a stranger's body of 10 GB", b"POST /api/v1/session HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n"),
        ("a chunk of 2^64 bytes", b"POST /api/v1/session HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n"),
        ("a line feed in a header", b"GET / HTTP/1.1\r\n" + host + b"X: a\nY: b\r\n\r\n"),
        ("a path that leaves the application", b"GET /../../../etc/passwd HTTP/1.1\r\n" + host + b"\r\n"),
    ]
    for what, data in wire:
        line = node.raw(data)
        check(line == "" or line.split()[1].startswith("4"), f"{what}: {line!r}")

    check(node.get("/api/v1/datasets") == before["datasets"], "no data set was left behind")
    check(node.get("/api/v1/models") == before["models"], "no model was left behind")
    check(len(node.get("/api/v1/predictions")["items"]) == before["predictions"], "no prediction was left behind")
    left = [str(f.relative_to(node.home)) for f in node.home.rglob("*") if f.is_file() and ("spool" in f.parts or "hostile" in f.name)]
    check(not left, f"files were left behind: {left[:5]}")
    check(node.ask("POST", predict, good, Content_Type="image/png")[0] == 201, "a sound image is answered afterwards")
    peak = node.memory()
    print(f"peak memory of the node: {resting // 1024} MiB before, {peak_images // 1024} after the images, {peak_arrays // 1024} after the archives, {peak // 1024} at the end")
    check(peak - resting < MEMORY_KIB, f"the tries took {(peak - resting) // 1024} MiB")


with tempfile.TemporaryDirectory(prefix="aceso-hostile-") as folder:
    node = Node(pathlib.Path(folder))
    try:
        run(node)
    finally:
        alive = node.process.poll() is None
        check(alive, "the node lives")
        if alive:
            node.process.send_signal(signal.SIGTERM)
        check(node.process.wait() == 0, "the node stops cleanly")
        node.log.seek(0)
        log = node.log.read().decode(errors="replace")
        check("Sanitizer" not in log and "terminate called" not in log, f"the node's log: {log[-500:]}")
print(f"{'FAILED' if failures else 'ok'}: {len(failures)} failures")
sys.exit(1 if failures else 0)
