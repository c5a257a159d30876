#!/usr/bin/env python3
"""A node that sends series on: by STOW-RS into Debian's Orthanc with its DICOMweb plug-in, with attributes changed by a rule, and signed webhooks into a server of Python's own.
  python3 tests/interop/forwarding.py build/dev/apps/aceso/aceso
Orthanc is installed by ./dev setup --with peers; without it the test is skipped."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading

from dicom_node import Folder, Node, check, data_set, eventually, finish, free_ports, make_study, need
from orthanc_server import Orthanc

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
need("Orthanc")
if not os.path.exists(PLUGIN):
    print("skipped: Debian's orthanc-dicomweb is not installed")
    sys.exit(77)


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what it is told; refuses the first request."""

    def __init__(self):
        self.told, self.refused = [], 0
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not self.server.refused:
                self.server.refused += 1
                self.send_error(503)
                return
            self.server.told.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass


def signed(headers, body, secret):
    """By the text of the Standard Webhooks specification: HMAC-SHA-256 over id.timestamp.body."""
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return headers["webhook-signature"] == "v1," + base64.b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()


def forwarding(folder):
    ports = free_ports(2)
    receiver = Receiver()
    secret = os.urandom(24)
    (folder / "secret").write_text("whsec_" + base64.b64encode(secret).decode() + "\n")
    extra = f"""
forward:
  quiet: 1s
  dicomweb:
    - {{name: CLOUD, url: "http://127.0.0.1:{ports[0]}/dicom-web"}}
  rules:
    - match: {{modality: CT}}
      to: CLOUD
      change:
        set: {{PatientID: HOSPITAL-2, IssuerOfPatientID: H2}}
        remove: [ReferringPhysicianName]
routing: {{quiet: 1s}}
webhooks:
  batch: 200ms
  targets:
    - {{name: ris, url: "http://127.0.0.1:{receiver.server_port}/hook", secret_file: {folder / 'secret'}}}
"""
    with Node(sys.argv[1], folder, 'peers: ["ACESO@127.0.0.1"]', extra) as node, Orthanc(folder, node.dicom_port, ports, [PLUGIN]) as orthanc:
        study, made = make_study(folder / "a", 31, 5)
        status, out = node.client("store", node.ae, str(folder / "a"))
        check("a study comes in by DICOM", status == 0, out)
        check("it goes on by STOW-RS", eventually(lambda: orthanc.call("/statistics")["CountInstances"] == 5), orthanc.call("/statistics"))
        there = [orthanc.call(f"/instances/{i}/simplified-tags") for i in orthanc.call("/instances")]
        check("with the attributes that the rule sets", {(t["PatientID"], t["IssuerOfPatientID"]) for t in there} == {("HOSPITAL-2", "H2")}, there[:1])
        check("under the same UIDs", {t["SOPInstanceUID"] for t in there} == set(made))
        check("saying what they said before", all(t["OriginalAttributesSequence"][0]["ModifiedAttributesSequence"][0]["PatientID"] != "HOSPITAL-2" for t in there))
        check("here nothing has changed", all(data_set(node.instance(study, uid)) == data for uid, data in made.items()))
        state = json.loads(node.request("GET", "/api/v1/archive/forwards")[1])["items"][0]
        check("the node says so", (state["state"], state["sent"], state["destination"]) == ("sent", 5, "CLOUD"), state)

        check("the receiver hears of it", eventually(lambda: {json.loads(b)["type"] for _, b in receiver.told} >= {"study.stored", "series.complete"}), receiver.told)
        check("although it refused the first time", receiver.refused == 1)
        check("every signature is right", all(signed(h, b, secret) for h, b in receiver.told))
        check("no event was told twice", len({h["webhook-id"] for h, _ in receiver.told}) == len(receiver.told))
        complete = next(json.loads(b)["data"] for _, b in receiver.told if json.loads(b)["type"] == "series.complete")
        check("what is complete can be fetched", complete["objects"] == 5 and len(node.instances(complete["study"])) == 5, complete)
        told = json.loads(node.request("GET", "/api/v1/archive/webhooks")[1])["items"]
        check("the node lists what it told", {t["state"] for t in told} == {"delivered"} and {t["target"] for t in told} == {"ris"}, told)


with Folder() as at:
    forwarding(at)
finish()
