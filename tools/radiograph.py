"""A computed radiograph of a picture of a data set (arrays, .npz), for tests with a real node. Only the standard library.
Usage: radiograph.py ARRAYS.npz TARGET.dcm: the first picture of the test split with label 1; prints the Study Instance UID."""
import ast
import pathlib
import struct
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import dicom_sender as dicom  # noqa: E402

STUDY = "1.2.826.0.1.3680043.10.89.1"


def array(archive, name):
    """(shape, bytes) of an array of bytes or little-endian integers."""
    raw = archive.read(name + ".npy")
    length, = struct.unpack("<H", raw[8:10])
    head = ast.literal_eval(raw[10:10 + length].decode("latin1"))
    return head["shape"], head["descr"], raw[10 + length:]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with zipfile.ZipFile(sys.argv[1]) as archive:
        shape, kind, pixels = array(archive, "test_images")
        _, label_kind, labels = array(archive, "test_labels")
    if kind != "|u1" or len(shape) not in (3, 4):
        sys.exit("radiograph: pictures of 8 bits are expected")
    width = int(label_kind[-1])
    wanted = next(n for n in range(shape[0]) if int.from_bytes(labels[n * width:(n + 1) * width], "little") == 1)
    rows, columns = shape[1], shape[2]
    picture = pixels[wanted * rows * columns:(wanted + 1) * rows * columns]
    e = dicom.element
    sop_class = "1.2.840.10008.5.1.4.1.1.1"
    data = b"".join([
        e(8, 0x05, b"CS", "ISO_IR 192"), e(8, 0x08, b"CS", "ORIGINAL\\PRIMARY"), e(8, 0x16, b"UI", sop_class), e(8, 0x18, b"UI", STUDY + ".1.1"), e(8, 0x20, b"DA", "20260301"),
        e(8, 0x30, b"TM", "093000"), e(8, 0x50, b"SH", "R1"), e(8, 0x60, b"CS", "CR"), e(8, 0x70, b"LO", "Bench"), e(8, 0x90, b"PN", ""), e(8, 0x1030, b"LO", "Chest, one view"),
        e(0x10, 0x10, b"PN", "Picture^Paula"), e(0x10, 0x20, b"LO", "PICTURE-1"), e(0x10, 0x30, b"DA", "19700101"), e(0x10, 0x40, b"CS", "F"), e(0x18, 0x15, b"CS", "CHEST"),
        e(0x20, 0x0D, b"UI", STUDY), e(0x20, 0x0E, b"UI", STUDY + ".1"), e(0x20, 0x10, b"SH", "1"), e(0x20, 0x11, b"IS", "1"), e(0x20, 0x13, b"IS", "1"), e(0x20, 0x20, b"CS", "L\\F"),
        e(0x28, 0x02, b"US", 1), e(0x28, 0x04, b"CS", "MONOCHROME2"), e(0x28, 0x10, b"US", rows), e(0x28, 0x11, b"US", columns), e(0x28, 0x100, b"US", 8), e(0x28, 0x101, b"US", 8),
        e(0x28, 0x102, b"US", 7), e(0x28, 0x103, b"US", 0), e(0x28, 0x1050, b"DS", "128"), e(0x28, 0x1051, b"DS", "256"), e(0x7FE0, 0x10, b"OB", picture)])
    pathlib.Path(sys.argv[2]).write_bytes(dicom.part10(STUDY + ".1.1", data, sop_class=sop_class))
    print(STUDY)


if __name__ == "__main__":
    main()
