#!/usr/bin/env python3
"""Writes overlap.json: masks with the Dice, IoU, 95th percentile Hausdorff distance (SciPy's exact distance transform and NumPy's
percentile, borders by binary erosion as monai.metrics.utils.get_mask_edges has them) and numbers of parts that SciPy finds.
Run with numpy and scipy from PyPI: python generate_overlap.py > overlap.json"""
import json
import sys

import numpy as np
import scipy
from scipy import ndimage


def blob(shape, centre, radii, noise, rng):
    grid = np.indices(shape).astype(float)
    r = sum(((grid[d] - centre[d]) / radii[d]) ** 2 for d in range(len(shape)))
    return r + noise * rng.standard_normal(shape) < 1


def border(mask):
    return mask ^ ndimage.binary_erosion(mask)   # what lies outside of the grid does not belong to it


def hd95(a, b, spacing):
    if not a.any() or not b.any():
        return None
    ea, eb = border(a), border(b)

    def directed(x, y):
        return np.percentile(ndimage.distance_transform_edt(~y, sampling=spacing)[x], 95)
    return float(max(directed(ea, eb), directed(eb, ea)))


def detection(truth, drawn):
    every = ndimage.generate_binary_structure(truth.ndim, truth.ndim)
    t, nt = ndimage.label(truth, every)
    d, nd = ndimage.label(drawn, every)
    both = truth & drawn
    return {"parts": nt, "found": len(set(t[both])), "false_parts": nd - len(set(d[both]))}


def case(name, truth, drawn, spacing):
    both, either = int((truth & drawn).sum()), int((truth | drawn).sum())
    total = int(truth.sum() + drawn.sum())
    return {"name": name, "shape": list(truth.shape), "spacing": spacing,
            "truth": "".join("01"[int(v)] for v in truth.ravel()), "drawn": "".join("01"[int(v)] for v in drawn.ravel()),
            "dice": 2 * both / total if total else 1.0, "iou": both / either if either else 1.0,
            "hd95": hd95(truth, drawn, spacing), **detection(truth, drawn)}


def main():
    rng = np.random.default_rng(4)
    cases = []
    flat = (23, 31)
    a = blob(flat, (10, 12), (6, 8), 0, rng)
    cases.append(case("disc and shifted disc", a, blob(flat, (12, 15), (6, 7), 0, rng), [0.7, 0.4]))
    cases.append(case("ragged", a, blob(flat, (10, 13), (7, 7), 0.35, rng), [1.0, 1.0]))
    cases.append(case("at the edge of the grid", blob(flat, (0, 2), (6, 9), 0, rng), blob(flat, (2, 0), (6, 9), 0, rng), [2.0, 0.5]))
    cases.append(case("two parts, one found", blob(flat, (5, 6), (3, 3), 0, rng) | blob(flat, (18, 25), (2, 3), 0, rng),
                      blob(flat, (6, 7), (3, 3), 0, rng) | blob(flat, (18, 5), (2, 2), 0, rng), [1.0, 1.0]))
    cases.append(case("nothing drawn", a, np.zeros(flat, bool), [1.0, 1.0]))
    cases.append(case("nothing to draw", np.zeros(flat, bool), np.zeros(flat, bool), [1.0, 1.0]))
    deep = (11, 15, 13)
    v = blob(deep, (5, 7, 6), (3, 5, 4), 0, rng)
    cases.append(case("volume, thick slices", v, blob(deep, (6, 6, 7), (3, 4, 5), 0, rng), [3.0, 0.8, 0.8]))
    cases.append(case("ragged volume", v, blob(deep, (5, 7, 6), (4, 5, 4), 0.4, rng), [1.0, 1.0, 1.0]))
    json.dump({"made_with": {"numpy": np.__version__, "scipy": scipy.__version__}, "cases": cases}, sys.stdout, indent=1)
    sys.stdout.write("\n")


main()
