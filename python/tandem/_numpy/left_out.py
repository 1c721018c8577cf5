"""NumPy's names that Tandem leaves out, and what to use in their place.

docs/numpy.md shows this table; `td.NAME` of one of them names the way around in its error.
"""

from __future__ import annotations

_TEXT = "str(x) and repr(x) print a tensor, np.set_printoptions says how"
_DATES = "np.datetime64 in NumPy; tensors hold numbers"
_ERRORS = "td.debug_nans() finds the operation that made a NaN; nothing warns"
_FILES = "td.save and td.load, or np.load and td.asarray"
_PLAIN_TEXT = "td.asarray of what NumPy read"
_KINDS = "td.isdtype(dtype, kind)"
_PARTS = "no part of a library of tensors"
_DTYPE = "td.DType and its objects, td.float32 ..."
_LONG = "td.float64, td.complex128: no dtype is longer"
_RECORDS = "a dict of tensors"
_GRID = "td.meshgrid(..., indexing='ij') or td.indices"
_JOIN = "td.concat, td.stack, td.column_stack"
_LOOP = "td.vectorize; td.script: loops over tensors compile"

LEFT_OUT = {
    **dict.fromkeys(("array2string", "array_repr", "array_str", "set_printoptions", "printoptions"), _TEXT),
    **dict.fromkeys(("get_printoptions", "format_float_positional", "format_float_scientific"), _TEXT),
    **dict.fromkeys(("base_repr", "binary_repr"), "bin(n), format(n, 'b')"),
    **dict.fromkeys(("busday_count", "busday_offset", "busdaycalendar", "is_busday", "isnat"), _DATES),
    **dict.fromkeys(("datetime64", "datetime_as_string", "datetime_data", "timedelta64"), _DATES),
    **dict.fromkeys(("errstate", "geterr", "geterrcall", "seterr", "seterrcall", "getbufsize", "setbufsize"), _ERRORS),
    **dict.fromkeys(("savez", "savez_compressed", "memmap"), _FILES),
    **dict.fromkeys(("fromfile", "fromregex", "fromstring", "genfromtxt", "loadtxt"), _PLAIN_TEXT),
    "savetxt": "np.savetxt takes tensors",
    **dict.fromkeys(("asmatrix", "bmat", "matrix"), "td.block, and @ for products"),
    **dict.fromkeys(("r_", "c_"), _JOIN),
    "row_stack": "td.vstack, as NumPy says",
    **dict.fromkeys(("mgrid", "ogrid"), _GRID),
    **dict.fromkeys(("s_", "index_exp"), "np.s_: its slices index tensors"),
    **dict.fromkeys(("nditer", "nested_iters", "flatiter", "frompyfunc", "ufunc"), _LOOP),
    **dict.fromkeys(("ndenumerate", "ndindex"), "np.ndindex(x.shape)"),
    "broadcast": "td.broadcast_shapes, td.broadcast_arrays",
    "asarray_chkfinite": "td.asarray, and td.all(td.isfinite(x))",
    **dict.fromkeys(("asfortranarray", "isfortran"), "x.T.copy().T, x.strides"),
    "require": "td.ascontiguousarray, x.copy()",
    "einsum_path": "td.einsum, which orders its products",
    "poly1d": "a vector of coefficients, td.polyval, td.roots",
    "polynomial": "td.polyval, td.polyfit and their like, or NumPy's classes with tensors' arrays",
    "info": "help(td.name)",
    "iterable": "isinstance(x, collections.abc.Iterable)",
    **dict.fromkeys(("common_type", "min_scalar_type", "mintypecode"), "td.result_type"),
    "issubdtype": _KINDS,
    **dict.fromkeys(("character", "complexfloating", "flexible", "floating", "generic", "inexact", "integer"), _KINDS),
    **dict.fromkeys(("number", "signedinteger", "unsignedinteger", "ScalarType", "sctypeDict", "typecodes"), _KINDS),
    **dict.fromkeys(("typename", "dtypes"), "dtype.name"),
    "dtype": _DTYPE,
    **dict.fromkeys(("long", "ulong"), "td.int64, td.uint64: NumPy's differ between systems"),
    **dict.fromkeys(("longdouble", "clongdouble", "float128", "complex256"), _LONG),
    **dict.fromkeys(("bytes_", "str_", "object_", "void", "char", "strings"), "lists in Python; tensors hold numbers"),
    **dict.fromkeys(("rec", "recarray", "record"), _RECORDS),
    "ma": "td.where with a mask, td.nansum and its like",
    "ndarray": "td.Tensor",
    **dict.fromkeys(("True_", "False_"), "True, False"),
    "emath": "td.sqrt(x.astype(td.complex64)) and its like",
    "exceptions": "td.Error and its kinds",
    "testing": "np.testing, which takes tensors",
    "little_endian": "sys.byteorder",
    **dict.fromkeys(("core", "ctypeslib", "f2py", "lib", "typing", "test"), _PARTS),
    **dict.fromkeys(("get_include", "show_config", "show_runtime"), _PARTS),
}

# Methods and attributes of arrays.
LEFT_OUT_METHODS = {
    "base": "td.shares_memory",
    **dict.fromkeys(
        ("byteswap", "ctypes", "data", "getfield", "setfield", "view"), "np.asarray(x), which shares memory"
    ),
    **dict.fromkeys(("dump", "dumps"), "pickle"),
    **dict.fromkeys(("flags", "setflags"), "x.is_contiguous()"),
    "flat": "x.ravel()",
    "resize": "td.resize, which makes a tensor",
    "tofile": "td.save, or open(file, 'wb').write(x.tobytes())",
}
