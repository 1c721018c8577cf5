"""What the tests of background compilation share."""

import numpy as np

import tandem as td


def functions(count, **options):
    """Annotated functions of their own code, and the plain ones."""
    made, plain = [], []
    for k in range(count):
        text = f"def f(x):\n    y = td.tanh(x * {k}.25) + x\n    return y / (y * y).sum() if y.sum() > 0 else y - {k}\n"
        scope = {"td": td}
        exec(text, scope)
        plain.append(scope["f"])
        made.append(td.script(**options)(scope["f"]))
    return made, plain


def bits(x):
    return np.asarray(x).tobytes()


def counters(f):
    return {name: f.stats()[name] for name in ("calls", "captures", "compiles", "pending", "cache_hits", "eager_calls")}
