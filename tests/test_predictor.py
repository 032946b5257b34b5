"""A checkpoint answers the same without a framework: as the reference does, whatever the model and the text."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

import shared.predictor
from compare.__main__ import main as lockstep
from compare.proofs.parity import random_reviews, random_weights
from shared import train_and_predict
from shared.data.encoded import EncodedReviews, encode_texts
from shared.errors import LockstepError
from shared.frameworks import REGISTRY
from shared.predictor import Predictor
from shared.reference import __main__ as reference
from shared.reference.model import build
from shared.reference.training import predict_probabilities
from shared.specification import ARCHITECTURES, POOLINGS, Padding, Specification
from shared.text import Vocabulary
from shared.weights import Checkpoint, folded, save_checkpoint
from tests.conftest import ROOT
from tests.sealed import reseal_checkpoint

WORDS = 300
VOCABULARY = Vocabulary(["<pad>", "<unk>", *(f"w{number}" for number in range(WORDS - 2))])
SMALL = Specification(vectors="random", embedding_size=7, hidden_size=9, max_length=30)
# Of probabilities. A float32 between a half and 1 has steps of 6e-8, and each layer rounds at every word.
TOLERANCE = 1e-6
# None, some, exactly and more than `max_length`, alone and in rows that end together.
LENGTHS = [0, 1, 5, 30, 0, 45, 2, 17, 3, 30, 1] * 3
HEAVY = {
    *(package for framework in REGISTRY for package in framework.imports),
    *("pandas", "pyarrow", "scipy", "sklearn", "matplotlib", "rich", "tqdm", "onnx", "onnxruntime"),
}


def random_checkpoint(specification: Specification, classes: int = 2) -> Checkpoint:
    weights = folded(random_weights(specification, WORDS, classes=classes, training=True))
    return Checkpoint(specification, VOCABULARY, weights, tuple(f"kind {number}" for number in range(classes)))


def expected(checkpoint: Checkpoint, reviews: EncodedReviews) -> np.ndarray:
    return predict_probabilities(build(checkpoint.specification, checkpoint.weights), reviews)


def reviews_of(specification: Specification, lengths: list[int] = LENGTHS) -> EncodedReviews:
    reviews = random_reviews(lengths, WORDS)
    return replace(reviews, max_length=specification.max_length, head=10, padding=specification.padding)


@pytest.mark.parametrize("padding", ["masked", "left", "right"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_answers_as_the_reference(architecture: str, padding: Padding) -> None:
    for layers, pooling, head in product((1, 3), POOLINGS, ("softmax", "sigmoid")):
        specification = SMALL.replaced(
            architecture=architecture, layers=layers, pooling=pooling, head=head, padding=padding
        )
        checkpoint, reviews = random_checkpoint(specification), reviews_of(specification)
        found = Predictor(checkpoint, threads=2).probabilities(reviews)
        assert found.dtype == np.float32
        assert np.ptp(found[:, 1]) > 1_000 * TOLERANCE, "the reviews must not all score alike"
        difference = np.abs(found - expected(checkpoint, reviews)).max()
        assert difference <= TOLERANCE, (layers, pooling, head)


@pytest.mark.parametrize("changes", [{"reprojection": True}, {"second_bias": True}, {"train_embedding": False}])
@pytest.mark.parametrize("classes", [2, 5, 46])
def test_so_does_a_model_of_other_classes_and_arrays(changes: dict[str, object], classes: int) -> None:
    checkpoint = random_checkpoint(SMALL.replaced(**changes), classes)
    reviews = reviews_of(checkpoint.specification)
    found = Predictor(checkpoint).probabilities(reviews)
    assert found.shape == (len(reviews), classes)
    assert np.abs(found - expected(checkpoint, reviews)).max() <= TOLERANCE


@pytest.mark.parametrize("architecture", ["lstm", "bigru"])
def test_how_texts_are_cut_into_batches_changes_nothing(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch for each layer's table, a chunk for each table of words, and a thread for each batch."""
    checkpoint = random_checkpoint(SMALL.replaced(architecture=architecture, layers=2))
    reviews = reviews_of(checkpoint.specification, LENGTHS * 4)
    whole = Predictor(checkpoint, threads=1).probabilities(reviews)
    assert np.abs(whole - expected(checkpoint, reviews)).max() <= TOLERANCE
    for name, value in (("LARGEST_TABLE", 1), ("TEXTS_AT_ONCE", 7), ("SMALLEST_BATCH", 1), ("LARGEST_BATCH", 3)):
        monkeypatch.setattr(shared.predictor, name, value)
        assert np.abs(Predictor(checkpoint, threads=3).probabilities(reviews) - whole).max() <= TOLERANCE, name


KNOWN = st.lists(st.sampled_from(VOCABULARY.words[2:40]), max_size=40).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(KNOWN, st.text(max_size=60)), max_size=12))
def test_any_texts_are_answered_in_their_order(texts: list[str]) -> None:
    checkpoint = random_checkpoint(SMALL.replaced(architecture="bilstm", pooling="ends"), 3)
    predictor = Predictor(checkpoint, threads=2)
    found = predictor.predict_proba(texts)
    assert found.shape == (len(texts), 3)
    assert np.allclose(found.sum(axis=1), 1, atol=TOLERANCE)
    assert predictor.predict(texts) == [predictor.classes[label] for label in found.argmax(axis=1)]
    if texts:
        encoded = encode_texts(texts, VOCABULARY, checkpoint.specification)
        assert np.abs(found - expected(checkpoint, encoded)).max() <= TOLERANCE
        assert np.abs(predictor.predict_proba(texts[-1:]) - found[-1:]).max() <= TOLERANCE


def test_more_texts_than_are_encoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor(random_checkpoint(SMALL))
    texts = [f"w{number} w{number % 7} nothing" for number in range(50)]
    whole = predictor.predict_proba(texts)
    monkeypatch.setattr(shared.predictor, "TEXTS_AT_ONCE", 8)
    assert np.abs(predictor.predict_proba(text for text in texts) - whole).max() <= TOLERANCE


def test_threads_that_use_one_predictor_do_not_disturb_each_other() -> None:
    predictor = Predictor(random_checkpoint(SMALL.replaced(architecture="gru")), threads=2)
    groups = [reviews_of(SMALL, [1 + (number * row) % 40 for row in range(60)]) for number in range(8)]
    alone = [predictor.probabilities(reviews) for reviews in groups]
    before = products_threads()
    start = threading.Barrier(4)

    def ask(number: int) -> np.ndarray:
        if number < 4:
            start.wait(60)
        return predictor.probabilities(groups[number])

    with ThreadPoolExecutor(4) as executor:
        together = list(executor.map(ask, range(8)))
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one, other)
    assert products_threads() == before, "the limit on NumPy's threads is lifted when the last one is done"


def products_threads() -> list[int]:
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def test_it_loads_a_checkpoint_or_a_run(tmp_path: Path) -> None:
    checkpoint = random_checkpoint(SMALL)
    (tmp_path / "run").mkdir()
    save_checkpoint(tmp_path / "run" / "checkpoint", checkpoint)
    of_run = Predictor.load(tmp_path / "run").predict_proba(["w1 w2", ""])
    assert np.array_equal(Predictor.load(str(tmp_path / "run" / "checkpoint")).predict_proba(["w1 w2", ""]), of_run)
    assert Predictor.load(tmp_path / "run").classes == ("kind 0", "kind 1")


def cut(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-4])


def overflowing(folder: Path) -> None:
    """All states are near 1, and the head's sums are beyond what a float32 can say."""
    checkpoint = random_checkpoint(SMALL)
    values = {"rnn.0.forward.bias": 100, "head.kernel": 3e38}
    large = {name: np.full_like(checkpoint.weights[name], value) for name, value in values.items()}
    shutil.rmtree(folder)
    save_checkpoint(folder, replace(checkpoint, weights={**checkpoint.weights, **large}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shutil.rmtree, "model.json: cannot be read"),
        (cut, "weights.safetensors: was changed or damaged"),
        (lambda folder: (folder / "vocabulary.txt").unlink(), "vocabulary.txt"),
        (lambda folder: reseal_checkpoint(folder, class_names=["one", "two", "three"]), "3 class names"),
        (overflowing, "not finite"),
    ],
    ids=["missing", "cut", "no vocabulary", "classes", "overflow"],
)
def test_a_damaged_checkpoint_is_one_line(tmp_path: Path, damage: Callable[[Path], object], said: str) -> None:
    folder = tmp_path / "checkpoint"
    save_checkpoint(folder, random_checkpoint(SMALL))
    damage(folder)
    with pytest.raises(LockstepError, match=said) as caught:
        Predictor.load(folder).predict_proba(["w1 w2 w3"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("texts", "said"), [("w1", "a list of texts is expected"), (["w1", 7], "text 1")])
def test_what_is_no_list_of_texts_is_refused(texts: object, said: str) -> None:
    with pytest.raises(LockstepError, match=said):
        Predictor(random_checkpoint(SMALL)).predict(texts)  # type: ignore[arg-type]


def test_a_first_answer_imports_nothing_heavy(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint", random_checkpoint(SMALL))
    program = (
        "import sys; from shared.predictor import Predictor\n"
        "print(Predictor.load(sys.argv[1]).predict(['w1 caf\\u00e9'])); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "checkpoint"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    answer, modules = done.stdout.splitlines()
    assert "kind" in answer
    assert "numpy" in modules.split()
    assert HEAVY & set(modules.split()) == set()


def test_the_command_answers_as_a_framework_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same flags, the same lines, the same columns; probabilities but for rounding."""
    folder, table = tmp_path / "checkpoint", tmp_path / "texts.csv"
    save_checkpoint(folder, random_checkpoint(SMALL))
    table.write_text("id,text,label\n1,w1 w2,kind 0\n2,w3,kind 1\n3,,kind 1\n")

    def in_reference(*arguments: str) -> int:
        return train_and_predict.main("reference", reference.load, ["predict", "--checkpoint", *arguments])

    said: list[tuple[str, str]] = []
    inputs, answers = [], []
    for predict in (lambda *arguments: lockstep(["predict", *arguments]), in_reference):
        out = tmp_path / f"{len(said)}.csv"
        assert predict(str(folder), "w1 w2 w3", "") == 0
        assert predict(str(folder), "--input", str(table), "--output", str(out)) == 0
        printed = capsys.readouterr()
        said.append((printed.out.replace(str(out), "out"), printed.err))
        rows = [line.split(",") for line in out.read_text().splitlines()]
        inputs.append([row[:4] for row in rows])
        answers.append([[float(share) for share in row[4:]] for row in rows[1:]])
    assert said[0] == said[1]
    assert "w1 w2 w3" in said[0][0]
    assert inputs[0] == inputs[1]
    assert np.abs(np.array(answers[0]) - np.array(answers[1])).max() <= TOLERANCE


def test_nor_does_the_command(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint", random_checkpoint(SMALL))
    program = (
        "import sys; from compare.__main__ import main\n"
        "code = main(['predict', sys.argv[1], 'w1']); print(*sys.modules); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "checkpoint"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert (HEAVY - {"tqdm"}) & set(done.stdout.splitlines()[-1].split()) == set()
