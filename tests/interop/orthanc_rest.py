#!/usr/bin/env python3
"""One script against Debian's Orthanc and against a node's /orthanc: the same calls must give the same answers for the same files. Run by tools/dicom_peers (python3-requests).
  tools/dicom_peers tests/interop/orthanc_rest.py build/dev/apps/aceso/aceso
Orthanc is installed by ./dev setup --with peers; without it the test is skipped."""
import io
import json
import os
import pathlib
import re
import sys
import tarfile
import zipfile

import requests
from dicom_node import Folder, Node, check, dicom, finish, free_ports, need
from orthanc_server import Orthanc

need("Orthanc")
LEVELS = ["patients", "studies", "series", "instances"]
ODD = ("2021-02-19-MalaterreCP246.dcm", "OT-PAL-8-face.dcm")  # sequences and numbers of VR UN, which Orthanc does not look into
OWN = {"FileUuid", "LastUpdate", "IsStable"}  # each server's own


class Script:
    """What a script does: a base address, user and password, and nothing else that differs."""

    def __init__(self, base, user, password):
        self.base, self.session = base, requests.Session()
        self.session.auth = (user, password)

    def get(self, path, **params):
        return self.session.get(self.base + path, params=params, timeout=60)

    def json(self, path, **params):
        answer = self.get(path, **params)
        answer.raise_for_status()
        return answer.json()

    def upload(self, data):
        return self.session.post(self.base + "/instances", data=data, timeout=60)

    def find(self, **body):
        answer = self.session.post(self.base + "/tools/find", data=json.dumps(body), timeout=60)
        return answer.json() if answer.status_code == 200 else answer.status_code

    def delete(self, path):
        return self.session.delete(self.base + path, timeout=60)


def plain(value):
    """Without what is each server's own; lists of identifiers have no order."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in OWN}
    if isinstance(value, list):
        return sorted((plain(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
    return value


def files():
    """(name, bytes): made ones, and the conformance files where they are."""
    for name, data in [(uid, dicom.part10(uid, data)) for run_number in (21, 22) for uid, data in dicom.objects(16, 4, run_number, per_series=2)]:
        yield name, data
    shared = os.environ.get("ACESO_SHARED_DATA")
    archive = pathlib.Path(shared or "/nowhere") / "dicom" / "dicom_conformance.tar.xz"
    if not archive.exists():
        print("skipped: no real data")
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile():
                yield member.name.split("/", 1)[-1], tar.extractfile(member).read()


def same(name, ours, theirs):
    return check(name, ours == theirs, f"{json.dumps(ours)[:600]}\n     Orthanc: {json.dumps(theirs)[:600]}")


def differences(ours, theirs, path=""):
    """Where two answers differ, with both values."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(set(ours) | set(theirs)):
            if key not in ours or key not in theirs:
                yield f"{path}/{key}", ours.get(key, "absent"), theirs.get(key, "absent")
            else:
                yield from differences(ours[key], theirs[key], f"{path}/{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (a, b) in enumerate(zip(ours, theirs)):
            yield from differences(a, b, f"{path}[{i}]")
    elif ours != theirs:
        yield path, ours, theirs


def known(path, ours, theirs):
    """Differences that are meant: private attributes go by DCMTK's dictionary of devices there; text in ISO 2022 or JIS X 0201 is not decoded there, spaces are not always removed, and of several tags as a value the first is shown."""
    if any(int(group, 16) % 2 for group in re.findall(r"/([0-9a-f]{4}),[0-9a-f]{4}", path)):
        return True
    if not (isinstance(ours, str) and isinstance(theirs, str)):
        return False
    return ours == theirs.strip() or not ours.isascii() or ours == theirs.replace("¥", "\\") or ours.startswith(theirs + "\\")


def compare(ours, theirs):
    both, alone = {}, []
    for name, data in files():
        a = ours.upload(data)
        if a.status_code == 409:  # other bytes under a SOP Instance UID that is here: Orthanc says AlreadyStored
            continue
        b = theirs.upload(data)
        if a.status_code == b.status_code == 200:
            made, there = a.json(), b.json()
            if made == there and made["Status"] == "Success":
                both[name] = made
            elif made["Status"] == "Success":  # identifiers that are values of VR UN: Orthanc keeps their padding
                check(f"identifiers of {name}", name.endswith("explicit_VR-UN.dcm"), f"{made} {there}")
                ours.delete(made["Path"])
                theirs.delete(there["Path"])
        elif a.status_code == 200 or b.status_code == 200:
            alone.append((name, a.status_code, b.status_code))
            script, answer = (ours, a) if a.status_code == 200 else (theirs, b)
            if answer.json()["Status"] == "Success":  # what one alone has would change the lists
                script.delete(answer.json()["Path"])
    print(f"     {len(both)} files are in both; taken by one alone: {alone}")
    check("both take the same files", len(both) > 7 and len(alone) < 8, alone)
    for level in LEVELS:
        same(f"identifiers of {level}", sorted(ours.json("/" + level)), sorted(theirs.json("/" + level)))
        a, b = ({one["ID"]: plain(one) for one in s.json("/" + level, expand="")} for s in (ours, theirs))
        wrong = [d for key in a for d in differences(a[key], b.get(key, {}), key) if not known(*d) and not (d[2] == "absent" and d[0].rsplit("/", 1)[1] in ("NumberOfSlices", "ImageIndex"))]  # of VR UN in one file
        check(f"descriptions of {len(a)} {level}", not wrong and len(a) == len(b), wrong[:10])
    return both


def everywhere(tags):
    """Every attribute of /tags, those of sequences too, each with its tag."""
    for tag, one in tags.items():
        yield one | {"tag": tag}
        for item in one["Value"] if one["Type"] == "Sequence" else []:
            yield from everywhere(item)


def tags(ours, theirs, both):
    private = {}
    for form in ("tags", "simplified-tags"):
        wrong, seen = [], 0
        for name, made in both.items():
            a, b = (s.json(f"{made['Path']}/{form}") for s in (ours, theirs))
            seen += len(b)
            if form == "tags":
                private[name] = {t["Name"] for side in (a, b) for t in everywhere(side) if int(t["tag"][:4], 16) % 2} | {"Unknown Tag & Data"}
            if name.endswith(ODD):
                continue
            wrong += [(name, *d) for d in differences(a, b) if not known(*d) and not any(part in private[name] for part in re.split(r"/|\[", d[0]))]
        print(f"     {form}: {seen} attributes, {len(wrong)} differ")
        check(f"{form} of {len(both)} instances", not wrong, "\n     ".join(str(w)[:300] for w in wrong[:60]))


def questions(ours, theirs):
    study = theirs.json("/studies", expand="")[0]
    some = study["MainDicomTags"]
    patient = study["PatientMainDicomTags"]
    for body in ({"Level": "Study", "Query": {"PatientID": patient.get("PatientID", "*")}},
                 {"Level": "Study", "Query": {"StudyInstanceUID": some["StudyInstanceUID"]}, "Expand": True},
                 {"Level": "Study", "Query": {"PatientName": "*a*"}}, {"Level": "Study", "Query": {"PatientName": "*A*"}, "CaseSensitive": True},
                 {"Level": "Study", "Query": {"StudyDate": "20000101-20101231"}}, {"Level": "Study", "Query": {"StudyDate": "-20101231"}},
                 {"Level": "Series", "Query": {"Modality": "CT\\MR"}}, {"Level": "Series", "Query": {"Modality": "ct"}},
                 {"Level": "Instance", "Query": {"InstanceNumber": "1"}},
                 {"Level": "Instance", "Query": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}},
                 {"Level": "Series", "Query": {"0008,0070": "*"}}, {"Level": "Study", "Query": {"ModalitiesInStudy": "MR"}}, {"Level": "Study", "Query": {}}):
        a, b = ours.find(**body), theirs.find(**body)
        same(f"find {json.dumps(body)}: {len(b) if isinstance(b, list) else b}", plain(a), plain(b))
    a, b = (set(s.find(Level="Patient", Query={"PatientSex": "F"})) for s in (ours, theirs))
    check("what the first object of a study leaves empty is known from later ones", b <= a and len(a - b) < 3, (b - a, a - b))
    for value in (patient.get("PatientID", ""), some["StudyInstanceUID"], some.get("AccessionNumber", ""), "nothing"):
        a, b = (s.session.post(s.base + "/tools/lookup", data=value, timeout=60).json() for s in (ours, theirs))
        same("lookup", plain(a), plain(b))
    page = [len(s.json("/instances", since=1, limit=3)) for s in (ours, theirs)]
    same("pages", page[0], page[1])
    a, b = (s.json("/statistics") for s in (ours, theirs))
    counts = [{k: v for k, v in one.items() if k.startswith("Count")} for one in (a, b)]
    same("counts", *counts)
    check("the same fields", set(a) == set(b), set(a) ^ set(b))
    a, b = (set(s.json("/system")) for s in (ours, theirs))
    check("the fields of /system", not b - a, b - a)


def everything(script):
    """All changes, page by page."""
    out, since = [], 0
    while True:
        page = script.json("/changes", since=since, limit=50)
        out += page["Changes"]
        since = page["Last"]
        if page["Done"]:
            return out


def objects(ours, theirs, both):
    kinds = [sorted((c["ChangeType"], c["ID"], c["Path"], c["ResourceType"]) for c in everything(s) if c["ChangeType"].startswith("New")) for s in (ours, theirs)]
    check(f"{len(kinds[1])} changes", kinds[0] == kinds[1], (sorted(set(kinds[0]) ^ set(kinds[1]))[:6], len(kinds[0])))
    orders = [[c["ChangeType"] for c in everything(s)][:4] for s in (ours, theirs)]
    same("the order of the first", *orders)
    name, made = next(iter(both.items()))
    a, b = (s.get(made["Path"] + "/file").content for s in (ours, theirs))
    check("files are the same", a == b)
    a, b = (s.get(made["Path"] + "/preview") for s in (ours, theirs))
    check("pictures are PNG of one size", a.headers["Content-Type"] == b.headers["Content-Type"] == "image/png" and a.content[16:24] == b.content[16:24])
    zips = [zipfile.ZipFile(io.BytesIO(s.get("/studies/" + made["ParentStudy"] + "/archive").content)) for s in (ours, theirs)]
    check("ZIP files hold the same", zips[0].testzip() is None and sorted(zips[0].read(n) for n in zips[0].namelist()) == sorted(zips[1].read(n) for n in zips[1].namelist()))
    for below, path in (("instances", "/studies/" + made["ParentStudy"]), ("studies", "/patients/" + made["ParentPatient"]), ("series", "/studies/" + made["ParentStudy"])):
        same(f"{below} of one above", *(plain(s.json(f"{path}/{below}")) for s in (ours, theirs)))
    for above in ("patient", "study", "series"):
        same(f"{above} of an instance", *(plain(s.json(f"{made['Path']}/{above}")) for s in (ours, theirs)))
    same("deleting an instance", *(s.delete(made["Path"]).json() for s in (ours, theirs)))
    same("and it is gone", *(s.get(made["Path"]).status_code for s in (ours, theirs)))
    same("deleting its series", *(s.delete("/series/" + made["ParentSeries"]).json() for s in (ours, theirs)))
    same("deleting its patient", *(s.delete("/patients/" + made["ParentPatient"]).status_code for s in (ours, theirs)))
    same("what is left", *(sorted(s.json("/series")) for s in (ours, theirs)))
    same("what is no DICOM", *(s.upload(b"no DICOM").status_code for s in (ours, theirs)))


with Folder() as at:
    ports = free_ports(2)
    with Node(sys.argv[1], at, 'peers: ["ACESO@127.0.0.1"]') as node, Orthanc(at, node.dicom_port, ports) as orthanc:
        mine, theirs = Script(node.address + "/orthanc", "script", node.token), Script(f"http://127.0.0.1:{orthanc.http}", "script", "any")
        kept = compare(mine, theirs)
        tags(mine, theirs, kept)
        questions(mine, theirs)
        objects(mine, theirs, kept)
        asked = requests.get(node.address + "/orthanc/system", timeout=60)
        check("who shows nothing is asked for user and password", asked.status_code == 401 and asked.headers["WWW-Authenticate"].startswith("Basic"))
        check("a wrong password is refused", requests.get(node.address + "/orthanc/system", auth=("script", "secret"), timeout=60).status_code == 401)
finish()
