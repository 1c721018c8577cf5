"""What checks find, one line of JSON each, and how results of the GPU are compared with those of the CPU."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import numpy as np

import tandem as td


class Different(AssertionError):
    """Results of the two devices differ."""


_case = ""


def case(what: str, *inputs: Any) -> None:
    """Say what is checked from now on, and of which inputs: whatever fails is told with it."""
    global _case
    _case = f"{what} of {described(inputs)}" if inputs else what


def described(value: Any) -> str:
    return ", ".join(f"{x.dtype}{list(x.shape)}" if hasattr(x, "shape") else repr(x) for x in leaves(value))


class Report:
    def __init__(
        self, section: str, out: TextIO, share: int = 0, shares: int = 1, quick: bool = False, match: str = ""
    ) -> None:
        self.section, self.out, self.share, self.shares = section, out, share, shares
        self.quick, self.match = quick, match

    def own(self, names: list[str]) -> list[str]:
        """Of these, what this process checks."""
        return [name for name in names if self.match in name][self.share :: self.shares]

    def check(self, name: str, action: Callable[[], str | None]) -> None:
        """Run a check. It returns how results agreed ("bits", "close"), or None where nothing is compared."""
        before, start = td.cuda.stats()["host_steps"], time.perf_counter()
        row: dict[str, Any] = {"section": self.section, "name": name, "ok": True}
        case("")
        try:
            row["how"] = action() or "ran"
            td.cuda.synchronize()  # what failed late, failed here
        except Exception as error:
            row["ok"] = False
            row["detail"] = f"{_case + ': ' if _case else ''}{type(error).__name__}: {error}"
            row["where"] = traceback.format_exc(limit=-2)
        row["seconds"] = round(time.perf_counter() - start, 4)
        row["host_steps"] = td.cuda.stats()["host_steps"] - before
        self.out.write(json.dumps(row) + "\n")
        self.out.flush()


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from leaves(part)
    elif value is not None:
        yield value


def host(x: Any) -> np.ndarray:
    if not isinstance(x, td.Tensor):
        return np.asarray(x)
    x = x.detach().cpu()
    return np.asarray(x.astype(td.float32) if x.dtype == td.bfloat16 else x)


def to(value: Any, device: str) -> Any:
    """Move all tensors of a structure."""
    if isinstance(value, td.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: to(part, device) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(to(part, device) for part in value)
    return value


def _bits(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x).reshape(-1).view(f"u{x.dtype.itemsize}") if x.dtype.kind == "f" else x.reshape(-1)


def same_bits(got: Any, wanted: Any, what: str = "", given: Any = None) -> str:
    """Compare, NaNs with NaNs whatever their payload; return "bits". `given`: the input that goes with each element."""
    pairs = list(zip(leaves(got), leaves(wanted), strict=True))
    if not pairs:
        raise Different(f"{what} has no results to compare")
    for k, (g, w) in enumerate(pairs):
        if isinstance(g, td.Tensor) and g.device == "cpu":
            raise Different(f"{what} result {k} is on the CPU")
        _same(host(g), host(w), f"{what} result {k}, {w.dtype}{list(w.shape)}", given)
    return "bits"


def _same(g: np.ndarray, w: np.ndarray, what: str, given: Any = None) -> None:
    if g.dtype != w.dtype or g.shape != w.shape:
        raise Different(f"{what}: {g.dtype}{list(g.shape)} on the GPU, {w.dtype}{list(w.shape)} on the CPU")
    if g.dtype.kind == "c":
        _same(g.real.copy(), w.real.copy(), f"{what}, real part", given)
        _same(g.imag.copy(), w.imag.copy(), f"{what}, imaginary part", given)
        return
    other = _bits(g) != _bits(w)
    if g.dtype.kind == "f":
        other &= ~(np.isnan(g.reshape(-1)) & np.isnan(w.reshape(-1)))
    if other.any():
        first = int(np.argmax(other))
        place = [int(i) for i in np.unravel_index(first, g.shape)]
        of = "" if given is None else f", of {host(given).reshape(-1)[first]!r}"
        raise Different(
            f"{what}: {int(other.sum())} of {g.size} differ, first at {place}{of}: "
            f"{g.reshape(-1)[first]!r} on the GPU, {w.reshape(-1)[first]!r} on the CPU"
        )


def close(got: Any, wanted: Any, tolerance: float = 1e-4, what: str = "") -> str:
    """Compare what products of matrices are in, relative to the largest element; return "close", or "bits"."""
    try:
        return same_bits(got, wanted, what)
    except Different:
        pass
    for k, (g, w) in enumerate(zip(leaves(got), leaves(wanted), strict=True)):
        if isinstance(g, td.Tensor) and g.device == "cpu":
            raise Different(f"{what} result {k} is on the CPU")
        a, b = host(g), host(w)
        if a.dtype != b.dtype or a.shape != b.shape:
            raise Different(f"{what} result {k}: {a.dtype}{list(a.shape)} instead of {b.dtype}{list(b.shape)}")
        if a.dtype.kind not in "fc":
            raise Different(f"{what} result {k}: {a.dtype} that differ")
        wide = np.complex128 if a.dtype.kind == "c" else np.float64
        scale = float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b))) or 1.0
        np.testing.assert_allclose(
            a.astype(wide), b.astype(wide), rtol=tolerance, atol=tolerance * scale, err_msg=f"{what} result {k}"
        )
    return "close"


EPSILON = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-5, "float64": 1e-12, "complex64": 1e-5, "complex128": 1e-12}


def _by_libraries() -> int:
    stats = td.cuda.stats()
    return int(stats["products"] + stats["convolutions"])


def agree(run: Callable[[], Any], wanted: Any, dtype: str, what: str = "") -> str:
    """Compare what `run` gives: bit for bit, unless it computed products of matrices or convolutions."""
    before = _by_libraries()
    got = run()
    if _by_libraries() == before:
        return same_bits(got, wanted, what)
    return close(got, wanted, EPSILON.get(dtype, 0.0), what)
