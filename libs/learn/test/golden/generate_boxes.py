#!/usr/bin/env python3
"""Writes boxes.json: made-up images with true and found boxes, with the average precision that pycocotools counts for each
overlap and class, and the FROC curve at LUNA16's rates as its noduleCADEvaluationLUNA16.py makes it from scikit-learn's roc_curve
and NumPy's interp, marks matched by their centres. Run with numpy, pycocotools and scikit-learn from PyPI:
python generate_boxes.py > boxes.json"""
import contextlib
import io
import json
import sys

import numpy as np
from importlib import metadata
import sklearn
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sklearn.metrics import roc_curve

RATES = [0.125, 0.25, 0.5, 1, 2, 4, 8]


def image(rng, labels):
    truth = []
    for _ in range(rng.integers(0, 5)):
        size, low = rng.integers(6, 30, 2), rng.integers(0, 70, 2)
        truth.append({"label": int(rng.integers(labels)), "low": low.tolist(), "high": (low + size).tolist()})
    found = []
    for t in truth:   # some near the truth, some twice
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            low = np.array(t["low"]) + rng.normal(0, 3, 2)
            high = np.array(t["high"]) + rng.normal(0, 3, 2)
            found.append({"label": t["label"] if rng.random() < 0.9 else int(rng.integers(labels)),
                          "score": float(rng.beta(4, 2)), "low": low.tolist(), "high": np.maximum(high, low + 1).tolist()})
    for _ in range(rng.integers(0, 4)):
        low = rng.uniform(0, 80, 2)
        found.append({"label": int(rng.integers(labels)), "score": float(rng.beta(2, 4)), "low": low.tolist(),
                      "high": (low + rng.uniform(4, 25, 2)).tolist()})
    return {"truth": truth, "found": sorted(found, key=lambda f: -f["score"])}


def xywh(box):   # rows come first in ours
    return [box["low"][1], box["low"][0], box["high"][1] - box["low"][1], box["high"][0] - box["low"][0]]


def coco(images, labels):
    truth = {"images": [{"id": i + 1} for i in range(len(images))], "categories": [{"id": k + 1} for k in range(labels)],
             "annotations": []}
    found = []
    for i, one in enumerate(images):
        for box in one["truth"]:
            w = xywh(box)
            truth["annotations"].append({"id": len(truth["annotations"]) + 1, "image_id": i + 1, "category_id": box["label"] + 1,
                                         "bbox": w, "area": w[2] * w[3], "iscrowd": 0})
        found += [{"image_id": i + 1, "category_id": box["label"] + 1, "bbox": xywh(box), "score": box["score"]} for box in one["found"]]
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = truth
        gt.createIndex()
        ev = COCOeval(gt, gt.loadRes(found), "bbox")
        ev.evaluate()
        ev.accumulate()
    precision = ev.eval["precision"][:, :, :, 0, -1]   # overlaps, recalls, classes; all areas, 100 boxes an image
    per = [[float(p.mean()) if (p > -1).all() else None for p in precision[:, :, k]] for k in range(labels)]
    ap50 = [p[0] for p in per if p[0] is not None]
    return {"per_label": per, "ap50": float(np.mean(ap50)),
            "ap": float(np.mean([v for p in per for v in p if v is not None]))}


def froc(images):
    """Score and truth of each mark, as noduleCADEvaluationLUNA16.py lists them; findings that nothing marks are left out of
    roc_curve here and counted in the denominator, which gives the same curve."""
    truths, scores = [], []
    lesions = 0
    for one in images:
        free = list(range(len(one["truth"])))
        lesions += len(free)
        for box in one["found"]:
            centre = (np.array(box["low"]) + np.array(box["high"])) / 2
            inside = [t for t, true in enumerate(one["truth"]) if true["label"] == box["label"]
                      and (centre >= np.array(true["low"])).all() and (centre < np.array(true["high"])).all()]
            open_ = [t for t in inside if t in free]
            if open_:
                overlap = [iou(box, one["truth"][t]) for t in open_]
                free.remove(open_[int(np.argmax(overlap))])
                truths.append(1)
                scores.append(box["score"])
            elif not inside:
                truths.append(0)
                scores.append(box["score"])
    fpr, tpr, _ = roc_curve(truths, scores)
    fps = fpr * (len(truths) - sum(truths)) / len(images)
    sens = tpr * sum(truths) / lesions
    at = np.interp(RATES, fps, sens)
    return {"sensitivities": at.tolist(), "score": float(at.mean())}


def iou(a, b):
    low, high = np.maximum(a["low"], b["low"]), np.minimum(a["high"], b["high"])
    both = np.prod(np.maximum(high - low, 0))
    area = [np.prod(np.array(x["high"]) - np.array(x["low"])) for x in (a, b)]
    return both / (sum(area) - both)


rng = np.random.default_rng(11)
cases = []
for labels, n in ((1, 12), (3, 40)):
    images = [image(rng, labels) for _ in range(n)]
    cases.append({"labels": labels, "images": images, "coco": coco(images, labels), "froc": froc(images)})
json.dump({"made_with": {"numpy": np.__version__, "scikit-learn": sklearn.__version__, "pycocotools": metadata.version("pycocotools")}, "cases": cases},
          sys.stdout)
sys.stdout.write("\n")
