"""Objects that programs change, and groups of such programs."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

import tandem as td

X = np.array([1.0, 2.0, 4.0], dtype=np.float32)


@dataclasses.dataclass
class Cell:
    value: object


@dataclasses.dataclass
class Outer:
    inner: object


class Pair(NamedTuple):
    first: object
    second: object


class Plain:
    def __init__(self, value):
        self.value = value


class Counter:
    def __init__(self, start):
        self.count = start

    def increase(self):
        self.count = self.count + 1


def into(group):
    def add(program):
        group.append(program)
        return program

    return add


def message(program):
    with pytest.raises(td.CaptureError) as caught:
        td.script(program)(td.asarray(X.copy()))
    return str(caught.value)
