"""Datasets, and loaders that make batches of them."""

from tandem.data._collate import default_collate
from tandem.data._datasets import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, random_split
from tandem.data._loader import DataLoader
from tandem.data._samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from tandem.data._workers import WorkerError, WorkerInfo, get_worker_info

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerError",
    "WorkerInfo",
    "default_collate",
    "get_worker_info",
    "random_split",
]
