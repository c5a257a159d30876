"""Aceso from Python: data sets as NumPy or PyTorch arrays, and a node's trainings, models and predictions.

    import aceso
    data = aceso.open_dataset("/srv/aceso/models/datasets/xray")     # maps the pack, copies nothing
    images, labels = data.arrays("train")
    node = aceso.Node("https://node.example:8420", token="aceso_...")
    job = node.train("pneumonia", "xray", {"epochs": 5}).wait()
"""
from .dataset import Dataset, Sample, open_dataset
from .node import AcesoError, Job, Node

__all__ = ["AcesoError", "Dataset", "Job", "Node", "Sample", "open_dataset"]
__version__ = "0.1.0"
