#!/usr/bin/env python3
"""Debian's Orthanc and a node of ours, each calling the other: echo, store, query, move, get, and DICOMweb.
  python3 tests/interop/orthanc_peer.py build/dev/apps/aceso/aceso
Orthanc is installed by ./dev setup --with peers; without it the test is skipped."""
import json
import sys

from dicom_node import Folder, Node, check, data_set, eventually, finish, free_ports, make_study, need, run
from orthanc_server import Orthanc

program = sys.argv[1]
need("Orthanc")


def both_ways(folder):
    ports = free_ports(2)
    with Node(program, folder, f'peers: ["ORTHANC@127.0.0.1:{ports[1]}", "ACESO@127.0.0.1"]') as node, Orthanc(folder, node.dicom_port, ports) as orthanc:
        study, made = make_study(folder / "a", 11, 6)
        for file in sorted((folder / "a").iterdir()):
            orthanc.call("/instances", file.read_bytes())
        check("Orthanc echoes us", orthanc.call("/modalities/node/echo", {}) is not None)
        ids = orthanc.call("/studies")
        sent = orthanc.call("/modalities/node/store", {"Resources": ids, "Synchronous": True})
        check("Orthanc stores a study here", sent is not None and sent["InstancesCount"] == 6 and sent["FailedInstancesCount"] == 0, sent)
        check("the node has what Orthanc had", all(data_set(node.instance(study, uid)) == data for uid, data in made.items()))

        other, more = make_study(folder / "b", 12, 5)
        status, out = node.client("echo", orthanc.ae)
        check("we echo Orthanc", status == 0, out)
        status, out = node.client("store", orthanc.ae, str(folder / "b"))
        check("we store a study in Orthanc", status == 0 and orthanc.call("/statistics")["CountInstances"] == 11, out)
        check("Orthanc has what we sent", orthanc.files() == sorted(list(made.values()) + list(more.values())))
        status, out = run([program, "--home", folder / "client", "--json", "dicom", "find", orthanc.ae, "-k", f"StudyInstanceUID={other}", "-k", "PatientName", "-k", "NumberOfStudyRelatedInstances"])
        check("we query Orthanc", status == 0 and json.loads(out)["matches"][0]["PatientName"] == "Bench^Patient", out)
        status, out = run([program, "--home", folder / "client", "--json", "dicom", "move", orthanc.ae, "--study", other, "--to", "ACESO"])
        check("Orthanc moves a study to us", status == 0 and json.loads(out)["completed"] == 5, out)
        check("and it is here", eventually(lambda: sorted(node.instances(other)) == sorted(more)))
        status, out = node.client("get", orthanc.ae, "--study", other, "--to", str(folder / "got"))
        check("we get a study from Orthanc", status == 0 and sorted(data_set(f.read_bytes()) for f in (folder / "got").iterdir()) == sorted(more.values()), out)

        third, last = make_study(folder / "c", 13, 4)
        status, out = run([program, "--home", folder / "client", "--json", "dicom", "store", node.ae, str(folder / "c")])
        check("a third study is in the node", status == 0, out)
        query = orthanc.call("/modalities/node/query", {"Level": "Study", "Query": {"StudyInstanceUID": third, "PatientName": "Bench*"}})
        found = orthanc.call(f"/queries/{query['ID']}/answers?expand")
        check("Orthanc queries us", found is not None and len(found) == 1 and found[0]["0020,000d"]["Value"] == third, found)
        moved = orthanc.call(f"/queries/{query['ID']}/answers/0/retrieve", {"TargetAet": "ORTHANC", "Synchronous": True})
        check("Orthanc retrieves from us", moved is not None and orthanc.call("/statistics")["CountInstances"] == 15, moved)
        check("byte for byte", orthanc.files() == sorted([*made.values(), *more.values(), *last.values()]))

        def pull(*options):
            status, out = run([program, "--home", node.home, "--json", "archive", "pull", orthanc.ae, *options])
            return status, json.loads(out)["totals"] if out.startswith("{") else out
        node.request("DELETE", f"/dicom-web/studies/{study}")
        gone = sorted(more)[2]
        node.request("DELETE", f"/dicom-web/studies/{other}/series/{other}.1/instances/{gone}")
        check("some of what Orthanc has is missing here", not node.instances(study) and len(node.instances(other)) == 4)
        status, totals = pull()
        check("pull copies what is missing and counts both sides", status == 0 and totals == {"studies": 3, "there": 15, "fetched": 7, "missing": 0}, totals)
        check("it is here, byte for byte", all(data_set(node.instance(study, uid)) == data for uid, data in made.items()) and data_set(node.instance(other, gone)) == more[gone])
        status, totals = pull()
        check("pulled again, nothing is fetched", status == 0 and totals["fetched"] == 0 and totals["missing"] == 0, totals)
        node.request("DELETE", f"/dicom-web/studies/{third}")
        status, totals = pull("--study", third, "--move-to", "ACESO")
        check("pull by C-MOVE", status == 0 and totals == {"studies": 1, "there": 4, "fetched": 4, "missing": 0}, totals)
        status, totals = pull("--study", "1.2.3.4")
        check("what is not there is no error", status == 0 and totals["studies"] == 0, totals)


with Folder() as at:
    both_ways(at)
finish()
