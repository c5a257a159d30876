#!/usr/bin/env python3
"""Writes libs/imaging/src/font.inc from X11's public domain font 9x15 (Debian package xfonts-base): one glyph a line,
15 rows of 9 bits, for U+0020..U+007E and U+00A0..U+00FF. Run by hand; the result is checked in.

    tools/make_bitmap_font.py /usr/share/fonts/X11/misc/9x15-ISO8859-1.pcf.gz > libs/imaging/src/font.inc
"""
import gzip
import struct
import sys

WIDTH, HEIGHT = 9, 15
METRICS, BITMAPS, ENCODINGS, ACCELERATORS = 1 << 2, 1 << 3, 1 << 5, 1 << 1


def tables(data):
    count = struct.unpack_from("<I", data, 4)[0]
    return {t: (f, o) for t, f, _, o in (struct.unpack_from("<4I", data, 8 + 16 * i) for i in range(count))}


def main():
    data = gzip.open(sys.argv[1]).read()
    assert data[:4] == b"\x01fcp"
    where = tables(data)
    form, at = where[METRICS]
    end = ">" if form & 4 else "<"
    assert form & 0x100, "compressed metrics expected"
    count = struct.unpack_from(end + "H", data, at + 4)[0]
    metrics = [tuple(b - 0x80 for b in data[at + 6 + 5 * i:at + 11 + 5 * i]) for i in range(count)]
    form, at = where[BITMAPS]
    end = ">" if form & 4 else "<"
    pad = 1 << (form & 3)
    count = struct.unpack_from(end + "I", data, at + 4)[0]
    offsets = struct.unpack_from(f"{end}{count}I", data, at + 8)
    pixels = at + 8 + 4 * count + 16
    first_bit_high = bool(form & 8)
    assert first_bit_high and end == ">", "most significant bit and byte first expected"
    form, at = where[ENCODINGS]
    end = ">" if form & 4 else "<"
    low, high, row_low, _, _ = struct.unpack_from(end + "5H", data, at + 4)
    indices = struct.unpack_from(f"{end}{high - low + 1}H", data, at + 14)
    ascent = struct.unpack_from(">i", data, where[ACCELERATORS][1] + 12)[0]
    for code in [*range(0x20, 0x7F), *range(0xA0, 0x100)]:
        left, right, _, up, down = metrics[indices[code - low]]
        stride = (right - left + 8 * pad - 1) // (8 * pad) * pad
        rows = [0] * HEIGHT
        for y in range(up + down):
            row = data[pixels + offsets[indices[code - low]] + y * stride:][:stride]
            bits = int.from_bytes(row, "big") >> (8 * stride - (right - left))
            rows[ascent - up + y] = bits << (WIDTH - right)
        print("{" + ", ".join(f"0x{r:03X}" for r in rows) + "},")


main()
