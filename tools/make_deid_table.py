#!/usr/bin/env python3
"""Writes libs/privacy/src/profile.inc and libs/privacy/src/vocabulary.inc from the standard's tables (confidentiality_profile_attributes.json.xz is the
JSON form of PS3.15 table E.1-1; the words come from the names of attributes, SOP classes and modules). Usage: make_deid_table.py FOLDER_WITH_THE_TABLES"""
import json, lzma, pathlib, re, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent / "libs/privacy/src"
OPTIONS = ["rtnUIDsOpt", "rtnDevIdOpt", "rtnInstIdOpt", "rtnPatCharsOpt", "rtnLongFullDatesOpt", "rtnLongModifDatesOpt", "cleanDescOpt", "cleanStructContOpt", "cleanGraphOpt"]
ACTIONS = {"X": "x", "Z": "z", "D": "d", "U": "u", "K": "k", "C": "c", "X/Z": "xz", "X/D": "xd", "Z/D": "zd", "X/Z/D": "xzd", "X/Z/U*": "xzu"}
# Words of protocols and series that the tables lack.
IMAGING = """abdomen abdominal acquisition adc and angio ankle ap arterial axial bilateral body bone brain breast c cardiac cervical chest coronal contrast cor ct decubitus delayed dwi
elbow fast femur flair foot for forearm fov from gadolinium hand head heart hip humerus in iv kidney knee l la lat lateral left leg liver localizer lower lumbar lung mm mediastinum
mip mpr mr neck no non normal oblique of on or pa pelvis per pet phase plain plane portal post pre prone prostate recon reformat right rib sag sagittal scan scout series shoulder skull
slice soft spine stir supine t t1 t2 the thick thin thoracic thorax tibia tissue to topogram tra transverse ultrasound upper us venous view w weighted whole window with without wo wrist xr"""
# Ordinary words of the tables that are names as well.
NAMES = "young king rose gray grey bell church ray cross page may april june august mark miles grant price day hunter bishop stone cook baker mason hill wood fields frank art dean drew rich will"


def load(folder, name):
    with lzma.open(folder / name, "rt", encoding="utf-8") as file:
        return json.load(file)


def main():
    folder = pathlib.Path(sys.argv[1])
    rows = {}
    for entry in load(folder, "confidentiality_profile_attributes.json.xz"):
        ident = entry["id"].lower().replace("50xxxxxx", "50000000").replace("60xx", "6000")
        if not re.fullmatch("[0-9a-f]{8}", ident):  # private attributes have a rule of their own
            continue
        cells = [entry["basicProfile"]] + [entry.get(option) or "" for option in OPTIONS]
        rows[int(ident, 16)] = ", ".join("Action::" + (ACTIONS[cell] if cell else "none") for cell in cells)
    note = "// Made by tools/make_deid_table.py from table E.1-1 of PS3.15; do not edit.\n"
    with open(ROOT / "profile.inc", "w", encoding="ascii") as out:
        out.write(note)
        for tag, cells in sorted(rows.items()):
            out.write(f"{{0x{tag:08X}, {cells}}},\n")
    words = set(IMAGING.split())
    names = [e["name"] for f in ("attributes.json.xz", "sops.json.xz", "modules.json.xz") for e in load(folder, f) if e.get("name")]
    for name in names:
        words.update(w for w in re.findall(r"[a-z]+", re.sub(r"\w+'s?", " ", name).lower()) if len(w) > 2)
    words -= set(NAMES.split())
    with open(ROOT / "vocabulary.inc", "w", encoding="ascii") as out:
        out.write(note.replace("table E.1-1 of PS3.15", "the names in the standard's tables"))
        for word in sorted(words):
            out.write(f'"{word}",\n')
    print(len(rows), "attributes,", len(words), "words")


main()
