"""The table of operations and precisions is true: every operation is called as a converted model calls it."""

import numpy as np
import pytest

import tandem as td
from ops import samples
from tandem import precision

TABLE = precision.operations()
WORDS = {"computed", "float32", "as given", "as asked", "in layers", "no floats"}


def test_every_operation_has_a_cell_for_every_precision():
    assert set(TABLE) == {*samples.table(), "convolution", "convolution_source"}
    for row in TABLE.values():
        assert set(row) == {"float64", "float32", "bfloat16", "float16", "int8"}
        assert set(row.values()) <= WORDS
    assert TABLE["linear"]["int8"] == TABLE["convolution"]["int8"] == "in layers"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", samples.table())
def test_sixteen_bits_are_what_the_table_says(name, dtype):
    row, cell = samples.table()[name], TABLE[name][dtype]
    if cell == "no floats" or not row["inputs"]:
        assert row["accepts"] in ("integral_or_bool", "complex") or not row["inputs"]
        return
    sample = samples.samples(name)[0]
    rng = np.random.default_rng(1)
    hosts = [samples.draw(rng, shape, domain, dtype) for shape, domain in zip(sample.shapes, sample.domains)]
    tensors = [samples.to_tensor(host, dtype) for host in hosts]
    given = {x.dtype.name for x in tensors}
    with td.autocast(getattr(td, dtype)):
        function = getattr(td, name)
        made = function(tensors, **sample.attributes) if row["variadic"] else function(*tensors, **sample.attributes)
    made = [x for x in td.pytree.flatten(made)[0] if isinstance(x, td.Tensor) and x.dtype.kind == "float"]
    wanted = {"computed": {dtype}, "float32": {"float32"}, "as given": given, "as asked": {"float32"}}[cell]
    assert all(x.dtype.name in wanted for x in made), (made, wanted)
