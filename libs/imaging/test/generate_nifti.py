"""Writes nifti_files.hpp: small NIfTI files and the values that nibabel reads from them, turned to LPS+ by nibabel.

    pip install nibabel==5.4.2 numpy && python3 generate_nifti.py > nifti_files.hpp
"""

import gzip
import io

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform


def lps(image):
    data = np.asarray(image.dataobj)
    turn = ornt_transform(io_orientation(image.affine), axcodes2ornt("LPS"))
    turned = apply_orientation(data, turn)
    zooms = np.array(image.header.get_zooms()[:3])
    order = np.argsort(turn[:, 0])
    return turned, zooms[order]


def to_bytes(image):
    out = io.BytesIO()
    image.to_file_map({"image": nib.FileHolder(fileobj=out), "header": nib.FileHolder(fileobj=out)})
    return out.getvalue()


def rotation(b, c, d):
    return nib.quaternions.quat2mat([np.sqrt(1 - b * b - c * c - d * d), b, c, d])


def cases():
    rng = np.random.default_rng(5)
    ras = np.diag([2.0, 3.0, 4.0, 1.0])
    i16 = rng.integers(-1000, 1000, (3, 4, 5)).astype(np.int16)
    yield "ras_int16", nib.Nifti1Image(i16, ras), False
    pir = np.array([[0, 0, 1.5, -7], [-2.0, 0, 0, 8], [0, 2.5, 0, 9], [0, 0, 0, 1]])
    yield "turned_uint8", nib.Nifti1Image(rng.integers(0, 255, (4, 3, 2)).astype(np.uint8), pir), True
    scaled = nib.Nifti1Image(i16, ras)
    scaled.header.set_slope_inter(0.5, -10)
    yield "scaled_int16", scaled, False
    oblique = np.eye(4)
    oblique[:3, :3] = rotation(0.1, -0.2, 0.05) @ np.diag([-1.0, 1.2, 2.0])
    qform = nib.Nifti1Image(rng.normal(size=(2, 3, 4)).astype(np.float32), oblique)
    qform.set_sform(None, code=0)
    qform.set_qform(oblique, code=1)
    yield "qform_float32", qform, True
    yield "second_float64", nib.Nifti2Image(rng.normal(size=(2, 2, 3)), np.diag([-1.0, -1.0, 1.0, 1.0])), False
    big = nib.Nifti1Image(i16[:2], ras, header=nib.Nifti1Header(endianness=">"))
    yield "big_endian_int16", big, False


def literal(data):
    return ", ".join(repr(float(v)) for v in data)


print("// Written by generate_nifti.py with nibabel", nib.__version__)
print("#pragma once\n\n#include <array>\n#include <string_view>\n#include <vector>\n")
print("namespace aceso::imaging {\n")
print("struct NiftiCase {\n  std::string_view name, hex;\n  std::array<int, 3> size;       // x, y, z of LPS+")
print("  std::array<double, 3> spacing;\n  std::vector<double> values;    // scaled, x fastest\n};\n")
print("inline const std::vector<NiftiCase>& nifti_cases() {\n  static const std::vector<NiftiCase> cases{")
for name, image, packed in cases():
    raw = to_bytes(image)
    again = type(image).from_bytes(raw)
    turned, zooms = lps(again)
    if packed:
        raw = gzip.compress(raw, mtime=0)
    print(f'      {{"{name}",\n       "{raw.hex()}",')
    print("       {%d, %d, %d}," % turned.shape, "{%s}," % literal(zooms))
    print("       {%s}}," % literal(np.asarray(turned, dtype=np.float64).flatten(order="F")))
print("  };\n  return cases;\n}\n\n}  // namespace aceso::imaging")
