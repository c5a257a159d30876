#!/usr/bin/env python3
"""Priors fetched before an appointment: from Debian's Orthanc by C-GET, from DCMTK's dcmqrscp by C-MOVE; another person with the same ID; a node that is killed in the middle.
  python3 tests/interop/priors.py build/dev/apps/aceso/aceso
Orthanc is installed by ./dev setup --with peers; without it the test is skipped."""
import datetime
import json
import re
import signal
import sys

from dicom_node import Folder, Node, Peer, UnixHttp, check, data_set, dicom, eventually, finish, free_ports, make_study, need, run
from orthanc_server import Orthanc

program = sys.argv[1]
need("Orthanc", "dcmqrscp", "storescu")


def study_of(folder, run_number, count, side=32, name=b"Bench^Patient", patient=b"BENCH-PAT1"):
    """As make_study, of somebody else: names and IDs of the same length."""
    study, made = make_study(folder, run_number, count, side)
    number = f"BENCH-{run_number}-0".encode()
    for n, uid in enumerate(made):
        assert made[uid].count(b"Bench^Patient") == made[uid].count(number) == 1 and len(number) == len(patient)
        made[uid] = made[uid].replace(b"Bench^Patient", name).replace(number, patient)
        (folder / f"{n:04}.dcm").write_bytes(dicom.part10(uid, made[uid]))
    return study, made


def schedule(node, accession, hours=1, **fields):
    at = datetime.datetime.now() + datetime.timedelta(hours=hours)
    step = {"patient_id": "BENCH-PAT1", "patient_name": "BENCH^PATIENT", "birth_date": "19600101", "modality": "CT", "accession": accession, "date": at.strftime("%Y%m%d"), "time": at.strftime("%H%M")} | fields
    status, body = node.request("POST", "/api/v1/archive/modality-worklist", json.dumps(step).encode(), Content_Type="application/json")
    assert status == 201, (status, body)
    return json.loads(body)["id"]


def priors(node, step):
    return json.loads(node.request("GET", f"/api/v1/archive/modality-worklist/{step}/priors")[1])


def becomes(node, step, state):
    reached = eventually(lambda: priors(node, step)["state"] == state, 120)
    return check(f"the entry becomes {state}", reached, json.dumps(priors(node, step))) and priors(node, step)


def same_bytes(node, study, made):
    return all(data_set(node.instance(study, uid)) == data for uid, data in made.items())


def from_orthanc(folder):
    ports = free_ports(2)
    rules = "priors: {rules: [{name: all, from: ORTHANC}]}"
    with Node(program, folder, f'peers: ["ORTHANC@127.0.0.1:{ports[1]}", "ACESO@127.0.0.1"]', rules) as node, Orthanc(folder, node.dicom_port, ports) as orthanc:
        theirs, made = study_of(folder / "a", 41, 6)
        others, more = study_of(folder / "b", 42, 3, name=b"Other^Patient")
        numbered, _ = study_of(folder / "c", 43, 2, patient=b"BENCH-PAT2")
        for part in "abc":
            for file in sorted((folder / part).iterdir()):
                orthanc.call("/instances", file.read_bytes())
        told = orthanc.call("/modalities/node/echo", {})
        check("Orthanc has three studies of two IDs and echoes us", told is not None and orthanc.call("/statistics")["CountStudies"] == 3)
        step = schedule(node, "1")
        done = becomes(node, step, "fetched")
        check("one prior is known and here, another study under the ID is somebody else's", done and (done["known"], done["here"], done["not_theirs"]) == (1, 1, 1), done)
        check("it came byte for byte", sorted(node.instances(theirs)) == sorted(made) and same_bytes(node, theirs, made))
        there = orthanc.call("/tools/lookup", theirs.encode())[0]["ID"]
        check("both sides count the same", done["studies"][0]["objects"] == done["studies"][0]["here"] == len(orthanc.call(f"/studies/{there}/instances")), done)
        check("nothing of the other person came, although Orthanc's index gives both one name", not node.instances(others) and not node.instances(numbered))
        wrong = next(s for s in done["studies"] if s["study"] == others)
        check("and the answer says what differs", wrong["disagreeing"] == ["name"] and wrong["here"] == 0, wrong)

        stranger = becomes(node, schedule(node, "2", patient_name="Somebody^Else", birth_date=""), "none")
        check("an appointment of a third person with this ID gets nothing", stranger and stranger["known"] == 0 and stranger["not_theirs"] == 2, stranger)
        later = schedule(node, "3", hours=72)
        check("an appointment in three days waits", priors(node, later)["state"] == "waiting" and priors(node, later)["due"] is not None, priors(node, later))
        at = datetime.datetime.now() + datetime.timedelta(hours=2)
        status, body = node.request("PATCH", f"/api/v1/archive/modality-worklist/{later}", json.dumps({"date": at.strftime("%Y%m%d"), "time": at.strftime("%H%M")}).encode(), Content_Type="application/json")
        check("moved to today", status == 200, body)
        moved = becomes(node, later, "fetched")
        check("nothing had to come", moved and moved["here"] == 1 and node.request("GET", "/dicom-web/studies")[0] == 200)

        status, out = run([program, "--home", node.home, "--json", "archive", "priors", "list"])
        check("the command line lists the same", status == 0 and {s["id"]: s["priors"]["state"] for s in json.loads(out)["items"]}[step] == "fetched", out)
        status, out = run([program, "--home", node.home, "archive", "priors", "show", step])
        check("and shows each study", status == 0 and theirs in out and "another name" in out and "6 of 6" in out, out)
        status, out = run([program, "--home", node.home, "archive", "priors", "fetch", "nothing"])
        check("what is not there is refused", status != 0 and "no such step" in out, out)
        check("no log line names a patient", not re.search(r"Bench|Other|BENCH|Somebody|1\.2\.826", node.output()), node.output())


def killed(folder):
    """kill -9 while objects come in; the next process goes on, and nothing comes twice."""
    ports = free_ports(2)
    rules = "priors: {rules: [{from: ORTHANC}]}"
    dimse = f'peers: ["ORTHANC@127.0.0.1:{ports[1]}", "ACESO@127.0.0.1"]'
    with Orthanc(folder, 1, ports) as orthanc:
        study, made = study_of(folder / "a", 44, 400, side=128)
        status, out = run(["storescu", "-aec", "ORTHANC", "127.0.0.1", ports[1], "+sd", folder / "a"])
        check("Orthanc has a study of 400 objects", status == 0 and orthanc.call("/statistics")["CountInstances"] == 400, out)
        with Node(program, folder, dimse, rules) as node:
            step = schedule(node, "1")
            check("objects come in", eventually(lambda: len(node.instances(study)) >= 10, 120))
            node.process.send_signal(signal.SIGKILL)
            node.process.wait()
        with Node(program, folder, dimse, rules) as node:
            before = len(node.instances(study))
            check("the node was killed in the middle", 10 <= before < 400, before)
            done = becomes(node, step, "fetched")
            check("the next process goes on to the end", done and done["studies"][0]["objects"] == done["studies"][0]["here"] == 400, done)
            check("all are here, byte for byte", same_bytes(node, study, made))
            local = UnixHttp(node.home / "run" / "node.sock")
            local.request("GET", "/metrics")
            told = local.getresponse().read().decode()
            check("what was here was not fetched again", "aceso_archive_duplicates_total 0\n" in told and f"aceso_archive_stored_total {400 - before}\n" in told, [line for line in told.splitlines() if "archive" in line and "total" in line])


def from_dcmqrscp(folder):
    """It knows no C-GET rule of ours but moves, and its index has each study's own name."""
    port = free_ports(1)[0]
    (folder / "db").mkdir()
    rules = "priors: {rules: [{from: THEIRS, by: move}]}"
    with Node(program, folder, f'peers: ["THEIRS@127.0.0.1:{port}"]', rules) as node:
        (folder / "cfg").write_text(f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nours = (ACESO, 127.0.0.1, {node.dicom_port})\nHostTable END\n"
                                    f"VendorTable BEGIN\nVendorTable END\nAETable BEGIN\nTHEIRS {folder / 'db'} RW (200, 1024mb) ANY\nAETable END\n")
        with Peer(["dcmqrscp", "-c", folder / "cfg", port], port):
            study, made = study_of(folder / "a", 45, 5)
            others, _ = study_of(folder / "b", 46, 2, name=b"Other^Patient")
            for part in "ab":
                status, out = run(["storescu", "-aec", "THEIRS", "127.0.0.1", port, "+sd", folder / part])
                check("dcmqrscp takes a study", status == 0, out)
            done = becomes(node, schedule(node, "1"), "fetched")
            check("moved here and counted", done and (done["known"], done["here"], done["not_theirs"]) == (1, 1, 1), done)
            check("byte for byte, and nothing of the other person", same_bytes(node, study, made) and not node.instances(others))


for part in (from_orthanc, killed, from_dcmqrscp):
    with Folder() as at:
        part(at)
finish()
