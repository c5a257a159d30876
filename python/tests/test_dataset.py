"""Data sets read without a node: written here by the rules of docs/formats/dataset.md. Run by tests/interop/python_package.py, or: python -m unittest discover python/tests"""
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import numpy as np

import aceso
from aceso.dataset import _hash


def write(folder, arrays, labels, splits, **more):
    """A data set as the node would write it, with 64-byte places."""
    pack, samples = bytearray(b"ACESOPK1" + bytes(4088)), []
    for i, array in enumerate(arrays):
        pack += bytes(-len(pack) % 64)
        samples.append({"id": f"s{i}", "sha256": _hash(str(array.dtype), array.shape, array.tobytes()), "split": splits[i], "label": labels[i], "group": "", "offset": len(pack), "shape": list(array.shape)})
        pack += array.tobytes()
    manifest = {"format": "aceso-dataset", "version": 2, "name": "x", "sha256": "0" * 64, "kind": "image", "classes": ["no", "yes"], "dtype": str(arrays[0].dtype), "samples": samples} | more
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "pack.bin").write_bytes(pack)


class DatasetTest(unittest.TestCase):
    def setUp(self):
        self.kept = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.kept.name)
        self.arrays = [np.arange(12, dtype=np.uint16).reshape(3, 4, 1) + 100 * i for i in range(4)]

    def tearDown(self):
        self.kept.cleanup()

    def test_samples_come_back_as_they_are_without_a_copy(self):
        write(self.folder, self.arrays, [0, 1, 0, -1], ["train", "train", "test", "unassigned"])
        data = aceso.open_dataset(self.folder)
        self.assertEqual(len(data), 4)
        for i in range(4):
            np.testing.assert_array_equal(data.array(i), self.arrays[i])
        self.assertFalse(data.array(0).flags.writeable)
        self.assertTrue(np.shares_memory(data.array(0), data._pack))
        images, labels = data.arrays("train")
        self.assertEqual((images.shape, list(labels)), ((2, 3, 4, 1), [0, 1]))
        self.assertEqual(data.indices("test"), [2])
        self.assertEqual(len(data.arrays()[1]), 3)  # the one without a label is left out
        data.verify()
        with self.assertRaises(ValueError):
            data.arrays("tset")

    def test_a_damaged_pack_is_found(self):
        write(self.folder, self.arrays, [0, 1, 0, 1], ["train"] * 4)
        raw = bytearray((self.folder / "pack.bin").read_bytes())
        raw[-1] ^= 1
        (self.folder / "pack.bin").write_bytes(raw)
        with self.assertRaisesRegex(ValueError, "sample 3 is damaged"):
            aceso.open_dataset(self.folder).verify()

    def test_places_outside_of_the_pack_are_refused(self):
        write(self.folder, self.arrays, [0, 1, 0, 1], ["train"] * 4)
        good = json.loads((self.folder / "manifest.json").read_text())
        for change in ({"offset": 1 << 40}, {"offset": 8}, {"shape": [3, 4, 1 << 50]}, {"shape": [-3, 4, 1]}):
            bad = json.loads(json.dumps(good))
            bad["samples"][2] |= change
            (self.folder / "manifest.json").write_text(json.dumps(bad))
            with self.assertRaisesRegex(ValueError, "sample 2 lies outside"):
                aceso.open_dataset(self.folder)

    def test_labels_of_several_and_of_numbers(self):
        write(self.folder, self.arrays, [-1] * 4, ["train"] * 4, version=3, task="multi_label")
        data = aceso.open_dataset(self.folder)
        self.assertEqual(data.arrays("train")[0].shape[0], 0)  # nothing is known of them
        manifest = json.loads((self.folder / "manifest.json").read_text())
        for s, targets in zip(manifest["samples"], ([1, 0], [None, 1], [0, 0], [1, 1])):
            s["targets"] = targets
        (self.folder / "manifest.json").write_text(json.dumps(manifest))
        labels = aceso.open_dataset(self.folder).arrays("train")[1]
        np.testing.assert_array_equal(labels, np.array([[1, 0], [np.nan, 1], [0, 0], [1, 1]], np.float32))

    def test_torch_when_it_is_there(self):
        try:
            import torch
        except ImportError:
            self.skipTest("PyTorch is not installed")
        write(self.folder, self.arrays, [0, 1, 0, 1], ["train"] * 4)
        samples = aceso.open_dataset(self.folder).torch("train", transform=lambda x: x / 10)
        tensor, label = samples[1]
        self.assertEqual((tuple(tensor.shape), tensor.dtype, int(label)), ((1, 3, 4), torch.float32, 1))
        self.assertAlmostEqual(float(tensor[0, 0, 0]), 10.0)


if __name__ == "__main__":
    unittest.main()
