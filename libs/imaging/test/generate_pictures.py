"""Writes picture_files.hpp: small TIFF files by tifffile, BMP files by Pillow, and the pixels that were put in.

    pip install tifffile==2026.3.3 pillow==13.0.0 numpy imagecodecs && python3 generate_pictures.py > picture_files.hpp
"""

import io

import numpy as np
import PIL
import tifffile
from PIL import Image

rng = np.random.default_rng(3)
GREY8 = rng.integers(0, 256, (5, 7), dtype=np.uint8)
GREY16 = rng.integers(0, 65536, (5, 7), dtype=np.uint16)
RGB8 = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
RGB16 = rng.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
BIG16 = rng.integers(0, 65536, (20, 18), dtype=np.uint16)


def tiff(data, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, data, metadata=None, software=False, **options)
    return out.getvalue()


def bmp(image):
    out = io.BytesIO()
    image.save(out, "BMP")
    return out.getvalue()


def pillow_tiff(image, **options):
    out = io.BytesIO()
    image.save(out, "TIFF", **options)
    return out.getvalue()


def cases():
    yield "tiff_grey8", tiff(GREY8), GREY8
    yield "tiff_grey16_big_endian", tiff(GREY16, byteorder=">"), GREY16
    yield "tiff_rgb8_deflate", tiff(RGB8, photometric="rgb", compression="zlib"), RGB8
    yield "tiff_rgb16_planes", tiff(np.moveaxis(RGB16, 2, 0).copy(), photometric="rgb", planarconfig="separate"), RGB16
    yield "tiff_grey16_tiles", tiff(BIG16, tile=(16, 16)), BIG16
    yield "tiff_min_is_white", tiff(GREY8, photometric="miniswhite"), 255 - GREY8
    yield "tiff_lzw", pillow_tiff(Image.fromarray(GREY8), compression="tiff_lzw"), GREY8
    colours = Image.fromarray(RGB8).quantize(8)
    yield "tiff_palette", pillow_tiff(colours), np.asarray(colours.convert("RGB"))
    yield "bmp_rgb", bmp(Image.fromarray(RGB8)), RGB8
    yield "bmp_grey", bmp(Image.fromarray(GREY8)), GREY8
    yield "bmp_palette", bmp(colours), np.asarray(colours.convert("RGB"))
    bits = Image.fromarray(GREY8 > 127)
    yield "bmp_1bit", bmp(bits), np.asarray(bits.convert("L"))
    yield "bmp_rgba", bmp(Image.fromarray(np.dstack([RGB8, GREY8]))), RGB8


print("// Written by generate_pictures.py with tifffile", tifffile.__version__, "and Pillow", PIL.__version__)
print("#pragma once\n\n#include <string_view>\n#include <vector>\n\nnamespace aceso::imaging {\n")
print("struct PictureCase {\n  std::string_view name, hex;\n  int height, width, channels, bits;\n  std::vector<int> values;\n};\n")
print("inline const std::vector<PictureCase>& picture_cases() {\n  static const std::vector<PictureCase> cases{")
for name, raw, pixels in cases():
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    print(f'      {{"{name}",\n       "{raw.hex()}",')
    print(f"       {pixels.shape[0]}, {pixels.shape[1]}, {channels}, {pixels.dtype.itemsize * 8},")
    print("       {%s}}," % ", ".join(str(int(v)) for v in pixels.flatten()))
print("  };\n  return cases;\n}\n\n}  // namespace aceso::imaging")
