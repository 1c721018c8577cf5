"""NumPy's names that are no operations and not in the array API: where each is, and what it is another name of.

The modules are imported when one of their names is asked for, so that `import tandem` takes no time. left_out.py says
what has no counterpart, and why.
"""

from __future__ import annotations

# The public names of each module of this folder.
THEMES = {
    "comparing": "allclose array_equal array_equiv isclose iscomplex iscomplexobj isneginf isposinf isreal isrealobj"
    " isscalar may_share_memory shares_memory",
    "creation": "array ascontiguousarray copy euler_gamma frombuffer fromfunction fromiter geomspace identity logspace"
    " promote_types",
    "indices": "diag_indices diag_indices_from indices ix_ mask_indices ravel_multi_index tri tril_indices"
    " tril_indices_from triu_indices triu_indices_from unravel_index",
    "joining": "append array_split block column_stack delete dsplit dstack hsplit hstack insert split vsplit vstack",
    "mathematics": "bitwise_count cbrt deg2rad divmod fabs fix float_power gcd heaviside lcm"
    " logaddexp2 modf packbits rad2deg real_if_close rint spacing unpackbits",
    "nans": "nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod"
    " nanquantile nanstd nansum nanvar",
    "polynomials": "poly polyadd polyder polydiv polyfit polyint polymul polysub polyval roots vander",
    "products": "dot inner matvec vdot vecmat",
    "selecting": "apply_along_axis apply_over_axes choose compress copyto extract fill_diagonal flatnonzero piecewise"
    " place put putmask select",
    "sets": "argpartition intersect1d lexsort partition setdiff1d setxor1d sort_complex union1d unique",
    "shaping": "atleast_1d atleast_2d atleast_3d diagflat diagonal fliplr flipud ndim ravel resize rollaxis rot90 shape"
    " size swapaxes trim_zeros",
    "signals": "bartlett blackman convolve correlate ediff1d gradient hamming hanning kaiser trapezoid unwrap",
    "statistics": "average corrcoef cov digitize histogram2d histogram_bin_edges histogramdd ptp",
}

PLACES = {name: f"_numpy.{theme}" for theme, names in THEMES.items() for name in names.split()}

# Other names: NumPy's of what the array API or Tandem calls differently.
ALIASES = {
    "absolute": "abs",
    "amax": "max",
    "amin": "min",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "around": "round",
    "arctanh": "atanh",
    "asanyarray": "asarray",
    "bitwise_not": "bitwise_invert",
    "concatenate": "concat",
    "conjugate": "conj",
    "degrees": "rad2deg",
    "invert": "bitwise_invert",
    "left_shift": "bitwise_left_shift",
    "mod": "remainder",
    "power": "pow",
    "radians": "deg2rad",
    "right_shift": "bitwise_right_shift",
    "true_divide": "divide",
    "bool_": "bool",
    "byte": "int8",
    "cdouble": "complex128",
    "csingle": "complex64",
    "double": "float64",
    "half": "float16",
    "int_": "int64",
    "intc": "int32",
    "intp": "int64",
    "longlong": "int64",
    "short": "int16",
    "single": "float32",
    "ubyte": "uint8",
    "uint": "uint64",
    "uintc": "uint32",
    "uintp": "uint64",
    "ulonglong": "uint64",
    "ushort": "uint16",
}

# Methods of tensors that are functions of this package with the tensor first: where each is.
METHODS = {
    **{name: f"_numpy.sets.{name}" for name in ("argpartition", "partition")},
    **{name: f"_numpy.selecting.{name}" for name in ("choose", "put")},
    "compress": "_numpy.selecting._compressed",
    **{name: f"_numpy.shaping.{name}" for name in ("diagonal", "flatten", "ravel", "swapaxes", "trace")},
    "dot": "_numpy.products.dot",
    "nonzero": "_sorting.nonzero",
    "repeat": "_array_api.repeat",
    "searchsorted": "_numpy.sets._searched",
    "tobytes": "_numpy.creation.tobytes",
}
