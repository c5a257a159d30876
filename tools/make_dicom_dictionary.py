#!/usr/bin/env python3
"""Writes libs/dicom/src/dictionary.inc, libs/dicom/src/sop_classes.inc and libs/dicom/include/aceso/dicom/tags.hpp from the standard's tables
(attributes.json.xz and sops.json.xz, the JSON form of PS3.6 and PS3.4). Usage: make_dicom_dictionary.py FOLDER_WITH_THE_TABLES"""
import json, lzma, pathlib, re, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent / "libs/dicom"
CHOICES = {"US or SS": ("us", "us_or_ss"), "OB or OW": ("ob", "ob_or_ow"), "US or OW": ("us", "us_or_ow"), "US or SS or OW": ("us", "us_or_ss_or_ow")}
# PS3.7 Annex E.1 and PS3.10 7.1: groups 0000 and 0002, which the attribute table leaves out.
EXTRA = """00000000 UL CommandGroupLength|00000002 UI AffectedSOPClassUID|00000003 UI RequestedSOPClassUID|00000100 US CommandField|00000110 US MessageID
00000120 US MessageIDBeingRespondedTo|00000600 AE MoveDestination|00000700 US Priority|00000800 US CommandDataSetType|00000900 US Status|00000901 AT OffendingElement 1-n
00000902 LO ErrorComment|00000903 US ErrorID|00001000 UI AffectedSOPInstanceUID|00001001 UI RequestedSOPInstanceUID|00001002 US EventTypeID|00001005 AT AttributeIdentifierList 1-n
00001008 US ActionTypeID|00001020 US NumberOfRemainingSuboperations|00001021 US NumberOfCompletedSuboperations|00001022 US NumberOfFailedSuboperations
00001023 US NumberOfWarningSuboperations|00001030 AE MoveOriginatorApplicationEntityTitle|00001031 US MoveOriginatorMessageID
00020000 UL FileMetaInformationGroupLength|00020001 OB FileMetaInformationVersion|00020002 UI MediaStorageSOPClassUID|00020003 UI MediaStorageSOPInstanceUID|00020010 UI TransferSyntaxUID
00020012 UI ImplementationClassUID|00020013 SH ImplementationVersionName|00020016 AE SourceApplicationEntityTitle|00020017 AE SendingApplicationEntityTitle
00020018 AE ReceivingApplicationEntityTitle|00020026 UR SourcePresentationAddress|00020027 UR SendingPresentationAddress|00020028 UR ReceivingPresentationAddress
00020035 OB RTVMetaInformationVersion|00020036 UI RTVCommunicationSOPClassUID|00020037 UI RTVCommunicationSOPInstanceUID|00020038 OB RTVSourceIdentifier
00020100 UI PrivateInformationCreatorUID|00020102 OB PrivateInformation
00041130 CS FileSetID|00041141 CS FileSetDescriptorFileID 1-8|00041142 CS SpecificCharacterSetOfFileSetDescriptorFile|00041200 UL OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity
00041202 UL OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity|00041212 US FileSetConsistencyFlag|00041220 SQ DirectoryRecordSequence|00041400 UL OffsetOfTheNextDirectoryRecord
00041410 US RecordInUseFlag|00041420 UL OffsetOfReferencedLowerLevelDirectoryEntity|00041430 CS DirectoryRecordType|00041432 UI PrivateRecordUID|00041500 CS ReferencedFileID 1-8
00041510 UI ReferencedSOPClassUIDInFile|00041511 UI ReferencedSOPInstanceUIDInFile|00041512 UI ReferencedTransferSyntaxUIDInFile|0004151A UI ReferencedRelatedGeneralSOPClassUIDInFile 1-n"""


def load(folder, name):
    with lzma.open(folder / name, "rt", encoding="utf-8") as file:
        return json.load(file)


def attributes(folder):
    rows = {}
    for line in re.split(r"[|\n]", EXTRA):
        tag, vr, keyword, *vm = line.split()
        rows[int(tag, 16)] = (vr.lower(), "one", False, keyword, vm[0] if vm else "1")
    for entry in load(folder, "attributes.json.xz"):
        ident = entry["id"].lower()
        if ident.startswith(("50xx", "60xx")):
            ident = ident[:2] + "00" + ident[4:]
        if "x" in ident or not entry["keyword"]:
            continue
        vr, choice = CHOICES.get(entry["valueRepresentation"], (entry["valueRepresentation"].lower(), "one"))
        if not re.fullmatch("[a-z]{2}", vr):  # items and delimiters have none
            continue
        keyword = re.sub(r"[^A-Za-z0-9]", "", entry["keyword"])
        rows[int(ident, 16)] = (vr, choice, entry["retired"] == "Y", keyword, entry["valueMultiplicity"].split(" ")[0])
    return dict(sorted(rows.items()))


def main():
    folder = pathlib.Path(sys.argv[1])
    rows = attributes(folder)
    note = "// Made by tools/make_dicom_dictionary.py from the tables of PS3.6; do not edit.\n"
    with open(ROOT / "src/dictionary.inc", "w", encoding="ascii") as out:
        out.write(note)
        for value, (vr, choice, retired, keyword, vm) in rows.items():
            out.write(f'{{{{0x{value >> 16:04X}, 0x{value & 0xFFFF:04X}}}, Vr::{vr}, VrChoice::{choice}, {str(retired).lower()}, "{keyword}", "{vm}"}},\n')
    with open(ROOT / "include/aceso/dicom/tags.hpp", "w", encoding="ascii") as out:
        out.write(note + "// Every standard attribute that is not retired, and the few retired ones that real files still carry.\n#pragma once\n\n"
                  '#include "aceso/dicom/tag.hpp"\n\n// clang-format off\nnamespace aceso::dicom::tags {\n\n')
        keep = {"PixelPaddingValue", "OverlayData", "OverlayRows", "OtherPatientIDs", "GraphicData", "ReferencedStudySequence", "AdditionalPatientHistory"}
        for value, (_, _, retired, keyword, _) in rows.items():
            if not retired or keyword in keep:
                out.write(f"inline constexpr Tag k{keyword[0].upper()}{keyword[1:]}{{0x{value >> 16:04X}, 0x{value & 0xFFFF:04X}}};\n")
        out.write("\n}  // namespace aceso::dicom::tags\n// clang-format on\n")
    with open(ROOT / "src/sop_classes.inc", "w", encoding="ascii") as out:
        out.write(note)
        for entry in sorted(load(folder, "sops.json.xz"), key=lambda e: e["id"]):
            out.write(f'{{"{entry["id"]}", "{entry["name"]}"}},\n')
    print(len(rows), "attributes")


main()
