"""Datasets that worker processes import, also those that are spawned."""

import os
import signal
import time

import numpy as np

import tandem as td


class Numbered(td.data.Dataset):
    """Samples of every kind that the default collate knows."""

    def __init__(self, size=20):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return {
            "tensor": td.full((2, 3), float(index)),
            "half": td.full((2,), index).astype(td.bfloat16),
            "array": np.full(3, index, dtype=np.int16),
            "pair": (index, index / 2),
            "name": f"sample {index}",
            "empty": td.zeros((0, 2)),
        }


class Drawing(td.data.Dataset):
    """Samples that are drawn at random, from all three generators."""

    def __len__(self):
        return 12

    def __getitem__(self, index):
        import random

        return index, float(td.random.uniform()), random.random(), float(np.random.rand())


class DrawingHere(td.data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        return index, float(td.random.uniform())


class Failing(td.data.Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        if index == 9:
            raise KeyError("sample nine is broken")
        return index


class OddError(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


class FailingOddly(td.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        raise OddError(1, 2)


class Dying(td.data.Dataset):
    """Sample 9 ends its process."""

    def __init__(self, how):
        self.how = how

    def __len__(self):
        return 16

    def __getitem__(self, index):
        if index == 9:
            if self.how == "exit":
                os._exit(3)
            os.kill(os.getpid(), signal.SIGKILL)
        return index


class Slow(td.data.Dataset):
    def __init__(self, seconds, at=None):
        self.seconds, self.at = seconds, at

    def __len__(self):
        return 8

    def __getitem__(self, index):
        if self.at is None or index == self.at:
            time.sleep(self.seconds)
        return index


class Large(td.data.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return td.full((1 << 20,), float(index))


class Stream(td.data.IterableDataset):
    """Numbers below `size`, shared among the workers."""

    def __init__(self, size=23):
        self.size = size

    def __iter__(self):
        info = td.data.get_worker_info()
        return iter(range(self.size) if info is None else range(info.id, self.size, info.num_workers))


class Whole(td.data.Dataset):
    """Knows how to fetch a batch at once."""

    def __len__(self):
        return 10

    def get_batch(self, indices):
        return td.asarray(list(indices)) * 100


def sums(samples):
    return sum(samples)


class Marks:
    """Writes down which workers were started."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, worker):
        with open(os.path.join(self.folder, f"{worker}-{os.getpid()}"), "w"):
            pass


def failing_init(worker):
    raise ValueError(f"worker {worker} does not want to")
