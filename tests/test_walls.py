from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command

IMPLEMENTATIONS = ("keras_impl", "pytorch_impl", "flair_impl", "fastai_impl")


def test_rooms_import_what_they_may() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(linter)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2_000:]


@pytest.mark.parametrize("file", ["model.py", "training.py", "weights.py", "__main__.py"])
def test_implementations_have_the_same_furniture(file: str) -> None:
    """The functions of the contract stand in the same file, in the same order, in all four rooms."""
    contract = {
        "model.py": ["idiomatic", "build"],
        "training.py": ["configure", "train", "forward_and_backward", "predict_probabilities"],
        "weights.py": ["load_weights", "export_weights", "count_trainable"],
        "__main__.py": ["load"],
    }
    for room in IMPLEMENTATIONS:
        lines = (ROOT / room / file).read_text().splitlines()
        defined = [line.split("(")[0].removeprefix("def ") for line in lines if line.startswith("def ")]
        assert [name for name in defined if name in contract[file]] == contract[file], f"{room}/{file}"


@pytest.mark.parametrize("module", [f"{room} train" for room in IMPLEMENTATIONS] + ["compare run", "compare ladder"])
def test_help_is_quick_and_imports_no_framework(command: Command, module: str) -> None:
    room, verb = module.split()
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['{room}', '{verb}', '--help']\n"
        f"try: runpy.run_module('{room}', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print('LOADED', [n for n in ('torch', 'tensorflow', 'flair', 'fastai', 'keras') if n in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "LOADED []" in done.stdout, done.stderr
    assert "--hidden-size" in done.stdout
