#!/usr/bin/env python3
"""DCMTK's programs and ours, each as the one that calls and the one that is called.
  python3 tests/interop/dicom_peers.py build/dev/apps/aceso/aceso
storescp and dcmqrscp are called by `aceso dicom`; dcmsend, storescu and movescu (which cancels) call a node."""
import json
import sys

from dicom_node import Folder, Node, Peer, check, data_set, eventually, finish, free_ports, make_study, need, run

program = sys.argv[1]
need("storescp", "dcmqrscp", "dcmsend", "storescu", "movescu", "findscu")


def stored_as(folder):
    return sorted(data_set(f.read_bytes()) for f in folder.iterdir())


def client(folder, *arguments):
    return run([program, "--home", folder / "client", "--json", "dicom", *arguments])


def storescp(folder):
    """It keeps what it is sent bit by bit: what left us is what arrived."""
    study, made = make_study(folder / "files", 1, 5)
    port = free_ports(1)[0]
    (folder / "got").mkdir()
    with Peer(["storescp", "+B", "-od", folder / "got", "-aet", "THEIRS", port], port):
        status, out = client(folder, "echo", f"THEIRS@127.0.0.1:{port}")
        check("storescp answers our echo", status == 0, out)
        status, out = client(folder, "store", f"THEIRS@127.0.0.1:{port}", str(folder / "files"))
        check("storescp takes five objects", status == 0 and json.loads(out)["stored"] == 5, out)
    check("storescp has the data sets that we sent", stored_as(folder / "got") == sorted(made.values()))


def dcmqrscp(folder):
    """Stores, queries, gets and moves; its move goes to a node of ours."""
    study, made = make_study(folder / "files", 2, 4)
    port = free_ports(1)[0]
    (folder / "db").mkdir()
    with Node(program, folder, 'peers: ["THEIRS@127.0.0.1"]') as node:
        (folder / "cfg").write_text(f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nours = (ACESO, 127.0.0.1, {node.dicom_port})\nHostTable END\n"
                                    f"VendorTable BEGIN\nVendorTable END\nAETable BEGIN\nTHEIRS {folder / 'db'} RW (200, 1024mb) ANY\nAETable END\n")
        with Peer(["dcmqrscp", "-c", folder / "cfg", port], port):
            peer = f"THEIRS@127.0.0.1:{port}"
            status, out = client(folder, "store", peer, str(folder / "files"))
            check("dcmqrscp takes four objects", status == 0 and json.loads(out)["stored"] == 4, out)
            status, out = client(folder, "find", peer, "-k", "PatientName=Bench*", "-k", "StudyInstanceUID")
            check("dcmqrscp finds the study", status == 0 and [m["StudyInstanceUID"] for m in json.loads(out)["matches"]] == [study], out)
            status, out = client(folder, "find", peer, "--level", "image", "-k", f"StudyInstanceUID={study}", "-k", f"SeriesInstanceUID={study}.1", "-k", "SOPInstanceUID")
            check("dcmqrscp finds the images", status == 0 and sorted(m["SOPInstanceUID"] for m in json.loads(out)["matches"]) == sorted(made), out)
            status, out = client(folder, "get", peer, "--study", study, "--to", str(folder / "got"))
            check("dcmqrscp gives four objects", status == 0 and json.loads(out)["completed"] == 4, out)
            check("they are the data sets that we sent", stored_as(folder / "got") == sorted(made.values()))
            status, out = client(folder, "move", peer, "--study", study, "--to", "ACESO")
            check("dcmqrscp moves four objects", status == 0 and json.loads(out)["completed"] == 4, out)
            check("a node of ours has them", sorted(node.instances(study)) == sorted(made))
            status, out = client(folder, "move", peer, "--study", study, "--to", "NOBODY")
            check("dcmqrscp does not know the destination, and the exit status says so", status != 0, out)


def senders(folder):
    """dcmsend and storescu into a node; the bytes come back as they went."""
    with Node(program, folder, "promiscuous: true") as node:
        for n, command in enumerate((["dcmsend", "-aec", "ACESO", "127.0.0.1", node.dicom_port, "+sd"], ["storescu", "-aec", "ACESO", "127.0.0.1", node.dicom_port, "+sd"])):
            study, made = make_study(folder / f"files{n}", 3 + n, 4)
            status, out = run([*command, folder / f"files{n}"])
            check(f"{command[0]} sends four objects", status == 0, out)
            check(f"they are kept as {command[0]} read them", all(data_set(node.instance(study, uid)) == data for uid, data in made.items()))


def cancelled_move(folder):
    """The destination takes a second for each object: a cancel after the first answer comes in time whatever the machine does."""
    study, made = make_study(folder / "files", 5, 12)
    port = free_ports(1)[0]
    (folder / "got").mkdir()
    with Node(program, folder, f'peers: ["MOVESCU@127.0.0.1", "SLOW@127.0.0.1:{port}"]') as node, Peer(["storescp", "+B", "--sleep-after", "1", "-od", folder / "got", port], port):
        status, out = run(["storescu", "-aet", "MOVESCU", "-aec", "ACESO", "127.0.0.1", node.dicom_port, "+sd", folder / "files"])
        check("storescu fills the node", status == 0 and len(node.instances(study)) == 12, out)
        status, out = run(["movescu", "-d", "-S", "--cancel", "1", "-aet", "MOVESCU", "-aec", "ACESO", "-aem", "SLOW", "-k", "0008,0052=STUDY", "-k", f"0020,000D={study}", "127.0.0.1", node.dicom_port])
        arrived = len(list((folder / "got").iterdir()))
        check("a move that movescu cancels ends early", 1 <= arrived < 12, f"{arrived} arrived; {out[-2000:]}")
        check("and is told to be cancelled (FE00)", "fe00" in out.lower() or "Cancel:" in out or "SuboperationsTerminatedDueToCancel" in out, out[-2000:])
        status, out = run(["movescu", "-S", "-aet", "MOVESCU", "-aec", "ACESO", "-aem", "SLOW", "-k", "0008,0052=IMAGE", "-k", f"0020,000D={study}", "-k", f"0020,000E={study}.1",
                           "-k", f"0008,0018={study}.1.12", "127.0.0.1", node.dicom_port])
        check("the node goes on after it", status == 0 and eventually(lambda: len(list((folder / "got").iterdir())) == arrived + 1), out)


def forwarded(folder):
    """A rule sends what is complete to a destination that is away at first; by hand another study goes there."""
    study, made = make_study(folder / "files", 6, 3)
    port = free_ports(1)[0]
    (folder / "got").mkdir()
    rules = "forward: {quiet: 500ms, rules: [{match: {modality: CT}, to: THEIRS}]}\n"
    with Node(program, folder, f'peers: ["STORESCU@127.0.0.1", "THEIRS@127.0.0.1:{port}"]', rules) as node:
        def entries():
            return json.loads(node.request("GET", "/api/v1/archive/forwards")[1])["items"]
        status, out = run(["storescu", "-aec", "ACESO", "127.0.0.1", node.dicom_port, "+sd", folder / "files"])
        check("storescu fills the node", status == 0, out)
        check("the destination is away, and the list says so", eventually(lambda: entries() and "failed and is repeated" in entries()[0]["reason"]), entries())
        with Peer(["storescp", "+B", "-od", folder / "got", port], port):
            check("once it is there it gets the series", eventually(lambda: entries()[0]["state"] == "sent"), entries())
            check("as it came", stored_as(folder / "got") == sorted(made.values()))
            check("sent to a stranger by hand: refused", node.request("POST", f"/api/v1/archive/studies/{study}/forwards", b'{"to": "EVIL@192.0.2.1:104"}', Content_Type="application/json")[0] == 400)
            status, body = node.request("POST", f"/api/v1/archive/studies/{study}/forwards", b'{"to": "THEIRS"}', Content_Type="application/json")
            check("sent again by hand", status == 202 and eventually(lambda: len(entries()) == 2 and entries()[0]["state"] == "sent"), body)


for part in (storescp, dcmqrscp, senders, cancelled_move, forwarded):
    with Folder() as at:
        part(at)
finish()
