"""Libraries that follow the array API run on tensors: array_api_compat, SciPy, scikit-learn."""

import numpy as np
import pytest

import tandem as td

from conftest import RunPython

RNG = np.random.default_rng(0)


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

SCIPY_CASES = {
    "special": """
on_both(special.logit, rng.uniform(0.1, 0.9, 20))
on_both(special.expit, rng.normal(size=20))
on_both(special.erf, rng.normal(size=20))
on_both(special.gammaln, rng.uniform(1, 5, 20))
on_both(lambda x: special.logsumexp(x, axis=1), rng.normal(size=(3, 4)))
""",
    "integrate": """
x = np.linspace(0, 1, 21)
on_both(lambda y, x: integrate.trapezoid(y, x), x**2, x)
on_both(lambda y, x: integrate.simpson(y, x=x), x**2, x)
on_both(lambda y: integrate.cumulative_trapezoid(y, dx=0.05), x**2)
""",
    "stats": """
a = rng.uniform(1, 2, (5, 6))
on_both(lambda x: stats.gmean(x, axis=0), a)
on_both(lambda x: stats.hmean(x, axis=1), a)
on_both(lambda x: stats.pmean(x, 3.0, axis=0), a)
on_both(lambda x: stats.skew(x, axis=0), a)
on_both(lambda x: stats.kurtosis(x, axis=1), a)
on_both(lambda x: stats.zscore(x, axis=0), a)
on_both(lambda x: stats.variation(x, axis=0), a)
""",
    "cluster": """
on_both(lambda x: vq.whiten(x), rng.normal(size=(8, 3)))
""",
    "signal": """
on_both(lambda x: signal.detrend(x, type="constant"), rng.normal(size=16))
""",
    "spatial": """
q = rng.normal(size=(4, 4))
on_both(lambda q: Rotation.from_quat(q).as_matrix(), q)
""",
}
IMPORTS = {
    "special": "from scipy import special",
    "integrate": "from scipy import integrate",
    "stats": "from scipy import stats",
    "cluster": "from scipy.cluster import vq",
    "signal": "from scipy import signal",
    "spatial": "from scipy.spatial.transform import Rotation",
}


@pytest.mark.parametrize("part", SCIPY_CASES)
def test_scipy(part: str, run_python: RunPython) -> None:
    pytest.importorskip("scipy", "1.14", reason="SciPy is not installed")
    run_python(SCIPY.format(imports=IMPORTS[part]) + SCIPY_CASES[part], SCIPY_ARRAY_API="1")


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
    "scalers": """
on_both(lambda x: preprocessing.MinMaxScaler().fit_transform(x), X)
on_both(lambda x: preprocessing.MaxAbsScaler().fit_transform(x), X)
on_both(lambda x: preprocessing.StandardScaler().fit_transform(x), X)
on_both(lambda x: preprocessing.normalize(x), X)
""",
    "regression_metrics": """
on_both(metrics.mean_squared_error, X[:, 0], X[:, 1])
on_both(metrics.mean_absolute_error, X[:, 0], X[:, 1])
on_both(metrics.r2_score, X[:, 0], X[:, 1])
""",
    "classification_metrics": """
on_both(metrics.accuracy_score, y, z)
on_both(metrics.zero_one_loss, y, z)
""",
    "pairwise": """
on_both(lambda x: metrics.pairwise.cosine_similarity(x), X)
on_both(lambda x: metrics.pairwise.euclidean_distances(x), X)
on_both(lambda x: metrics.pairwise.linear_kernel(x), X)
on_both(lambda x: metrics.pairwise.rbf_kernel(x), X)
""",
    "models": """
on_both(lambda x, y: Ridge(solver="svd").fit(x, y).coef_, X, X[:, 1])
on_both(lambda x: np.abs(PCA(2, svd_solver="full").fit(x).explained_variance_), X)
""",
}
NEED_LINALG = {"models"}


@pytest.mark.parametrize("part", SKLEARN_CASES)
def test_scikit_learn(part: str, run_python: RunPython) -> None:
    pytest.importorskip("sklearn", "1.4", reason="scikit-learn is not installed")
    if part in NEED_LINALG and not hasattr(td, "linalg"):
        pytest.skip("Tandem has no td.linalg yet")
    run_python(SKLEARN + SKLEARN_CASES[part], SCIPY_ARRAY_API="1")
