#!/usr/bin/env python3
"""A node whose rule removes identities on the way out: storescp gets a CT study without one identity of it, and a secondary capture that may show a name never arrives.
  python3 tests/interop/forwarding_deidentified.py build/dev/apps/aceso/aceso"""
import json
import struct
import sys

from dicom_node import Folder, Node, Peer, check, data_set, eventually, finish, free_ports, make_study, need
from dicom_node import dicom

need("storescp", "dcmdump")
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def deidentified(folder):
    port = free_ports(1)[0]
    (folder / "got").mkdir()
    study, made = make_study(folder / "a", 41, 4)
    series = study + ".1"
    capture = series + ".99"
    pixels = dicom.Pixels(32 * 32 * 2)
    body = dicom.header(study, series, capture, 99, 32, 32, patient="BENCH-41-0", sop_class=CAPTURE) + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, pixels.size) + pixels.of(99)
    (folder / "a" / "capture.dcm").write_bytes(dicom.part10(capture, body, CAPTURE))
    extra = """
forward:
  quiet: 1s
  rules:
    - match: {modality: CT}
      to: RESEARCH
      deidentify: {options: [retain-modified-dates, clean-descriptors]}
"""
    with Node(sys.argv[1], folder, f'peers: ["ACESO@127.0.0.1", "RESEARCH@127.0.0.1:{port}"]', extra) as node, Peer(["storescp", "+B", "-od", folder / "got", "-aet", "RESEARCH", port], port):
        status, out = node.client("store", node.ae, str(folder / "a"))
        check("a study comes in by DICOM", status == 0, out)

        def items():
            return json.loads(node.request("GET", "/api/v1/archive/forwards")[1])["items"]

        check("its rule ran", eventually(lambda: items() and items()[0]["state"] != "waiting"), items())
        one = items()[0]
        check("four objects were sent, one was refused and the list says why", (one["sent"], one["refused"], one["state"], one["deidentified"]) == (4, 1, "failed", True) and "burned-in text" in one["reason"], one)
        got = [f.read_bytes() for f in (folder / "got").iterdir()]
        check("storescp has four", len(got) == 4, len(got))
        identities = [study, "Bench^Patient", "BENCH-41-0", "Referrer^Rita", "ACC" + study[-6:], "Hospital", "19600101", "20260101"]
        check("no identity arrived", not [i for i in identities if any(i.encode() in g for g in got)], [i for i in identities if any(i.encode() in g for g in got)])
        check("nor did the capture", all(CAPTURE.encode() not in g for g in got))
        check("what is kept has not changed", all(data_set(node.instance(study, uid)) == data for uid, data in made.items()))
        status, lines = node.request("GET", f"/api/v1/archive/forwards/{one['id']}/manifest")
        manifest = [json.loads(line) for line in lines.splitlines()]
        check("the node keeps what was done", sum(len(m.get("sop_instances", [])) for m in manifest) == 4 and any(m.get("objects") == 1 for m in manifest), manifest)
        check("without identities", not [i for i in identities if i in (lines if isinstance(lines, str) else lines.decode())])


with Folder() as at:
    deidentified(at)
finish()
