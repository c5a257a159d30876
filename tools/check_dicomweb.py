"""DICOMweb against a running node with clients that are not ours: dicomweb-client (Python) and pydicom as reader.
Usage: check_dicomweb.py ADDRESS TOKEN. Prints one line a check, exit status 1 when one fails."""
import io
import sys

import numpy as np
import pydicom
import requests
from dicomweb_client import DICOMwebClient
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, generate_uid

failed = 0


def check(name, good):
    global failed
    failed += 0 if good else 1
    print(f"{'ok  ' if good else 'FAIL'} {name}")


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
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
