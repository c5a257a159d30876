"""The archive beside Debian's Orthanc in one run: same objects, same sender (tools/dicom_sender.py, or DCMTK's storescu), TCP_NODELAY on both sides, loopback, a fresh and empty home each time.
Runs of the two alternate; a ratio is made of each pair and the median of the ratios is what counts. Usage: bench_archive.py PROGRAM [options]."""
import argparse
import http.client
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import dicom_sender as dicom  # noqa: E402

runs = iter(range(1, 1 << 30))


# --- the two archives ---------------------------------------------------------------------------------------------------------------------------------------
class Http:
    """One connection that stays open."""

    def __init__(self, address, headers=()):
        host, port = address.split("//")[-1].split(":")
        self.connection, self.headers = http.client.HTTPConnection(host, int(port), timeout=600), dict(headers)

    def get(self, path, accept="application/dicom+json", packed=True):
        """(status, bytes, seconds); `packed`: gzip is taken."""
        begin = time.perf_counter()
        self.connection.request("GET", path, headers=self.headers | {"Accept": accept} | ({"Accept-Encoding": "gzip"} if packed else {}))
        answer = self.connection.getresponse()
        body = answer.read()
        return answer.status, body, time.perf_counter() - begin

    def post(self, path, body, kind):
        self.connection.request("POST", path, body=body, headers=self.headers | {"Content-Type": kind, "Accept": "application/dicom+json"})
        answer = self.connection.getresponse()
        return answer.status, answer.read()


class UnixHttp(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("node")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Server:
    root = "/dicom-web"

    def __init__(self, folder):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))
        self.process = None

    def spawn(self, command, environment=()):
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(command, stdout=open(self.folder / "out", "wb"), stderr=self.log, env=dict(os.environ) | dict(environment))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def memory_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def processor_s(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Aceso(Server):
    name = "aceso"

    def __init__(self, folder, program, durability, extra=""):
        super().__init__(folder)
        home = self.folder / "home"
        home.mkdir()
        (home / "aceso.yaml").write_text(
            f"net: {{port: 0}}\ndimse: {{enabled: true, port: 0, promiscuous: true, associations: 64}}\narchive: {{durability: {durability}}}\n{extra}")
        self.spawn([program, "--home", str(home), "node", "--json"])
        said = {}
        for _ in range(600):
            text = (self.folder / "out").read_text()
            if text.rstrip().endswith("}"):
                said = json.loads(text)
                break
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        if "dicom" not in said:
            raise RuntimeError("the node did not start: " + (self.folder / "log").read_text())
        host, port = said["dicom"].rsplit(":", 1)
        self.dicom, self.ae, self.address = (host, int(port)), "ACESO", said["address"]
        local = UnixHttp(home / "run" / "node.sock")
        local.request("POST", "/api/v1/tokens", json.dumps({"name": "bench", "scopes": ["archive:read", "archive:write"]}), {"Content-Type": "application/json"})
        self.token = json.loads(local.getresponse().read())["token"]

    def http(self):
        return Http(self.address, {"Authorization": "Bearer " + self.token})


class Orthanc(Server):
    name = "orthanc"

    def __init__(self, folder, sync, plugins=()):
        super().__init__(folder)
        ports = [free_port(), free_port()]
        storage = self.folder / "storage"
        (self.folder / "orthanc.json").write_text(json.dumps({
            "Name": "bench", "StorageDirectory": str(storage), "IndexDirectory": str(storage), "HttpPort": ports[0], "DicomPort": ports[1], "DicomAet": "ORTHANC",
            "DicomCheckCalledAet": False, "DicomAlwaysAllowStore": True, "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "SyncStorageArea": sync,
            "TcpNoDelay": True, "Plugins": list(plugins), "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}}))
        self.spawn([orthanc_program(), str(self.folder / "orthanc.json")], {"TCP_NODELAY": "1"})
        self.dicom, self.ae, self.address = ("127.0.0.1", ports[1]), "ORTHANC", f"http://127.0.0.1:{ports[0]}"
        for _ in range(600):
            try:
                if self.http().get("/system")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("Orthanc did not start: " + (self.folder / "log").read_text()[-2000:])

    def http(self):
        return Http(self.address)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def orthanc_program():
    for path in ("/usr/sbin/Orthanc", "/usr/bin/Orthanc", "/usr/local/sbin/Orthanc"):
        if os.path.exists(path):
            return path
    sys.exit("bench_archive: Orthanc is not installed: ./dev setup --with peers")


def dicomweb_plugin():
    return next((str(p) for p in pathlib.Path("/usr/share/orthanc/plugins").glob("libOrthancDicomWeb.so*")), None)


# --- senders ------------------------------------------------------------------------------------------------------------------------------------------------
def send(server, side, count, associations, sender, folder, per_series=100):
    """Objects a second. Each association sends its share of `count` new objects."""
    share = count // associations
    if sender == "raw":
        crew = dicom.Crew(*server.dicom, server.ae,
                          [lambda run=next(runs): dicom.objects(side, share, run, per_series) for _ in range(associations)])
        crew.start()
        return share * associations / crew.go()
    folders = []
    for n in range(associations):
        at = pathlib.Path(tempfile.mkdtemp(dir=folder))
        for i, (uid, data) in enumerate(dicom.objects(side, share, next(runs), per_series)):
            (at / f"{i:06}").write_bytes(dicom.part10(uid, data))
        folders.append(at)
    begin = time.perf_counter()
    senders = [subprocess.Popen(["storescu", "-aec", server.ae, "+sd", "-xe", *map(str, server.dicom), str(at)],
                                env=os.environ | {"TCP_NODELAY": "1"}, stderr=subprocess.DEVNULL) for at in folders]
    if any([s.wait() for s in senders]):
        raise RuntimeError("storescu failed")
    seconds = time.perf_counter() - begin
    for at in folders:
        shutil.rmtree(at)
    return share * associations / seconds


def percentile(values, p):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(p / 100 * len(ordered)))]


class Bench:
    def __init__(self, a, folder):
        self.a, self.folder, self.results = a, folder, []

    def aceso(self, durability, extra="", program=None):
        return Aceso(self.folder, program or self.a.program, durability, extra)

    def orthanc(self, sync, plugins=()):
        return Orthanc(self.folder, sync, plugins)

    def note(self, mode, bar, met, **figures):
        self.results.append({"mode": mode, "bar": bar, "met": met} | figures)
        shown = "  ".join(f"{k}={v}" for k, v in figures.items() if not isinstance(v, list))
        print(f"{'ok  ' if met else 'MISS' if met is False else '    '} {mode:34} bar {bar:22} {shown}", flush=True)

    # --- ingest -------------------------------------------------------------------------------------------------------------------------------------------
    def ingest(self, mode, side, durability, sync, associations, count, bar):
        """Pairs of runs, in turns; count of objects of (ours, Orthanc's): each long enough to be a rate."""
        makers = {"aceso": lambda: self.aceso(durability), "orthanc": lambda: self.orthanc(sync)}
        if self.a.also:
            makers["also"] = lambda: self.aceso(durability, program=self.a.also)
        rates, costs = {k: [] for k in makers}, {k: [] for k in makers}
        for pair in range(self.a.pairs):
            for name in list(makers)[::1 if pair % 2 else -1]:
                n = max(associations, int(count[name == "orthanc"] * self.a.scale) // associations * associations)
                with makers[name]() as server:
                    send(server, side, max(associations, n // 10 // associations * associations), associations, self.a.sender, self.folder)  # warm
                    used = server.processor_s()
                    rates[name].append(send(server, side, n, associations, self.a.sender, self.folder))
                    costs[name].append((server.processor_s() - used) / n * 1e6)
        ratios = [ours / theirs for ours, theirs in zip(rates["aceso"], rates["orthanc"])]
        median = statistics.median(ratios)
        figures = {f"{k}_per_s": round(statistics.median(v), 1) for k, v in rates.items()}
        figures |= {f"{k}_cpu_us": round(statistics.median(v)) for k, v in costs.items()}
        if self.a.also:
            figures["over_also"] = round(statistics.median([x / y for x, y in zip(rates["aceso"], rates["also"])]), 2)
        self.note(mode, f">= {bar} x", median >= bar, ratio=round(median, 2), lowest=round(min(ratios), 2), highest=round(max(ratios), 2), **figures,
                  ratios=[round(r, 3) for r in ratios])

    def big_each(self):
        self.ingest("525 KB each, 1 association", 512, "each", True, 1, (400, 200), 2.5)

    def big_window(self):
        self.ingest("525 KB window, 1 association", 512, "window", False, 1, (800, 300), 2.5)

    def small_window_1(self):
        self.ingest("33 KB window, 1 association", 128, "window", False, 1, (4000, 1000), 3)

    def small_window_4(self):
        self.ingest("33 KB window, 4 associations", 128, "window", False, 4, (6000, 1600), 2.5)

    def small_window_16(self):
        self.ingest("33 KB window, 16 associations", 128, "window", False, 16, (6400, 1600), 2.5)

    def small_each_1(self):
        self.ingest("33 KB each, 1 association", 128, "each", True, 1, (1000, 800), 0.9)

    def small_each_4(self):
        self.ingest("33 KB each, 4 associations", 128, "each", True, 4, (2000, 1200), 1.5)

    def small_each_16(self):
        self.ingest("33 KB each, 16 associations", 128, "each", True, 16, (4000, 1600), 2.5)

    # --- reading ------------------------------------------------------------------------------------------------------------------------------------------
    def both(self, measure):
        """Seconds of each measurement of ours and, when its DICOMweb plug-in is there, of Orthanc's."""
        with self.aceso("window") as server:
            ours = measure(server)
        theirs = None
        if plugin := dicomweb_plugin():
            with self.orthanc(False, [plugin]) as server:
                theirs = measure(server)
        return ours, theirs

    def compare(self, mode, bar_ms, ours, theirs, **more):
        p50 = statistics.median(ours) * 1000
        figures = {"p50_ms": round(p50, 2), "p99_ms": round(percentile(ours, 99) * 1000, 2)}
        if theirs:
            figures |= {"orthanc_p50_ms": round(statistics.median(theirs) * 1000, 2), "ratio": round(statistics.median(theirs) * 1000 / p50, 1)}
        else:
            figures["orthanc"] = "no DICOMweb plug-in"
        self.note(mode, f"<= {bar_ms} ms", p50 <= bar_ms, **figures, **more)

    def metadata(self):
        def measure(server):
            run = next(runs)
            crew = dicom.Crew(*server.dicom, server.ae, [lambda: dicom.objects(128, 600, run, 600)])
            crew.start()
            crew.go()
            study = f"1.2.826.0.1.3680043.10.1.{run}.1"
            web, out = server.http(), []
            for _ in range(2 + 4 * self.a.pairs):
                status, body, seconds = web.get(f"{server.root}/studies/{study}/series/{study}.1/metadata")
                if status != 200 or len(body) < 1000:
                    raise RuntimeError(f"{server.name}: metadata answered {status}")
                out.append(seconds)
            return out[2:]
        self.compare("metadata of 600 slices, warm", 25, *self.both(measure))

    def frames(self):
        """An ultrasound-like object of 100 colour frames, 512 x 512, as JPEG (dcmcjpeg of dcmtk)."""
        run = next(runs)
        uid = f"1.2.826.0.1.3680043.10.1.{run}.1"
        us = "1.2.840.10008.5.1.4.1.1.3.1"
        head = dicom.header(uid, uid + ".1", uid + ".1.1", 1, 512, 512, frames=100, sop_class=us)
        for was, now in ((dicom.element(0x28, 2, b"US", 1), dicom.element(0x28, 2, b"US", 3)), (dicom.element(0x28, 4, b"CS", "MONOCHROME2"), dicom.element(0x28, 4, b"CS", "RGB") + dicom.element(0x28, 6, b"US", 0)),
                         (dicom.element(0x28, 0x100, b"US", 16), dicom.element(0x28, 0x100, b"US", 8)), (dicom.element(0x28, 0x101, b"US", 12), dicom.element(0x28, 0x101, b"US", 8)),
                         (dicom.element(0x28, 0x102, b"US", 11), dicom.element(0x28, 0x102, b"US", 7))):
            if was not in head:
                raise RuntimeError("the header is another one than expected")
            head = head.replace(was, now)
        wave = bytes((x * 7 // 8 + (x * x >> 9)) & 255 for x in range(512 * 3 + 256))
        pixels = b"".join(wave[(y + f) % 256:(y + f) % 256 + 512 * 3] for f in range(100) for y in range(512))
        plain = self.folder / "plain.dcm"
        plain.write_bytes(dicom.part10(uid + ".1.1", head + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, len(pixels)) + pixels, sop_class=us))
        jpeg = self.folder / "jpeg.dcm"
        subprocess.run(["dcmcjpeg", "+eb", "+un", str(plain), str(jpeg)], check=True)
        path = f"/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/frames/"

        def measure(server):
            web = server.http()
            if server.name == "aceso":
                status, _ = web.post(server.root + "/studies", jpeg.read_bytes(), "application/dicom")
            else:
                status, _ = web.post("/instances", jpeg.read_bytes(), "application/dicom")
            if status not in (200, 202):
                raise RuntimeError(f"{server.name}: storing answered {status}")
            stored = 'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50'
            raw = 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1'
            out = []
            for accept in (stored, raw):
                times = []
                for frame in [(i * 37) % 100 + 1 for i in range(100 if server.name == "aceso" else 20)]:
                    status, body, seconds = web.get(f"{server.root}{path}{frame}", accept, packed=False)
                    if status != 200 or len(body) < (1000 if accept is stored else 512 * 512 * 3):
                        raise RuntimeError(f"{server.name}: frame {frame} answered {status}, {len(body)} bytes")
                    times.append(seconds)
                out.append(times)
            return out
        ours, theirs = self.both(measure)
        self.compare("frame of 100, as stored", 3, ours[0], theirs and theirs[0])
        self.compare("frame of 100, transcoded", 15, ours[1], theirs and theirs[1])
        plain.unlink()
        jpeg.unlink()

    # --- memory, queries under load, size -----------------------------------------------------------------------------------------------------------------
    def memory(self):
        """Growth of resident memory while four objects of 1 GB come in at once."""
        side, frames = 1024, int(512 * self.a.scale) or 1
        length = side * side * 2 * frames
        block = os.urandom(1 << 20)

        def one(server, run):
            association = dicom.Association(*server.dicom, server.ae, sop_class=dicom.MULTI_FRAME)
            uid = f"1.2.826.0.1.3680043.10.1.{run}.1"
            head = dicom.header(uid, uid + ".1", uid + ".1.1", 1, side, side, frames=frames, sop_class=dicom.MULTI_FRAME) + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, length)
            most = association.max_pdu - 6
            association.socket.sendall(association.command(uid + ".1.1", 1) + dicom.pdu(4, dicom.pdv(1, 0, head)))
            full = dicom.pdu(4, dicom.pdv(1, 0, (block * (most // len(block) + 1))[:most]))
            count = (length - 1) // most
            batch = max(1, (1 << 20) // most)
            for at in range(0, count, batch):
                association.socket.sendall(full * min(batch, count - at))
            association.socket.sendall(dicom.pdu(4, dicom.pdv(1, 2, block[:length - count * most])))
            if association.status() != 0:
                raise RuntimeError("a large object was refused")
            association.release()

        def measure(server):
            send(server, 128, 200, 4, "raw", self.folder)
            before = peak = server.memory_kib()
            begin = time.perf_counter()
            children = []
            for _ in range(4):
                run = next(runs)
                pid = os.fork()
                if pid == 0:
                    try:
                        one(server, run)
                        os._exit(0)
                    except BaseException as why:  # noqa: BLE001
                        os.write(2, f"sender: {why}\n".encode())
                        os._exit(1)
                children.append(pid)
            failed = False
            while children:
                peak = max(peak, server.memory_kib())
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid:
                    children.remove(pid)
                    failed = failed or status != 0
                time.sleep(0.02)
            if failed:
                raise RuntimeError("a sender failed")
            return (peak - before) / 1024, 4 * length / (1 << 20) / (time.perf_counter() - begin)

        with self.aceso("each") as server:
            ours = measure(server)
        figures = {"growth_mib": round(ours[0], 1), "mib_per_s": round(ours[1])}
        if self.a.orthanc_memory:
            with self.orthanc(True) as server:
                theirs = measure(server)
            figures |= {"orthanc_growth_mib": round(theirs[0]), "orthanc_mib_per_s": round(theirs[1])}
        self.note(f"memory, 4 x {length >> 20} MiB at once", "<= 64 MiB", ours[0] <= 64, **figures)

    def query(self):
        """QIDO-RS during ingest at full rate by four associations."""
        def measure(server):
            send(server, 128, 2000, 4, "raw", self.folder, per_series=20)
            web, times = server.http(), []
            stop = threading.Event()

            def ask():
                while not stop.is_set():
                    status, _, seconds = web.get(f"{server.root}/studies?limit=50")
                    if status != 200:
                        raise RuntimeError(f"{server.name}: QIDO answered {status}")
                    times.append(seconds)
            count = 8000 if server.name == "aceso" else 2400
            crew = dicom.Crew(*server.dicom, server.ae, [lambda run=next(runs): dicom.objects(128, count // 4, run, 100) for _ in range(4)])
            crew.start()
            asker = threading.Thread(target=ask)
            asker.start()
            seconds = crew.go()
            stop.set()
            asker.join()
            return times, count / seconds
        (ours, rate), theirs = self.both(measure)
        p99 = percentile(ours, 99) * 1000
        figures = {"p50_ms": round(statistics.median(ours) * 1000, 2), "p99_ms": round(p99, 2), "queries": len(ours), "objects_per_s": round(rate)}
        if theirs:
            figures |= {"orthanc_p50_ms": round(statistics.median(theirs[0]) * 1000, 2), "orthanc_p99_ms": round(percentile(theirs[0], 99) * 1000, 2), "orthanc_objects_per_s": round(theirs[1])}
        self.note("QIDO p99 during ingest", "<= 10 ms", p99 <= 10, **figures)

    def full(self):
        """The rate when many objects are kept, against the empty rate of the same node. The many are small: 16 x 16."""
        fill = self.a.fill
        with self.aceso("window") as server:
            send(server, 128, 400, 4, "raw", self.folder)
            empty = [send(server, 128, 4000, 4, "raw", self.folder) for _ in range(self.a.pairs)]
            left, begin = fill, time.perf_counter()
            while left > 0:
                send(server, 16, min(left, 20000), 4, "raw", self.folder)
                left -= 20000
            took = time.perf_counter() - begin
            rest = [send(server, 128, 4000, 4, "raw", self.folder) for _ in range(self.a.pairs)]
            memory = server.memory_kib() / 1024
        ratio = statistics.median(rest) / statistics.median(empty)
        self.note(f"rate at {fill:,} instances", ">= 0.9 of empty", ratio >= 0.9, ratio=round(ratio, 2), empty_per_s=round(statistics.median(empty)),
                  full_per_s=round(statistics.median(rest)), memory_mib=round(memory), filled_in_s=round(took))


MODES = ["big_each", "big_window", "small_window_1", "small_window_4", "small_window_16", "small_each_1", "small_each_4", "small_each_16", "metadata", "frames", "memory", "query", "full"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="the aceso executable")
    parser.add_argument("--also", help="another aceso executable, measured beside in the ingest modes (before and after)")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the objects (and of the large ones' size)")
    parser.add_argument("--fill", type=int, default=200000, help="instances kept in the mode `full`")
    parser.add_argument("--sender", choices=["raw", "storescu"], default="raw")
    parser.add_argument("--orthanc-memory", action="store_true", help="let Orthanc take four objects of 1 GB as well: it may need 10 GB")
    parser.add_argument("--only", default=",".join(MODES), help="of: " + ",".join(MODES))
    parser.add_argument("--json", help="file for the results")
    parser.add_argument("--work", default=tempfile.gettempdir(), help="folder for homes and files; its file system is what is measured")
    a = parser.parse_args()
    chosen = a.only.split(",")
    if unknown := [m for m in chosen if m not in MODES]:
        sys.exit(f"bench_archive: no mode {unknown[0]}; there are: {', '.join(MODES)}")
    version = subprocess.run([orthanc_program(), "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "kernel": platform.release(), "orthanc": version, "sender": a.sender, "pairs": a.pairs, "scale": a.scale, "date": time.strftime("%Y-%m-%d %H:%M")}
    print("  ".join(f"{k}={v}" for k, v in machine.items()), flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench_archive.", dir=a.work))
    bench = Bench(a, folder)
    try:
        for mode in chosen:
            getattr(bench, mode)()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    machine["load_after"] = os.getloadavg()[0]
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps({"machine": machine, "results": bench.results}, indent=1) + "\n")
    met = sum(r["met"] is True for r in bench.results)
    print(f"{met} of {len(bench.results)} bars met; load {machine['load']:.1f} before, {machine['load_after']:.1f} after")


if __name__ == "__main__":
    main()
