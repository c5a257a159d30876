"""Worklist, performed procedure steps and storage commitment with peers of other hands: pynetdicom, and wlmscpfs of DCMTK.
  tools/dicom_peers tests/interop/dicom_services.py build/dev/apps/aceso/aceso"""
import json
import sys
import threading

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (CTImageStorage, ModalityPerformedProcedureStep, ModalityWorklistInformationFind, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)

from dicom_node import Folder, Node, Peer, check, eventually, finish, free_ports, make_study, need, run

program = sys.argv[1]
need("wlmscpfs", "dump2dcm", "storescu", "storescp")


def associated(node, context, title="CT1"):
    ae = AE(ae_title=title)
    ae.add_requested_context(context)
    association = ae.associate("127.0.0.1", node.dicom_port, ae_title="ACESO")
    if not association.is_established:
        raise RuntimeError("the node refused the association")
    return association


def order(node, **fields):
    status, body = node.request("POST", "/api/v1/archive/modality-worklist", json.dumps(fields).encode(), Content_Type="application/json")
    return status, json.loads(body)


def worklist_and_steps(folder):
    with Node(program, folder, 'peers: ["CT1@127.0.0.1"]') as node:
        status, made = order(node, patient_name="Müller^Änne", patient_id="P1", accession="A1", modality="CT", date="20260131", time="0930", station_ae="CT1", procedure="Thorax")
        check("a step is scheduled by REST", status == 201 and made["state"] == "scheduled", made)
        order(node, patient_name="Wang^XiaoDong=王^小东", patient_id="P2", modality="MR", date="20260131", station_ae="MR1")
        status, wrong = order(node, patient_name="X", patient_id="P3", modality="CT", date="tomorrow")
        check("a wrong date is refused and named", status == 400 and "date" in wrong["detail"], wrong)

        def asked(**step):
            query = Dataset()
            query.SpecificCharacterSet = "ISO_IR 192"
            query.PatientName, query.PatientID, query.AccessionNumber, query.StudyInstanceUID = "", "", "", ""
            item = Dataset()
            item.ScheduledStationAETitle, item.Modality, item.ScheduledProcedureStepStartDate, item.ScheduledProcedureStepID, item.ScheduledProcedureStepStatus = "", "", "", "", ""
            for name, value in step.items():
                setattr(item, name, value)
            query.ScheduledProcedureStepSequence = [item]
            association = associated(node, ModalityWorklistInformationFind)
            found = [data for status, data in association.send_c_find(query, ModalityWorklistInformationFind) if status and status.Status in (0xFF00, 0xFF01)]
            association.release()
            return found
        found = asked(ScheduledStationAETitle="CT1", ScheduledProcedureStepStartDate="20260101-20260201")
        check("pynetdicom reads the worklist of its station", len(found) == 1 and found[0].PatientName == "Müller^Änne" and found[0].StudyInstanceUID == made["study_uid"], found)
        step = found[0].ScheduledProcedureStepSequence[0]
        check("with the step", (step.Modality, step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepID, step.ScheduledProcedureStepStatus) == ("CT", "20260131", made["step_id"], "SCHEDULED"), step)
        check("Chinese names pass", str(asked(Modality="MR")[0].PatientName) == "Wang^XiaoDong=王^小东")
        status, out = run([program, "--home", folder / "client", "--json", "dicom", "worklist", node.ae, "--aet", "CT1", "--modality", "CT"])
        check("aceso dicom worklist reads it too", status == 0 and [m["PatientID"] for m in json.loads(out)["matches"]] == ["P1"], out)

        association = associated(node, ModalityPerformedProcedureStep)
        begun = Dataset()
        begun.SpecificCharacterSet = "ISO_IR 192"
        begun.PatientName, begun.PatientID, begun.Modality, begun.PerformedProcedureStepID = "Müller^Änne", "P1", "CT", "PPS1"
        begun.PerformedStationAETitle, begun.PerformedProcedureStepStartDate, begun.PerformedProcedureStepStartTime, begun.PerformedProcedureStepStatus = "CT1", "20260131", "093100", "IN PROGRESS"
        scheduled = Dataset()
        scheduled.StudyInstanceUID, scheduled.AccessionNumber, scheduled.ScheduledProcedureStepID = made["study_uid"], "A1", made["step_id"]
        begun.ScheduledStepAttributesSequence, begun.PerformedSeriesSequence = [scheduled], []
        status, _ = association.send_n_create(begun, ModalityPerformedProcedureStep, "1.2.826.0.1.3680043.10.9.1")
        check("N-CREATE", status.Status == 0, status)
        check("the step has started", asked(Modality="CT")[0].ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus == "STARTED")
        ended = Dataset()
        ended.PerformedProcedureStepStatus, ended.PerformedProcedureStepEndDate, ended.PerformedProcedureStepEndTime = "COMPLETED", "20260131", "094500"
        series = Dataset()
        series.SeriesInstanceUID, series.ReferencedImageSequence = made["study_uid"] + ".1", []
        for n in range(3):
            image = Dataset()
            image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CTImageStorage, f"{made['study_uid']}.1.{n + 1}"
            series.ReferencedImageSequence.append(image)
        ended.PerformedSeriesSequence = [series]
        status, _ = association.send_n_set(ended, ModalityPerformedProcedureStep, "1.2.826.0.1.3680043.10.9.1")
        check("N-SET completes it", status.Status == 0, status)
        status, _ = association.send_n_set(ended, ModalityPerformedProcedureStep, "1.2.826.0.1.3680043.10.9.1")
        check("a step that has ended may not be updated (0110)", status.Status == 0x0110, status)
        association.release()
        check("it is offered no more", asked(Modality="CT") == [])
        status, body = node.request("GET", "/api/v1/archive/performed-steps")
        kept = json.loads(body)["items"][0]
        check("and is kept with what was made", (kept["state"], kept["reporter"], kept["patient_name"], kept["series"][0]["instances"]) == ("completed", "CT1", "Müller^Änne", 3), kept)
        status, body = node.request("GET", "/api/v1/archive/modality-worklist?state=completed")
        one = json.loads(body)["items"][0]
        check("listed as completed", one["id"] == made["id"])
        check("and deleted", node.request("DELETE", "/api/v1/archive/modality-worklist/" + made["id"])[0] == 204 and node.request("DELETE", "/api/v1/archive/modality-worklist/" + made["id"])[0] == 404)


def step_completes_forwarding(folder):
    """A series goes on as soon as the modality has reported its end and everything it named is here; nobody waits for the quiet hour."""
    study, made = make_study(folder / "files", 77, 3)
    uids = sorted(made)
    port = free_ports(1)[0]
    (folder / "taken").mkdir()
    with Peer(["storescp", "-aet", "PACS", "-od", folder / "taken", port], port), Node(
            program, folder, f'peers: ["CT1@127.0.0.1", "PACS@127.0.0.1:{port}"]', "forward: {quiet: 1h, rules: [{match: {modality: CT}, to: PACS}]}\n") as node:
        status, out = run(["storescu", "-aet", "CT1", "-aec", "ACESO", "127.0.0.1", node.dicom_port, "+sd", folder / "files"])
        check("a study of three objects is stored", status == 0, out)
        association = associated(node, ModalityPerformedProcedureStep)
        begun = Dataset()
        begun.PatientID, begun.Modality, begun.PerformedProcedureStepID, begun.PerformedProcedureStepStatus = "P1", "CT", "PPS2", "IN PROGRESS"
        begun.PerformedStationAETitle, begun.PerformedProcedureStepStartDate, begun.PerformedProcedureStepStartTime = "CT1", "20260131", "093100"
        scheduled = Dataset()
        scheduled.StudyInstanceUID = study
        begun.ScheduledStepAttributesSequence, begun.PerformedSeriesSequence = [scheduled], []
        status, _ = association.send_n_create(begun, ModalityPerformedProcedureStep, "1.2.826.0.1.3680043.10.9.7")
        check("its step begins", status.Status == 0, status)
        check("nothing is sent on while it runs", json.loads(node.request("GET", "/api/v1/archive/forwards")[1])["items"] == [])
        ended = Dataset()
        ended.PerformedProcedureStepStatus, ended.PerformedProcedureStepEndDate, ended.PerformedProcedureStepEndTime, ended.PerformedSeriesSequence = "COMPLETED", "20260131", "094500", []
        by_series = {}
        for file in (folder / "files").iterdir():
            head = dcmread(file, stop_before_pixels=True)
            by_series.setdefault(head.SeriesInstanceUID, []).append(head.SOPInstanceUID)
        for uid, objects in by_series.items():
            series = Dataset()
            series.SeriesInstanceUID, series.ReferencedImageSequence = uid, []
            for one in objects:
                image = Dataset()
                image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CTImageStorage, one
                series.ReferencedImageSequence.append(image)
            ended.PerformedSeriesSequence.append(series)
        status, _ = association.send_n_set(ended, ModalityPerformedProcedureStep, "1.2.826.0.1.3680043.10.9.7")
        association.release()
        check("its step ends", status.Status == 0, status)
        step = json.loads(node.request("GET", "/api/v1/archive/performed-steps?state=completed&modality=CT&station_ae=CT1&date=20260131")[1])["items"]
        check("it says what of it is here, and in which study", len(step) == 1 and step[0]["study"] == study and sum(one["here"] for one in step[0]["series"]) == 3, step)
        check("every object is sent on at once", eventually(lambda: len(list((folder / "taken").iterdir())) == 3), list((folder / "taken").iterdir()))
        check("and it is written down", eventually(lambda: all(one["state"] == "sent" for one in json.loads(node.request("GET", "/api/v1/archive/forwards")[1])["items"])))
        check("objects keep their names", sorted(dcmread(file, force=True).SOPInstanceUID for file in (folder / "taken").iterdir()) == uids)


def commitment(folder):
    """The modality asks, releases, and hears the result on an association that the node opens."""
    study, made = make_study(folder / "files", 31, 3)
    port = free_ports(1)[0]
    reports, come = [], threading.Event()

    def report(event):
        reports.append((event.event_type, event.event_information))
        come.set()
        return 0x0000, None
    with Node(program, folder, f'peers: ["CT1@127.0.0.1:{port}"]') as node:
        status, out = run(["storescu", "-aet", "CT1", "-aec", "ACESO", "127.0.0.1", node.dicom_port, "+sd", folder / "files"])
        check("three objects are stored", status == 0, out)
        modality = AE(ae_title="CT1")
        modality.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        server = modality.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, report)])
        try:
            for transaction, uids, event in (("1.2.826.0.1.3680043.10.9.2", list(made), 1), ("1.2.826.0.1.3680043.10.9.3", [*made, "1.2.3.4.5"], 2)):
                come.clear()
                action = Dataset()
                action.TransactionUID, action.ReferencedSOPSequence = transaction, []
                for uid in uids:
                    one = Dataset()
                    one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = CTImageStorage, uid
                    action.ReferencedSOPSequence.append(one)
                association = associated(node, StorageCommitmentPushModel)
                status, _ = association.send_n_action(action, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
                association.abort()   # nobody is there any more when the result is ready
                check("N-ACTION", status.Status == 0, status)
                if not check("the result comes on a new association", come.wait(60)):
                    continue
                kind, result = reports[-1]
                check(f"event {event}, with its transaction", kind == event and result.TransactionUID == transaction, (kind, result))
                check("all that is on disk is committed", sorted(i.ReferencedSOPInstanceUID for i in result.ReferencedSOPSequence) == sorted(made), result)
                if event == 2:
                    check("what is not there is named with its reason", [(i.ReferencedSOPInstanceUID, i.FailureReason) for i in result.FailedSOPSequence] == [("1.2.3.4.5", 0x0112)], result)
        finally:
            server.shutdown()


def wlmscpfs(folder):
    """DCMTK's worklist server answers us."""
    port = free_ports(1)[0]
    (folder / "RIS").mkdir()
    (folder / "RIS" / "lockfile").touch()
    for n, (name, modality, date) in enumerate((("Doe^Jane", "CT", "20260131"), ("Roe^Rita", "MR", "20260201"))):
        (folder / "dump").write_text(
            f"(0008,0005) CS [ISO_IR 100]\n(0008,0050) SH [A{n}]\n(0010,0010) PN [{name}]\n(0010,0020) LO [P{n}]\n(0010,0030) DA [19600101]\n(0010,0040) CS [F]\n(0020,000d) UI [1.2.3.{n}]\n(0032,1060) LO [Exam]\n"
            f"(0040,0100) SQ\n(fffe,e000) -\n(0008,0060) CS [{modality}]\n(0040,0001) AE [{modality}1]\n(0040,0002) DA [{date}]\n(0040,0003) TM [0930]\n(0040,0006) PN [Smith^S]\n(0040,0007) LO [Step]\n(0040,0009) SH [S{n}]\n"
            f"(fffe,e00d) -\n(fffe,e0dd) -\n(0040,1001) SH [RP{n}]\n")
        status, out = run(["dump2dcm", "-g", folder / "dump", folder / "RIS" / f"{n}.wl"])
        check("a worklist file is made", status == 0, out)
    with Peer(["wlmscpfs", "-dfp", folder, port], port):
        def ask(*options):
            return run([program, "--home", folder / "client", "--json", "dicom", "worklist", f"RIS@127.0.0.1:{port}", *options])
        status, out = ask()
        check("wlmscpfs gives two steps", status == 0 and sorted(m["PatientName"] for m in json.loads(out)["matches"]) == ["Doe^Jane", "Roe^Rita"], out)
        status, out = ask("--modality", "CT", "--date", "20260101-20260131")
        check("and one by modality and date", status == 0 and [(m["PatientID"], m["ScheduledProcedureStepID"], m["StudyInstanceUID"]) for m in json.loads(out)["matches"]] == [("P0", "S0", "1.2.3.0")], out)


for part in (worklist_and_steps, step_completes_forwarding, commitment, wlmscpfs):
    with Folder() as at:
        part(at)
finish()
