#!/usr/bin/python3
"""pixel_reference.py ARCHIVE.tar.xz: decodes every object of the archive with pydicom (numpy, Pillow and GDCM below it) and prints one line a frame:
file, frame, CRC-32 of the samples as libs/dicom gives them (interleaved, little endian, bits above BitsStored cleared, signs extended). What the
reference cannot decode has no line."""
import io, sys, tarfile, warnings, zlib
import numpy as np
import pydicom
from PIL import Image
from pydicom import config
from pydicom.pixel_data_handlers import gdcm_handler, numpy_handler, pillow_handler, rle_handler

warnings.simplefilter("ignore")
config.pixel_data_handlers = [numpy_handler, rle_handler, pillow_handler, gdcm_handler]
BY_GDCM = {"1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"}


def by_pillow(ds):
    """Colour JPEG as RGB, which pydicom leaves as YCbCr."""
    frames = pydicom.encaps.generate_pixel_data(ds.PixelData, int(ds.get("NumberOfFrames", 1) or 1))
    return np.stack([np.asarray(Image.open(io.BytesIO(b"".join(frame)))) for frame in frames])


def unswapped(ds):
    """Bytes in words of a big endian encoding (PS3.5 8.1.1), which pydicom 2 leaves as they are."""
    ds.PixelData = np.frombuffer(ds.PixelData, ">u2").astype("<u2").tobytes()
    return ds.pixel_array


def normalised(ds):
    syntax = str(ds.file_meta.get("TransferSyntaxUID", ""))
    frames = int(ds.get("NumberOfFrames", 1) or 1)
    if syntax == "1.2.840.10008.1.2.4.50" and ds.SamplesPerPixel == 3 and (ds.PhotometricInterpretation != "RGB" or b"JFIF" in ds.PixelData[:400]):
        return by_pillow(ds).reshape((frames, -1))
    if syntax == "1.2.840.10008.1.2.2" and ds["PixelData"].VR == "OW" and ds.BitsAllocated == 8:
        return unswapped(ds).reshape((frames, -1))
    if syntax in BY_GDCM:
        ds.convert_pixel_data("gdcm")
    pixels = ds.pixel_array
    if ds.BitsAllocated == 1:
        pixels = (pixels != 0).astype("u1")
    if pixels.dtype.kind in "iu" and ds.BitsAllocated > 1:
        bits = pixels.dtype.itemsize * 8
        high = ds.HighBit if "HighBit" in ds else ds.BitsStored - 1
        if syntax.startswith("1.2.840.10008.1.2.4."):
            high = ds.BitsStored - 1
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
        pixels = (pixels << (bits - 1 - high)) >> (bits - ds.BitsStored)
    pixels = pixels.astype(pixels.dtype.newbyteorder("<"))
    return pixels.reshape((frames, -1))


def main():
    with tarfile.open(sys.argv[1], "r:xz") as tar:
        for member in tar:
            if not member.isfile():
                continue
            try:
                ds = pydicom.dcmread(io.BytesIO(tar.extractfile(member).read()), force=True)
                frames = normalised(ds)
            except Exception as error:  # whatever the reference cannot read is not compared
                print(member.name.split("/", 1)[1], "-", type(error).__name__, sep="\t")
                continue
            for index, frame in enumerate(frames):
                print(member.name.split("/", 1)[1], index, zlib.crc32(np.ascontiguousarray(frame).tobytes()), sep="\t")


main()
