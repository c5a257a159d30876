#!/usr/bin/env python3
"""What clinicians draw on studies of a running node becomes a data set: boxes and outlines lie where they were drawn.
  python3 tests/interop/marks.py build/dev/apps/aceso/aceso
Only the standard library."""
import http.client
import json
import struct
import subprocess
import sys
import zipfile

from dicom_node import Folder, Node, check, dicom, finish, run

program = sys.argv[1]
PASSWORD = "correct horse battery"
SIDE = 32


class Person:
    """Signed in to the node in the way that a browser does."""

    def __init__(self, node, name, *roles):
        self.port = int(node.address.rsplit(":", 1)[1])
        self.headers = {}
        words = [word for role in roles for word in ("--role", role)]
        done = subprocess.run([program, "--home", node.home, "user", "add", name, *words], input=PASSWORD + "\n", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, done.stdout
        status, body, headers = self.ask("POST", "/api/v1/session", {"name": name, "password": PASSWORD})
        assert status == 200, body
        self.headers = {"Cookie": headers["Set-Cookie"].split(";")[0], "X-CSRF-Token": body["csrf_token"]}

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, None if body is None else json.dumps(body), self.headers | {"Content-Type": "application/json"})
        answer = connection.getresponse()
        got = answer.read()
        connection.close()
        return answer.status, json.loads(got) if got else None, answer.headers

    def draw(self, study, **mark):
        status, made, _ = self.ask("POST", f"/api/v1/archive/studies/{study}/marks", mark)
        return made if check(f"{mark['finding']} is drawn", status == 201, made) else {}


def array(archive, name):
    """(shape, bytes) of a .npy member of uint8."""
    data = archive.read(name + ".npy")
    length = struct.unpack_from("<H", data, 8)[0]
    head = data[10:10 + length].decode()
    shape = tuple(int(n) for n in head[head.index("(") + 1:head.index(")")].split(",") if n.strip())
    return shape, data[10 + length:]


def pixels_of(runs):
    return {start + i for start, length in zip(runs[::2], runs[1::2]) for i in range(length)}


def drawn(folder):
    with Node(program, folder, 'peers: ["ACESO@127.0.0.1"]') as node:
        studies = {}
        for n in range(6):
            place = folder / f"in{n}"
            place.mkdir()
            (uid, data), = dicom.objects(SIDE, 1, 60 + n)
            data = data[:-64] + struct.pack("<H", 980 + 30 * n) * 32   # no two images look equal
            (place / "1.dcm").write_bytes(dicom.part10(uid, data))
            status, out = run([program, "--home", node.home, "archive", "import", place])
            check(f"study {n} is in the archive", status == 0, out)
            studies[n] = (f"1.2.826.0.1.3680043.10.1.{60 + n}.1", uid)
        eva, max_, chief = Person(node, "eva", "clinician"), Person(node, "max", "clinician"), Person(node, "chief", "admin")

        # A blunt lens in rows 4 to 9, a strip, and nothing.
        lens = [number for row in range(4, 10) for number in (row * SIDE + 12 - (row if row < 7 else 13 - row), 2 * (row if row < 7 else 13 - row))]
        strip = [20 * SIDE + 3, 9]
        first = eva.draw(studies[0][0], instance=studies[0][1], finding="nodule", runs=lens)
        eva.draw(studies[1][0], instance=studies[1][1], finding="effusion", runs=strip, comment="small")
        eva.draw(studies[2][0], instance=studies[2][1], finding="normal")
        eva.draw(studies[3][0], instance=studies[3][1], finding="nodule", box=[2, 3.5, 10, 12])
        max_.draw(studies[4][0], instance=studies[4][1], finding="nodule", runs=[5, 3])
        slip = eva.draw(studies[5][0], instance=studies[5][1], finding="nodule", runs=[100, 5])
        path = f"/api/v1/archive/studies/{studies[5][0]}/marks/{slip['id']}"
        status, _, _ = eva.ask("POST", path + "/withdrawal", {"reason": "a slip of the hand"})
        check("a mark is withdrawn", status == 200)
        status, seen, _ = max_.ask("GET", f"/api/v1/archive/studies/{studies[0][0]}/marks")
        check("others see it on the study, with its author", status == 200 and [(m["by"], m["mine"], m["runs"]) for m in seen["items"]] == [("eva", False, lens)], seen)
        status, why, _ = max_.ask("PATCH", f"/api/v1/archive/studies/{studies[0][0]}/marks/{first['id']}", {"finding": "normal"})
        check("and do not change it", status == 403, why)
        status, why, _ = chief.ask("POST", f"/api/v1/archive/studies/{studies[0][0]}/marks", {"instance": studies[0][1], "finding": "nodule"})
        check("an administrator draws nothing", status == 403, why)
        status, why, _ = eva.ask("POST", f"/api/v1/archive/studies/{studies[0][0]}/marks", {"instance": studies[0][1], "finding": "x", "box": [0, 0, 33, 5]})
        check("what does not lie in the image is refused", status == 400 and why["detail"].startswith("box:"), why)

        def data_set(*words):
            status, out = run([program, "--home", node.home, "--json", "dataset", "import", "--from-archive", *words])
            return json.loads(out) if status == 0 else check("a data set is made of marks", False, out) or {}
        made = data_set("--name", "outlined", "--marks", "outlines", "--marked-by", "eva", "--values", "display", "--validation", "0", "--test", "0")
        check("outlines of one reader: two drawn, one empty; the box has none", made and made["marks"]["images"] == 4 and made["marks"]["not_drawn_left_out"] == 1, made.get("marks"))
        check("classes are what was drawn", made and made["classes"] == ["none", "effusion", "nodule"], made.get("classes"))
        status, out = run([program, "--home", node.home, "dataset", "export", "outlined", "--output", folder / "outlined.npz"])
        check("it is exported", status == 0, out)
        with zipfile.ZipFile(folder / "outlined.npz") as archive:
            shape, masks = array(archive, "train_masks")
            labels = array(archive, "train_labels")
        check("three masks of the images' size", shape[:3] == (3, SIDE, SIDE), shape)
        size = SIDE * SIDE
        found = {}
        for n in range(3):
            mask = masks[n * size:(n + 1) * size]
            found[max(mask)] = {i for i, value in enumerate(mask) if value}
        check("each mask has exactly the pixels that were drawn", found == {0: set(), 1: pixels_of(strip), 2: pixels_of(lens)}, {k: len(v) for k, v in found.items()})
        check("labels go with them", labels[0] == (3,), labels[0])

        made = data_set("--name", "boxed", "--marks", "boxes", "--values", "display", "--validation", "0", "--test", "0")
        manifest = json.loads((node.home / "models" / "datasets" / "boxed" / "manifest.json").read_text())
        boxes = sorted((b["low"], b["high"], b["label"]) for s in manifest["samples"] for b in s.get("boxes", []))
        check("boxes lie where they were drawn, rows first", ([3.5, 2], [12, 10], 2) in [tuple(b) for b in boxes] and ([20, 3], [21, 12], 1) in [tuple(b) for b in boxes] and len(boxes) == 4, boxes)
        check("the label source says who marked", manifest["label_source"].startswith("marks of eva, max on 5 images"), manifest["label_source"])
        text = json.dumps(manifest)
        check("nothing in the manifest identifies anybody", all(word not in text for word in ("BENCH", "Bench", "1.2.826")))
        status, out = run([program, "--home", node.home, "dataset", "import", "--from-archive", "--name", "x", "--marks", "outlines", "--marked-by", "nobody"])
        check("marks of nobody make no data set", status != 0 and "marks that count" in out, out)
        status, out = run([program, "--home", node.home, "dataset", "import", "--from-archive", "--name", "x", "--modality", "CT", "--marked-by", "eva"])
        check("marked-by alone is refused", status != 0 and "belong to marks" in out, out)
        check("no log line says what was drawn", all(word not in node.output() for word in ("nodule", "effusion", "slip", "1.2.826")), node.output())


with Folder() as at:
    drawn(at)
finish()
