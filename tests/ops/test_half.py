"""Functions of 16-bit floats: the float32 result rounded once, for every one of the 65536 arguments."""

import numpy as np
import pytest
import reference
import samples

import tandem as td

ROWS = samples.table()
FUNCTIONS = [
    name
    for name, row in ROWS.items()
    if name in reference.TWINS
    and reference.TWINS[name].pointwise
    and len(row["inputs"]) == 1
    and row["accepts"] in ("numeric", "promote_to_float")
]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_rounded_once_from_float32(name, dtype):
    patterns = np.arange(2**16, dtype=np.uint16)
    host = patterns.view(np.float16) if dtype == "float16" else (patterns.astype(np.uint32) << 16).view(np.float32)
    x = samples.to_tensor(host, dtype)
    function = getattr(td, name)
    got = function(x)
    wide = function(x.astype(td.float32))
    if got.dtype == x.dtype:
        wide = wide.astype(x.dtype)
    reference.assert_same_tensor(f"{name} {dtype}", got, wide)
