"""The bridge to PyTorch where PyTorch is not imported or not there: nothing of Tandem depends on it."""

import subprocess
import sys

HIDDEN = """
import sys
class Hider:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'torch':
            raise ImportError("no torch here")
sys.meta_path.insert(0, Hider())
import tandem as td
"""


def output(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_tandem_does_not_import_torch():
    code = "import sys, tandem as td; td.script(lambda x: x + 1)(td.ones(3)); print('torch' in sys.modules)"
    assert output(code) == "False"


def test_td_torch_says_what_is_missing():
    code = HIDDEN + (
        "for use in (lambda: td.torch.stats(), lambda: td.from_torch(None, ())):\n"
        "    try:\n        use()\n    except td.BackendError as error:\n        print(error)\n"
    )
    lines = output(code).splitlines()
    assert len(lines) == 2
    assert all("need it; try pip install 'tandem-jit[torch]'" in line for line in lines)


def test_the_entry_point_names_the_backend():
    from pathlib import Path

    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert 'entry-points.torch_dynamo_backends]\ntandem = "tandem.torch.backend:tandem"' in text
