"""The public conformance suite of the array API standard (data-apis/array-api-tests), file by file.

Where it is, $TANDEM_ARRAY_API_TESTS says, or it is found in ../shared/suites next to the checkout. `xfails.txt` lists
what fails and why; a line whose tests pass again fails here, so that the list stays true.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tandem as td
from conftest import ROOT

EXAMPLES = 5
XFAILS = Path(__file__).parent / "xfails.txt"
SUITE = Path(os.environ.get("TANDEM_ARRAY_API_TESTS", ROOT.parent / "shared/suites/array-api-tests"))
FILES = sorted(file.name for file in SUITE.glob("array_api_tests/test_*.py"))


def missing() -> str | None:
    if not FILES:
        return f"the suite array-api-tests is not at {SUITE}; set TANDEM_ARRAY_API_TESTS to its folder"
    for module in ("pytest_jsonreport", "ndindex"):
        pytest.importorskip(module)
    # The suite cannot be imported without one.
    return None if hasattr(td, "complex64") else "Tandem has no complex dtypes yet, and the suite needs them"


def test_reasons() -> None:
    """Every line of the list stands below a comment that says why."""
    explained = False
    for line in XFAILS.read_text().splitlines():
        assert explained or not line.startswith("array_api_tests/"), f"no reason for {line}"
        explained = bool(line) and (explained or line.startswith("#"))


@pytest.mark.parametrize("file", FILES or ["absent"])
def test_conformance(file: str, tmp_path: Path) -> None:
    if reason := missing():
        pytest.skip(reason)
    report = tmp_path / "report.json"
    lines = XFAILS.read_text().splitlines()
    expected = tmp_path / "xfails.txt"
    expected.write_text("\n".join(line for line in lines if line.startswith(f"array_api_tests/{file}::")) + "\n")
    options = [f"--max-examples={EXAMPLES}", "--derandomize", "--disable-deadline", f"--xfails-file={expected}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"array_api_tests/{file}", "-q", "-p", "no:cacheprovider", "--tb=short"]
        + [*options, "--json-report", f"--json-report-file={report}"],
        cwd=SUITE,
        env={
            **os.environ,
            "ARRAY_API_TESTS_MODULE": "tandem",
            "ARRAY_API_TESTS_VERSION": td.__array_api_version__,
            "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path / "hypothesis"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    output = (done.stdout + done.stderr)[-12000:]
    if done.returncode != 0:
        pytest.fail(f"{file}: exit status {done.returncode}\n{output}", pytrace=False)
    tests = json.loads(report.read_text())["tests"]
    assert tests, output
    passed_again = [test["nodeid"] for test in tests if test["outcome"] == "xpassed"]
    assert not passed_again, "these pass now; take them out of xfails.txt"
    assert "don't match any collected tests" not in output, output
