from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from shared.errors import LockstepError
from shared.files import checksum, seal
from shared.specification import ARCHITECTURES, Specification
from shared.text import Vocabulary
from shared.vectors import VectorTable, load_vectors
from shared.weights import (
    Checkpoint,
    Weights,
    check,
    from_torch_layout,
    initialise,
    read_checkpoint,
    save_checkpoint,
    shapes,
    started_from,
    to_torch_layout,
)
from tests.conftest import CLASS_NAMES

VOCABULARY = Vocabulary(("<pad>", "<unk>", "the", "film", "good", "bad"))
SMALL = Specification(embedding_size=5, hidden_size=4, vectors="random")


def weights_of(specification: Specification) -> Weights:
    return initialise(specification, load_vectors("random", VOCABULARY, specification.embedding_size), 2)


def test_shapes_of_a_deep_bilstm() -> None:
    specification = SMALL.replaced(architecture="bilstm", layers=2, pooling="concat")
    named = shapes(specification, vocabulary_size=6, classes=2)
    assert named["rnn.0.backward.input_kernel"] == (5, 16)
    assert named["rnn.1.forward.input_kernel"] == (8, 16)
    assert named["rnn.1.forward.recurrent_kernel"] == (4, 16)
    assert named["rnn.1.forward.bias"] == (16,)
    assert named["head.kernel"] == (24, 2)
    assert shapes(SMALL.replaced(architecture="gru"), 6, 2)["rnn.0.forward.bias"] == (2, 12)


def test_initial_values() -> None:
    weights = weights_of(SMALL)
    recurrent = weights["rnn.0.forward.recurrent_kernel"]
    assert np.allclose(recurrent @ recurrent.T, np.eye(4), atol=1e-6)
    assert weights["rnn.0.forward.bias"].tolist() == [0] * 4 + [1] * 4 + [0] * 8, "gate order i, f, g, o"
    limit = np.sqrt(6 / (5 + 16))
    assert 0.8 * limit < np.abs(weights["rnn.0.forward.input_kernel"]).max() <= limit
    assert (weights["embedding"][0] == 0).all()
    assert np.abs(weights["embedding"]).max() <= 0.05
    assert all(array.dtype == np.float32 for array in weights.values())


def test_found_vectors_become_the_embedding() -> None:
    found = np.array([False, False, True, False, False, False])
    vectors = np.where(found[:, None], np.float32(7), np.float32(0)) * np.ones((6, 5), np.float32)
    embedding = initialise(SMALL, VectorTable(vectors, found), 2)["embedding"]
    assert (embedding[2] == 7).all()
    assert (np.abs(embedding[3:]) <= 0.05).all()
    assert embedding[3:].any()


@pytest.mark.parametrize("architecture", ["rnn", "lstm", "bigru"])
def test_initial_values_of_the_other_frameworks(architecture: str) -> None:
    """Their documented distributions, by their limits and spread; arrays are large enough to tell."""
    words = Vocabulary(("<pad>", "<unk>", *(f"w{number}" for number in range(2_000))))
    sizes = {"embedding_size": 30, "hidden_size": 64, "pooling": "last"}
    specification = Specification(vectors="random", architecture=architecture, initialisation="pytorch", **sizes)
    drawn = initialise(specification, load_vectors("random", words, 30), 2)
    check(drawn, specification)
    for name, array in drawn.items():
        if name == "embedding":
            continue
        limit = specification.features**-0.5 if name.startswith("head") else 64**-0.5
        draws = 2 if name.startswith("rnn") and name.endswith("bias") and "gru" not in architecture else 1
        assert np.abs(array).max() <= draws * limit, name
        if array.size > 200:  # the spread of a uniform, and of the sum of two
            assert array.std() == pytest.approx(limit * (draws / 3) ** 0.5, rel=0.1), name
    assert drawn["head.bias"].all()
    assert drawn["embedding"][1:].std() == pytest.approx(1, rel=0.02)
    assert not drawn["embedding"][0].any(), "masked padding has no vector"
    fastai = initialise(specification.replaced(initialisation="fastai"), load_vectors("random", words, 30), 2)
    assert all(np.array_equal(fastai[name], drawn[name]) for name in drawn if name != "embedding")
    assert np.abs(fastai["embedding"]).max() < 0.02
    assert fastai["embedding"][1:].std() == pytest.approx(0.00866, rel=0.02), "a normal cut at 2, by its remainder"


def test_found_vectors_stay_whatever_is_drawn() -> None:
    found = np.array([False, False, True, False, False, False])
    table = VectorTable(np.full((6, 5), 7, np.float32), found)
    for name in ("keras", "pytorch", "fastai"):
        embedding = initialise(SMALL.replaced(initialisation=name), table, 2)["embedding"]
        assert (embedding[2] == 7).all()
        assert not (embedding[3:] == 7).any()


def test_padding_that_is_read_has_a_vector() -> None:
    assert weights_of(SMALL.replaced(padding="right"))["embedding"][0].all()


def test_arrays_depend_on_seed_and_name_only() -> None:
    one, other = weights_of(SMALL), weights_of(SMALL.replaced(layers=2, pooling="max"))
    assert np.array_equal(one["rnn.0.forward.input_kernel"], other["rnn.0.forward.input_kernel"])
    assert not np.array_equal(one["embedding"], weights_of(SMALL.replaced(seed=1))["embedding"])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_torch_layout_there_and_back(architecture: str) -> None:
    specification = SMALL.replaced(architecture=architecture)
    generator = np.random.default_rng(5)
    weights = {
        name: generator.standard_normal(shape).astype(np.float32)
        for name, shape in shapes(specification, 6, 2).items()
        if name.startswith("rnn.0.forward")
    }
    layer = to_torch_layout(weights, "rnn.0.forward", specification.cell)
    back = from_torch_layout(layer, "rnn.0.forward", specification.cell)
    assert back.keys() == weights.keys()
    for name, array in weights.items():
        assert np.array_equal(back[name], array), name


def test_torch_layout_puts_the_reset_gate_first() -> None:
    hidden = 4
    kernel = np.repeat(np.array([1, 2, 3], np.float32), hidden)[None].repeat(5, axis=0)  # z, r, n
    weights = {
        "p.input_kernel": kernel,
        "p.recurrent_kernel": kernel[:4],
        "p.bias": np.stack([kernel[0], 10 * kernel[0]]),
    }
    layer = to_torch_layout(weights, "p", "gru")
    assert layer["weight_ih"][:, 0].tolist() == [2] * 4 + [1] * 4 + [3] * 4
    assert layer["bias_hh"].tolist() == [20] * 4 + [10] * 4 + [30] * 4


def test_two_biases_are_added_to_one() -> None:
    layer = to_torch_layout(weights_of(SMALL), "rnn.0.forward", "lstm")
    assert not layer["bias_hh"].any()
    layer["bias_hh"] = np.full_like(layer["bias_hh"], 0.5)
    assert from_torch_layout(layer, "p", "lstm")["p.bias"][:5].tolist() == [0.5] * 4 + [1.5]


@pytest.fixture
def checkpoint() -> Checkpoint:
    specification = SMALL.replaced(architecture="gru", truncation="head")
    return Checkpoint(specification, VOCABULARY, weights_of(specification), CLASS_NAMES)


def test_checkpoint_survives_its_directory(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint", checkpoint)
    names = {path.name for path in (tmp_path / "checkpoint").iterdir()}
    assert names == {"weights.safetensors", "model.json", "vocabulary.txt"}
    for place in (tmp_path, tmp_path / "checkpoint"):  # a run, or the checkpoint in it
        again = read_checkpoint(place)
        assert again.specification == checkpoint.specification
        assert again.vocabulary.words == VOCABULARY.words
        assert all(np.array_equal(again.weights[name], array) for name, array in checkpoint.weights.items())


def damaged(folder: Path, what: str) -> None:
    model, weights = folder / "model.json", folder / "weights.safetensors"
    values, arrays = json.loads(model.read_text()), load_file(weights)

    def reseal(**changes: object) -> None:
        """Change what the file says as if the program itself had said it."""
        files = {name: checksum(folder / name) for name in values["files"] if (folder / name).exists()}
        model.write_text(json.dumps(seal({**values, "files": files, **changes})))

    if what == "version":
        reseal(format_version=3)
    elif what == "json":
        model.write_text("{")
    elif what == "no version":
        model.write_text("[]")
    elif what == "field":
        reseal(specification={**values["specification"], "layers": 0})
    elif what == "unknown field":
        reseal(extra=1)
    elif what == "text rules":
        reseal(text_rules_version=0)
    elif what == "edited":
        model.write_text(json.dumps({**values, "class_names": ["positive", "negative"]}))
    elif what == "class names":
        reseal(class_names=["good"])
    elif what == "same names":
        reseal(class_names=["good", "good"])
    elif what == "no checksums":
        reseal(files={})
    elif what == "bit":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif what == "shuffled vocabulary":
        lines = (folder / "vocabulary.txt").read_text().split("\n")
        (folder / "vocabulary.txt").write_text("\n".join([*lines[:2], *lines[2:-1][::-1], ""]))
    elif what == "not a number":
        save_file({**arrays, "head.bias": np.full(2, np.nan, np.float32)}, weights)
        reseal()
    elif what == "array":
        save_file({name: array for name, array in arrays.items() if name != "head.bias"}, weights)
        reseal()
    elif what == "shape":
        save_file({**arrays, "head.bias": np.zeros(3, np.float32)}, weights)
        reseal()
    elif what == "type":
        save_file({**arrays, "head.bias": np.zeros(2)}, weights)
        reseal()
    elif what == "extra array":
        save_file({**arrays, "peephole": np.zeros(2, np.float32)}, weights)
        reseal()
    elif what == "cut":
        weights.write_bytes(weights.read_bytes()[:-10])
    elif what == "no weights":
        weights.unlink()
    elif what == "no vocabulary":
        (folder / "vocabulary.txt").unlink()
    elif what == "short vocabulary":
        (folder / "vocabulary.txt").write_text("<pad>\n<unk>\n")
        reseal()


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("version", "format version 3, this program reads 2"),
        ("json", "model.json: not the description of a model, or damaged"),
        ("no version", "model.json: not the description of a model, or damaged"),
        ("edited", "model.json: was changed or damaged"),
        ("class names", "1 class names, the softmax head has 2 outputs"),
        ("same names", "'good' stands twice"),
        ("no checksums", "names no checksums"),
        ("bit", "weights.safetensors: was changed or damaged"),
        ("shuffled vocabulary", "vocabulary.txt: was changed or damaged"),
        ("not a number", "head.bias"),
        ("field", "layers"),
        ("unknown field", "model.json"),
        ("text rules", "other text rules"),
        ("array", "'head.bias' is missing"),
        ("shape", "head.kernel is float32"),
        ("type", "head.bias is float64"),
        ("extra array", "'peephole' is not one of its arrays"),
        ("cut", "weights.safetensors: was changed or damaged"),
        ("no weights", "weights.safetensors: cannot be read"),
        ("no vocabulary", "vocabulary.txt: cannot be read"),
        ("short vocabulary", "2 words in the vocabulary"),
    ],
)
def test_damaged_checkpoints_are_refused_in_one_line(
    checkpoint: Checkpoint, tmp_path: Path, what: str, reason: str
) -> None:
    save_checkpoint(tmp_path / "checkpoint", checkpoint)
    damaged(tmp_path / "checkpoint", what)
    with pytest.raises(LockstepError, match=reason) as error:
        read_checkpoint(tmp_path / "checkpoint")
    assert "\n" not in str(error.value)


def test_check_names_the_first_problem() -> None:
    weights = weights_of(SMALL)
    check(weights, SMALL)
    del weights["rnn.0.forward.bias"]
    with pytest.raises(LockstepError, match=r"'rnn\.0\.forward\.bias' is missing"):
        check(weights, SMALL)


def test_a_model_starts_from_what_a_checkpoint_has_in_common() -> None:
    words = Vocabulary(("<pad>", "<unk>", "bad", "other", "the"))
    given = SMALL.replaced(architecture="lstm", seed=7)
    theirs = initialise(given, load_vectors("random", words, 5), 2)
    checkpoint = Checkpoint(given, words, theirs, CLASS_NAMES)
    ours = weights_of(SMALL.replaced(architecture="bilstm"))
    started = started_from(ours, VOCABULARY, checkpoint)
    check(started, SMALL.replaced(architecture="bilstm"))
    for word in ("the", "bad"):
        assert np.array_equal(started["embedding"][VOCABULARY.ids[word]], theirs["embedding"][words.ids[word]]), (
            "by word, not by id"
        )
    assert np.array_equal(started["embedding"][VOCABULARY.ids["film"]], ours["embedding"][VOCABULARY.ids["film"]])
    for name in ours:
        source = theirs if name.startswith("rnn.0.forward") else ours
        if name != "embedding":
            assert np.array_equal(started[name], source[name]), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 6}, r"rnn.0.forward.input_kernel is \[5, 24\], the model's \[5, 16\]"),
        ({"embedding_size": 3}, r"embedding is \[3\], the model's \[5\]"),
        ({"architecture": "gru"}, r"rnn.0.forward.input_kernel is \[5, 12\]"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    given = SMALL.replaced(**changes)
    with pytest.raises(LockstepError, match=message):
        started_from(weights_of(SMALL), VOCABULARY, Checkpoint(given, VOCABULARY, weights_of(given), CLASS_NAMES))
