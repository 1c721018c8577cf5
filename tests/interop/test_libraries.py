"""Libraries that follow the array API run on tensors: array_api_compat, SciPy, scikit-learn."""

import pytest

import tandem as td
from conftest import RunPython


def test_array_api_compat() -> None:
    compat = pytest.importorskip("array_api_compat", reason="array-api-compat is not installed")
    x = td.asarray([[1.0, 2.0]])
    assert compat.array_namespace(x) is td and compat.array_namespace(x, td.ones((2,)), 1.0) is td
    assert compat.array_namespace(x, api_version=td.__array_api_version__) is td
    assert compat.is_array_api_obj(x) and compat.device(x) == "cpu" and compat.size(x) == 2
    assert compat.to_device(x, "cpu") is x
    with pytest.raises(ValueError, match="__array_namespace__: got api_version='1999.12'; need one of"):
        x.__array_namespace__(api_version="1999.12")


SCIPY = """
import numpy as np
import tandem as td
{imports}
rng = np.random.default_rng(0)

def on_both(function, *arrays):
    want = function(*arrays)
    got = function(*(td.asarray(a) for a in arrays))
    assert isinstance(got, td.Tensor), type(got)
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6, atol=1e-12)
"""


# What a case needs that a build may not have yet; the case is skipped and says so.
def lacking(needs: tuple[str, ...]) -> str | None:
    absent = [name for name in needs if name != "masks" and not hasattr(td, name)]
    if "masks" in needs:
        try:
            td.ones((2,))[td.asarray([True, False])]
        except td.Error:
            absent.append("boolean indexing")
    return f"needs td's {', '.join(absent)}" if absent else None


# (imports, what is needed, program)
SCIPY_CASES = {
    "special": (
        "from scipy import special",
        (),
        """
on_both(special.logit, rng.uniform(0.1, 0.9, 20))
on_both(special.expit, rng.normal(size=20))
on_both(special.erf, rng.normal(size=20))
on_both(special.gammaln, rng.uniform(1, 5, 20))
on_both(special.xlogy, rng.uniform(1, 2, 5), rng.uniform(1, 2, 5))
""",
    ),
    "logsumexp": (
        "from scipy import special",
        ("masks",),
        "on_both(lambda x: special.logsumexp(x, axis=1), rng.normal(size=(3, 4)))",
    ),
    "integrate": (
        "from scipy import integrate",
        (),
        """
x = np.linspace(0, 1, 21)
on_both(lambda y, x: integrate.trapezoid(y, x), x**2, x)
on_both(lambda y: integrate.trapezoid(y, dx=0.05), x**2)
""",
    ),
    "means": (
        "from scipy import stats",
        (),
        """
a = rng.uniform(1, 2, (5, 6))
on_both(lambda x: stats.gmean(x, axis=0), a)
on_both(lambda x: stats.hmean(x, axis=1), a)
on_both(lambda x: stats.pmean(x, 3.0, axis=0), a)
""",
    ),
    "moments": (
        "from scipy import stats",
        ("masks",),
        """
a = rng.uniform(1, 2, (5, 6))
on_both(lambda x: stats.skew(x, axis=0), a)
on_both(lambda x: stats.kurtosis(x, axis=1), a)
on_both(lambda x: stats.zscore(x, axis=0), a)
on_both(lambda x: stats.variation(x, axis=0), a)
""",
    ),
    "cluster": (
        "from scipy.cluster import vq",
        ("masks",),
        "on_both(lambda x: vq.whiten(x), rng.normal(size=(8, 3)))",
    ),
    "signal": (
        "from scipy import signal",
        (),
        """
on_both(lambda x: signal.detrend(x, type="constant"), rng.normal(size=16))
""",
    ),
}


@pytest.mark.parametrize("part", SCIPY_CASES)
def test_scipy(part: str, run_python: RunPython) -> None:
    pytest.importorskip("scipy", "1.14", reason="SciPy is not installed")
    imports, needs, program = SCIPY_CASES[part]
    if reason := lacking(needs):
        pytest.skip(reason)
    run_python(SCIPY.format(imports=imports) + program, SCIPY_ARRAY_API="1")


SKLEARN = """
import numpy as np
import sklearn
import tandem as td
from sklearn import metrics, preprocessing
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

rng = np.random.default_rng(0)
sklearn.set_config(array_api_dispatch=True)

def on_both(function, *arrays):
    want = function(*arrays)
    got = function(*(td.asarray(a) for a in arrays))
    assert isinstance(got, td.Tensor if isinstance(want, np.ndarray) else float), type(got)
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-5, atol=1e-8)

X, y, z = rng.normal(size=(30, 4)), rng.integers(0, 2, 30), rng.integers(0, 2, 30)
"""

SKLEARN_CASES = {
    "regression_metrics": (
        (),
        """
on_both(metrics.mean_squared_error, X[:, 0], X[:, 1])
on_both(metrics.mean_absolute_error, X[:, 0], X[:, 1])
on_both(metrics.root_mean_squared_error, X[:, 0], X[:, 1])
on_both(metrics.max_error, X[:, 0], X[:, 1])
""",
    ),
    "pairwise": (
        (),
        """
on_both(lambda x: metrics.pairwise.linear_kernel(x), X)
on_both(lambda x: metrics.pairwise.euclidean_distances(x), X)
on_both(lambda x: metrics.pairwise.rbf_kernel(x), X)
""",
    ),
    "scaled": (
        ("masks",),
        """
on_both(lambda x: preprocessing.MinMaxScaler().fit_transform(x), X)
on_both(lambda x: preprocessing.Binarizer().fit_transform(x), X)
on_both(lambda x: preprocessing.KernelCenterer().fit_transform(x @ x.T), X)
on_both(lambda x: preprocessing.MaxAbsScaler().fit_transform(x), X)
on_both(lambda x: preprocessing.StandardScaler().fit_transform(x), X)
on_both(lambda x: preprocessing.normalize(x), X)
on_both(lambda x: metrics.pairwise.cosine_similarity(x), X)
on_both(metrics.r2_score, X[:, 0], X[:, 1])
""",
    ),
    "classification_metrics": (
        ("masks", "unique_values"),
        """
on_both(metrics.accuracy_score, y, z)
on_both(metrics.zero_one_loss, y, z)
""",
    ),
    "models": (
        ("masks", "linalg"),
        """
on_both(lambda x, y: Ridge(solver="svd").fit(x, y).coef_, X, X[:, 1])
on_both(lambda x: PCA(2, svd_solver="full").fit(x).explained_variance_, X)
""",
    ),
}


@pytest.mark.parametrize("part", SKLEARN_CASES)
def test_scikit_learn(part: str, run_python: RunPython) -> None:
    pytest.importorskip("sklearn", "1.4", reason="scikit-learn is not installed")
    needs, program = SKLEARN_CASES[part]
    if reason := lacking(needs):
        pytest.skip(reason)
    run_python(SKLEARN + program, SCIPY_ARRAY_API="1")
