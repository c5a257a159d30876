"""A long CT series for tools/bench_viewer: the slices of a real CT up and down again, each an object of its own at a place of its own, 512 x 512 at 16 bits. Only the standard library.
Usage: long_series.py FOLDER_WITH_SLICES TARGET [--slices 600] [--syntax explicit|jpegls|jpeg2000]: compressed by DCMTK's dcmcjpls, GDCM's gdcmconv. Prints the Study Instance UID."""
import argparse
import array
import pathlib
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import dicom_sender as dicom  # noqa: E402

SIDE = 512


def pixels_of(path):
    """Stored values as twelve bits from -1024 on: the last element of an uncompressed slice."""
    raw = array.array("h", path.read_bytes()[-SIDE * SIDE * 2:])
    return array.array("H", (min(4095, max(0, v + 1024 if low else v)) for low in (min(raw) < 0,) for v in raw)).tobytes()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("source", type=pathlib.Path)
    arguments.add_argument("target", type=pathlib.Path)
    arguments.add_argument("--slices", type=int, default=600)
    arguments.add_argument("--syntax", choices=("explicit", "jpegls", "jpeg2000"), default="explicit")
    a = arguments.parse_args()
    files = sorted(a.source.glob("*.dcm"))
    if len(files) < 2:
        sys.exit(f"long_series: {a.source} holds no slices")
    pictures = [pixels_of(path) for path in files]
    root = "1.2.826.0.1.3680043.10.88." + {"explicit": "1", "jpegls": "2", "jpeg2000": "3"}[a.syntax]
    a.target.mkdir(parents=True)
    last = len(pictures) - 1

    def write(n):
        up = n % (2 * last)
        picture = pictures[up if up <= last else 2 * last - up]   # up and down: neighbours always differ
        uid = f"{root}.1.{n + 1}"
        data = dicom.header(root, root + ".1", uid, n + 1, SIDE, SIDE, patient="LONG-" + a.syntax) + dicom.element(0x7FE0, 0x10, b"OW", picture)
        plain = a.target / f"{n:04}.dcm"
        plain.write_bytes(dicom.part10(uid, data))
        if a.syntax == "explicit":
            return
        packed = a.target / f"{n:04}.packed"
        command = ["dcmcjpls", str(plain), str(packed)] if a.syntax == "jpegls" else ["gdcmconv", "--j2k", str(plain), str(packed)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        packed.replace(plain)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(a.slices)))
    print(root)


if __name__ == "__main__":
    main()
