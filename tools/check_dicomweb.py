"""DICOMweb against a running node with clients that are not ours: dicomweb-client (Python), pydicom as reader, and curl.
Usage: check_dicomweb.py PROGRAM. Prints one line a check, exit status 1 when one fails."""
import io
import json
import pathlib
import sys

import numpy as np
import pydicom
import requests
from dicomweb_client import DICOMwebClient
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, generate_uid

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests" / "interop"))
from dicom_node import Folder, Node, check, finish, run  # noqa: E402


def make(study, series, number, syntax):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = syntax
    d = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    d.SpecificCharacterSet = "ISO_IR 192"
    d.SOPClassUID, d.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    d.StudyInstanceUID, d.SeriesInstanceUID = study, series
    d.PatientName, d.PatientID = "Müller^Änne", "INTEROP-1"
    d.StudyDate, d.StudyTime, d.AccessionNumber, d.Modality = "20240131", "101500", "ACC7", "CT"
    d.StudyDescription, d.SeriesNumber, d.InstanceNumber = "Interop", 1, number
    d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = 48, 64, 1, "MONOCHROME2"
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 12, 11, 0
    d.PixelData = np.random.default_rng(number).integers(0, 4096, (48, 64), dtype=np.uint16).tobytes()
    return d


def file_bytes(d):
    out = io.BytesIO()
    d.save_as(out, enforce_file_format=True)
    return out.getvalue()


def main(address, token):
    headers = {"Authorization": f"Bearer {token}"}
    client = DICOMwebClient(f"{address}/dicom-web", headers=headers)
    study, series = generate_uid(), generate_uid()
    sent = [make(study, series, n + 1, s) for n, s in enumerate([ExplicitVRLittleEndian, ImplicitVRLittleEndian])]
    rle = make(study, series, 3, ExplicitVRLittleEndian)
    pixels = rle.pixel_array.copy()
    rle.compress(RLELossless, generate_instance_uid=False)
    sent.append(rle)

    answer = client.store_instances(sent)
    check("store_instances: three stored", len(answer.ReferencedSOPSequence) == 3 and "FailedSOPSequence" not in answer)

    found = client.search_for_studies(search_filters={"PatientID": "INTEROP-1"}, fields=["StudyDescription"])
    check("search_for_studies by PatientID", len(found) == 1 and found[0]["0020000D"]["Value"] == [study])
    check("names are UTF-8", found[0]["00100010"]["Value"][0]["Alphabetic"] == "Müller^Änne")
    check("included field", found[0]["00081030"]["Value"] == ["Interop"])
    check("fuzzy search", len(client.search_for_studies(fuzzymatching=True, search_filters={"PatientName": "Änne"})) == 1)
    check("no match", client.search_for_studies(search_filters={"PatientID": "NOBODY"}) == [])
    check("search_for_series", len(client.search_for_series(study)) == 1)
    check("search_for_instances", len(client.search_for_instances(study, series)) == 3)

    metadata = client.retrieve_series_metadata(study, series)
    check("retrieve_series_metadata", [m["00200013"]["Value"][0] for m in metadata] == [1, 2, 3])
    as_dataset = pydicom.Dataset.from_json(metadata[0], bulk_data_uri_handler=lambda *_: b"")
    check("pydicom reads the metadata", as_dataset.PatientName == "Müller^Änne")

    for n, syntax in enumerate([ExplicitVRLittleEndian, ImplicitVRLittleEndian]):  # dicomweb-client writes meta information of its own
        d = make(generate_uid(), generate_uid(), n, syntax)
        d.PatientID = "INTEROP-2"
        file = file_bytes(d)
        put = requests.post(f"{address}/dicom-web/studies", headers=headers | {"Content-Type": "application/dicom"}, data=file, timeout=60)
        url = f"{address}/dicom-web/studies/{d.StudyInstanceUID}/series/{d.SeriesInstanceUID}/instances/{d.SOPInstanceUID}"
        kept = requests.get(url, headers=headers | {"Accept": "application/dicom; transfer-syntax=*"}, timeout=60)
        check(f"byte for byte as sent, {syntax.name}", put.status_code == 200 and kept.content == file)
    back = client.retrieve_instance(study, series, rle.SOPInstanceUID)
    check("retrieve_instance decodes alike", np.array_equal(back.pixel_array, pixels))
    plain = client.retrieve_instance(study, series, rle.SOPInstanceUID, media_types=(("application/dicom", str(ExplicitVRLittleEndian)),))
    check("transcoded to explicit little endian",
          plain.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian and np.array_equal(plain.pixel_array, pixels))
    check("retrieve_series", len(client.retrieve_series(study, series)) == 3)
    frame = client.retrieve_instance_frames(study, series, rle.SOPInstanceUID, [1], media_types=("application/octet-stream",))
    check("retrieve_instance_frames", frame[0] == pixels.tobytes())
    png = client.retrieve_instance_rendered(study, series, sent[0].SOPInstanceUID, media_types=("image/png",))
    check("retrieve_instance_rendered", png[:8] == b"\x89PNG\r\n\x1a\n")

    again = client.store_instances([sent[0]])
    check("the same object again", len(again.ReferencedSOPSequence) == 1)
    sent[0].PatientComments = "other"
    other = requests.post(
        f"{address}/dicom-web/studies", headers=headers | {"Content-Type": "application/dicom"}, data=file_bytes(sent[0]), timeout=60)
    check("another object under its UID is a conflict", other.status_code == 409)
    check("without a token", requests.get(f"{address}/dicom-web/studies", timeout=60).status_code == 401)
    client.delete_study(study)
    check("deleted", client.search_for_studies(search_filters={"PatientID": "INTEROP-1"}) == [])


def code(value):
    d = pydicom.Dataset()
    d.CodeValue, d.CodingSchemeDesignator, d.CodeMeaning = value, "99TEST", value.lower()
    return d


def work_items(address, token):
    """UPS-RS with requests; pydicom writes and reads the data sets."""
    root, headers = f"{address}/dicom-web/workitems", {"Authorization": f"Bearer {token}", "Accept": "application/dicom+json"}

    def send(method, path, *data_sets):
        body = {} if not data_sets else {"data": json.dumps([d.to_json_dict() for d in data_sets])}
        return requests.request(method, root + path, headers=headers | {"Content-Type": "application/dicom+json"} if data_sets else headers, timeout=60, **body)

    def state(value, transaction):
        d = pydicom.Dataset()
        d.ProcedureStepState, d.TransactionUID = value, transaction
        return d

    task = pydicom.Dataset()
    task.PatientName, task.PatientID, task.StudyInstanceUID = "Müller^Änne", "UPS-1", generate_uid()
    task.ProcedureStepState, task.ScheduledProcedureStepPriority, task.InputReadinessState = "SCHEDULED", "HIGH", "READY"
    task.ProcedureStepLabel, task.WorklistLabel, task.ScheduledProcedureStepStartDateTime = "Contour", "interop", "20260131101500"
    task.ScheduledWorkitemCodeSequence = [code("CONTOUR")]
    uid, lock = generate_uid(), generate_uid()
    made = send("POST", f"?{uid}", task)
    check("UPS-RS: created", made.status_code == 201 and made.headers["Location"].endswith(f"/dicom-web/workitems/{uid}"), made.text)
    found = [pydicom.Dataset.from_json(one) for one in send("GET", "?ProcedureStepState=SCHEDULED&PatientID=UPS-1").json()]
    check("UPS-RS: found", [d.SOPInstanceUID for d in found] == [uid] and found[0].PatientName == "Müller^Änne")
    check("UPS-RS: claimed", send("PUT", f"/{uid}/state", state("IN PROGRESS", lock)).status_code == 200)
    late = send("PUT", f"/{uid}/state", state("IN PROGRESS", generate_uid()))
    check("UPS-RS: who is late is told", late.status_code == 409 and late.headers["Warning"].startswith("299 "))
    wrong = send("PUT", f"/{uid}/state", state("COMPLETED", generate_uid()))
    check("UPS-RS: another's lock", wrong.status_code == 400 and "Transaction UID is incorrect" in wrong.headers["Warning"])
    check("UPS-RS: nothing performed yet", send("PUT", f"/{uid}/state", state("COMPLETED", lock)).status_code == 409)
    performed = pydicom.Dataset()
    performed.PerformedStationNameCodeSequence, performed.PerformedWorkitemCodeSequence = [code("STATION")], [code("CONTOUR")]
    performed.PerformedProcedureStepStartDateTime = performed.PerformedProcedureStepEndDateTime = "20260131102000"
    performed.OutputInformationSequence = []
    report = pydicom.Dataset()
    report.UnifiedProcedureStepPerformedProcedureSequence = [performed]
    check("UPS-RS: updated", send("POST", f"/{uid}?transaction-uid={lock}", report).status_code == 200)
    check("UPS-RS: completed", send("PUT", f"/{uid}/state", state("COMPLETED", lock)).status_code == 200)
    kept = pydicom.Dataset.from_json(send("GET", f"/{uid}").json()[0])
    check("UPS-RS: retrieved, without the lock", kept.ProcedureStepState == "COMPLETED" and "TransactionUID" not in kept and kept.UnifiedProcedureStepPerformedProcedureSequence[0].PerformedWorkitemCodeSequence[0].CodeValue == "CONTOUR")
    check("UPS-RS: too late to cancel", send("POST", f"/{uid}/cancelrequest").status_code == 409)
    check("UPS-RS: what is not there", send("GET", f"/{generate_uid()}").status_code == 404)


def with_curl(node, folder):
    """STOW-RS with several parts, QIDO-RS and WADO-RS as somebody with a shell uses them."""
    study, series = generate_uid(), generate_uid()
    files = []
    for n in range(3):
        d = make(study, series, n + 1, ExplicitVRLittleEndian)
        d.PatientID = "CURL-1"
        files.append(folder / f"{d.SOPInstanceUID}.dcm")
        files[-1].write_bytes(file_bytes(d))
    body = b"".join(b"--part\r\nContent-Type: application/dicom\r\n\r\n" + f.read_bytes() + b"\r\n" for f in files) + b"--part--\r\n"
    (folder / "stow").write_bytes(body)
    curl = ["curl", "-sS", "--fail-with-body", "-H", "Authorization: Bearer " + node.token]
    status, out = run([*curl, "-H", 'Content-Type: multipart/related; type="application/dicom"; boundary=part', "-H", "Accept: application/dicom+json",
                       "--data-binary", f"@{folder / 'stow'}", node.address + "/dicom-web/studies"])
    check("curl: STOW-RS of three parts", status == 0 and len(json.loads(out)["00081199"]["Value"]) == 3, out)
    status, out = run([*curl, "-H", "Accept: application/dicom+json", node.address + "/dicom-web/studies?PatientID=CURL-1&includefield=all"])
    check("curl: QIDO-RS", status == 0 and json.loads(out)[0]["00201208"]["Value"] == [3], out)
    for file in files:
        got = folder / "got"
        status, out = run([*curl, "-H", "Accept: application/dicom; transfer-syntax=*", "-o", got,
                           f"{node.address}/dicom-web/studies/{study}/series/{series}/instances/{file.stem}"])
        check("curl: WADO-RS gives the file back", status == 0 and got.read_bytes() == file.read_bytes(), out)
    status, out = run([*curl, "--compressed", "-H", "Accept: application/dicom+json", f"{node.address}/dicom-web/studies/{study}/metadata"])
    check("curl: metadata, compressed", status == 0 and len(json.loads(out)) == 3, out)
    status, out = run([*curl, "-o", folder / "frame", f"{node.address}/dicom-web/studies/{study}/series/{series}/instances/{files[0].stem}/frames/0"])
    check("curl: a frame that is not there is refused", status == 22, out)


if __name__ == "__main__":
    with Folder() as folder, Node(sys.argv[1], folder, "promiscuous: true") as node:
        main(node.address, node.token)
        work_items(node.address, node.token)
        with_curl(node, folder)
    finish()
