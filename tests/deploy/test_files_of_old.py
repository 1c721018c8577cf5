"""Files that earlier versions wrote load forever, and give what they gave then.

A new version of the format adds a file here, `python tests/deploy/test_files_of_old.py N`, and changes none.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

import tandem as td
from tandem import _trees, archive

FOLDER = Path(__file__).parent / "files"
FILES = sorted(FOLDER.glob("*.tdm"))


def write(version: str) -> None:
    """One file for everything that a file can hold."""
    td.manual_seed(1)
    nn = td.nn
    model = nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5), nn.GELU(), nn.Dropout(0.1), nn.Linear(5, 3))
    optimizer = td.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @td.script
    def step(x, y):
        optimizer.zero_grad()
        loss = td.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    @td.script
    def control(x, n):
        """Branches, loops, views, library calls and indices."""
        total = td.zeros_like(x)
        while n > 0:
            if total.sum() > 3:
                total = total / 2
            total = total + x * n
            n = n - 1
        assert (total < 1e6).all(), "too large"
        return {"total": total, "top": td.sort(total, axis=1)[:, -2:], "picked": total[td.asarray([1, -1])], "x": x}

    @td.script
    def heat(u, n):
        """A loop whose rounds are done several at a time (version 5)."""
        u = u + 0
        for _ in range(n):
            u[1:-1] += 0.1 * (u[:-2] + u[2:] - 2 * u[1:-1])
        return u

    def attention(q, k):
        """Two products with a kernel between them, of which nothing is kept (version 4)."""
        return td.softmax(q @ td.matrix_transpose(k) - q[..., :1], axis=-1) @ k

    def gradients(q, k):
        """Sums along the rows of all pairs, which are not kept either (version 6)."""
        return td.value_and_grad(lambda q, k: (attention(q, k) ** 3).sum(), argnums=(0, 1))(q, k)

    def collatz(n):
        """A loop within a loop, and a branch, in one kernel (version 7)."""
        total = 0
        for k in range(1, n):
            while k > 1:
                if k % 2 == 0:
                    k = k // 2
                else:
                    k = 3 * k + 1
                total += 1
        return total

    def powers(a):
        """A loop whose steps run as often as sizes say (version 8)."""
        b = a
        for _ in range(a.shape[0]):
            b = td.tanh(a @ b)
        return b

    x, y = td.arange(24, dtype=td.float32).reshape((4, 6)) / 10, td.asarray([0, 2, 1, 1])
    q = td.sin(td.arange(2 * 200 * 16, dtype=td.float32)).reshape((2, 200, 16))
    step(x, y)
    td.save(
        model.eval(),
        FOLDER / f"version{version}.tdm",
        methods={
            "forward": (x,),
            "control": (control, x, td.asarray(4)),
            "step": (step, x, y),
            "attention": (td.script(attention), q, q * 2),
            "heat": (heat, td.sin(td.arange(20_000, dtype=td.float32)), td.asarray(20)),
            "gradients": (td.script(gradients), q, q * 2),
            "collatz": (td.script(collatz), td.asarray(300)),
            "powers": (td.script(powers), td.eye(40) / 2 + 0.01),
        },
        dynamic={"input": {0: "rows"}},
    )


@pytest.mark.parametrize("target", ["interpreter", *td._core.cpu_levels()])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_of_old_gives_what_it_gave(file, target):
    model = archive.load(file, target)
    version = int(file.stem.removeprefix("version"))
    newer = {"attention": 4, "heat": 5, "gradients": 6, "collatz": 7, "powers": 8}
    for name in ("forward", "control", *(name for name, since in newer.items() if version >= since)):
        arguments, results = archive.sample(file, name)
        found = getattr(model, name)(*arguments)
        assert _trees.encode(found)[1] == _trees.encode(results)[1]
        for got, wanted in zip(_trees.encode(found)[0].values(), _trees.encode(results)[0].values(), strict=True):
            assert np.array_equal(np.asarray(got), np.asarray(wanted))
    x, y = archive.sample(file, "forward")[0][0], td.asarray([0, 2, 1, 1])
    losses = [float(model.step(x, y)) for _ in range(20)]
    assert losses[-1] < losses[0] / 2


def test_there_is_a_file_of_every_version():
    assert [file.stem for file in FILES] == [f"version{version}" for version in range(1, 9)]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write(sys.argv[1])
