"""Models in the frameworks' own files, through canonical weights, against the reference in NumPy."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from compare import workers
from compare.exchange.convert import Wishes
from compare.proofs.parity import PROBABILITIES, random_reviews, random_weights
from compare.workers import Ask, Workers
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.reference.model import build
from shared.reference.training import predict_probabilities
from shared.specification import ARCHITECTURES, POOLINGS, Specification
from shared.text import Vocabulary
from shared.weights import Checkpoint, read_checkpoint, save_checkpoint
from tests.conformance import keras_models, native_jobs, torch_models
from tests.conformance.native_jobs import HIDDEN, SIZE, WORDS, convert
from tests.conftest import Command

VOCABULARY = Vocabulary(("<pad>", "<unk>", *(f"word{number}" for number in range(2, WORDS))))
CELLS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
OURS = list(zip(ARCHITECTURES, ["max", "mean", "concat", "ends", "max", "concat"], strict=True))
CASES = [(architecture, layers) for architecture in ARCHITECTURES for layers in (1, 2)]


@pytest.fixture(autouse=True)
def rooms(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """`convert` asks the session's long-lived processes instead of starting one for each file."""

    def in_its_room(framework: str, function: str, *arguments: object) -> object:
        return ask(native_jobs.native, framework, function, *arguments)

    monkeypatch.setattr("compare.exchange.convert.in_its_room", in_its_room)


def made(architecture: str, layers: int = 1, pooling: str = "last", classes: int = 2, **more: object) -> Checkpoint:
    specification = Specification(
        vectors="random",
        architecture=architecture,
        layers=layers,
        pooling=pooling,
        embedding_size=SIZE,
        hidden_size=HIDDEN,
        vocabulary_size=WORDS,
        dropout=0.25,
        max_length=40,
        truncation="head",
        **more,
    )
    names = ("negative", "positive") if classes == 2 else tuple(f"kind {label} ♥" for label in range(classes))
    return Checkpoint(specification, VOCABULARY, random_weights(specification, WORDS, layers, classes), names)


def reference(checkpoint: Checkpoint, rows: np.ndarray | None = None) -> np.ndarray:
    """The reference's probabilities, through the same two functions as any room's."""
    tokens = native_jobs.tokens() if rows is None else native_jobs.tokens()[rows]
    sizes = (tokens != 0).sum(axis=1)
    flat = np.append(tokens[tokens != 0], np.int32(0))
    ids, labels = np.arange(len(tokens)).astype(str), np.full(len(tokens), -1, np.int8)
    reviews = EncodedReviews(ids, labels, flat, np.cumsum(sizes) - sizes, sizes, max_length=12, head=12)
    return predict_probabilities(build(checkpoint.specification, checkpoint.weights), reviews)


def of_all_classes(answers: np.ndarray) -> np.ndarray:
    """Probabilities of all classes, where a model answers with that of the second alone."""
    return np.concatenate([1 - answers, answers], axis=1) if answers.shape[1] == 1 else answers


def softmax(logits: np.ndarray) -> np.ndarray:
    if logits.shape[1] == 1:  # a sigmoid's
        return of_all_classes(1 / (1 + np.exp(-logits.astype(np.float64))))
    exponents = np.exp(logits.astype(np.float64))
    return exponents / exponents.sum(axis=1, keepdims=True)


def differences(left: Checkpoint, right: Checkpoint) -> list[str]:
    return [name for name, array in left.weights.items() if not np.array_equal(array, right.weights[name])]


@pytest.mark.parametrize("name", keras_models.EXACT_KERAS)
def test_a_users_keras_model_becomes_a_checkpoint(ask: Ask, name: str, tmp_path: Path) -> None:
    answers = ask(keras_models.save_keras, "keras", name, tmp_path / "model.keras")
    _, notes = convert(tmp_path / "model.keras", tmp_path / "model", Wishes())
    checkpoint = read_checkpoint(tmp_path / "model")
    expected = softmax(answers) if name.endswith("logits") else of_all_classes(answers)
    assert np.abs(reference(checkpoint) - expected).max() <= PROBABILITIES
    assert np.ptp(expected[:, 1]) > 1_000 * PROBABILITIES, "the rows must not all score alike"
    said, other_masks = keras_models.SAID_OF_KERAS[name]
    sizes = {"embedding_size": SIZE, "hidden_size": HIDDEN, "vocabulary_size": WORDS}
    told = {"data": "unknown", "vectors": "random", "pooling": "last", "architecture": name.split(",")[0]}
    assert checkpoint.specification == Specification().replaced(**{"dropout": 0, **told, **sizes, **said})
    assert any("Keras draws a mask for each gate or direction" in note for note in notes) == other_masks
    assert any("supposed: a softmax over the head" in note for note in notes) == name.endswith("logits")


@pytest.mark.parametrize("name", keras_models.REFUSED_KERAS)
def test_a_keras_model_without_an_exact_counterpart_is_refused_by_name(ask: Ask, name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    ask(keras_models.save_keras, "keras", name, path)
    with pytest.raises(LockstepError) as error:
        convert(path, tmp_path / "model", Wishes())
    said = str(error.value)
    assert said.startswith(f"{path}: "), said
    assert keras_models.REFUSED_KERAS[name][1] in said
    assert "\n" not in said
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("damage", ["cut", "other", "no weights", "no configuration", "another Keras"])
def test_damaged_keras_files_are_refused_in_one_line(ask: Ask, damage: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    ask(keras_models.save_keras, "keras", "lstm, dropout, softmax", path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == "other":
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    else:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        configuration = json.loads(members["config.json"])
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                if damage == "no weights" and name.endswith(".h5"):
                    continue
                if name == "config.json" and damage == "no configuration":
                    continue
                if name == "config.json" and damage == "another Keras":
                    del configuration["config"]["layers"]
                    content = json.dumps(configuration).encode()
                archive.writestr(name, content)
    with pytest.raises(LockstepError, match="damaged") as error:
        convert(path, tmp_path / "model", Wishes())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("architecture", "layers"), CASES)
def test_a_checkpoint_becomes_a_keras_file_and_returns(
    ask: Ask, architecture: str, layers: int, tmp_path: Path
) -> None:
    checkpoint = made(architecture, layers)
    save_checkpoint(tmp_path / "model", checkpoint)
    convert(tmp_path / "model", tmp_path / "model.keras", Wishes())
    answers = ask(keras_models.open_keras, "keras", tmp_path / "model.keras")
    assert np.abs(reference(checkpoint) - answers).max() <= PROBABILITIES
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert b"lockstep" not in archive.read("config.json"), "it must open where this project is not installed"
    again, _ = convert(tmp_path / "model.keras", tmp_path / "again", Wishes(max_length=40))
    assert not differences(checkpoint, again)
    kept = {"vectors": "random", "data": "unknown", "truncation": "tail"}
    assert again.specification == checkpoint.specification.replaced(**kept)


@pytest.mark.parametrize(
    ("architecture", "pooling"),
    list(zip(ARCHITECTURES, ["max", "mean", "concat", "ends", "max", "concat"], strict=True)),
)
def test_our_own_keras_model_returns_too(ask: Ask, architecture: str, pooling: str, tmp_path: Path) -> None:
    checkpoint = made(architecture, 2, pooling)
    save_checkpoint(tmp_path / "model", checkpoint)
    _, notes = convert(tmp_path / "model", tmp_path / "model.keras", Wishes())
    assert any("import keras_impl.model" in note for note in notes)
    logits = ask(keras_models.open_keras, "keras", tmp_path / "model.keras")
    assert np.abs(reference(checkpoint) - softmax(logits)).max() <= PROBABILITIES
    again, _ = convert(tmp_path / "model.keras", tmp_path / "again", Wishes())
    assert not differences(checkpoint, again)
    assert again.specification.pooling == pooling
    assert again.specification.architecture == architecture


@pytest.mark.parametrize(
    ("recipe", "head"), [("lockstep", "softmax"), ("lockstep", "sigmoid"), ("idiomatic", "softmax")]
)
@pytest.mark.parametrize(("architecture", "parts"), [("bilstm", 2), ("bigru", 3), ("lstm", 1), ("rnn", 2)])
def test_models_of_the_keras_room_are_read(
    ask: Ask, recipe: str, head: str, architecture: str, parts: int, tmp_path: Path
) -> None:
    checkpoint = made(architecture, 2, "ends" if recipe == "lockstep" else "last", head=head)
    in_parts = {"batch_parts": parts} if recipe == "lockstep" else {}
    specification = checkpoint.specification.replaced(recipe=recipe, **in_parts)
    path = tmp_path / "model.keras"
    logits = ask(keras_models.save_our_keras, "keras", specification, checkpoint.weights, path)
    converted, _ = convert(path, tmp_path / "model", Wishes())
    assert not differences(checkpoint, converted)
    assert np.abs(reference(converted) - softmax(logits)).max() <= PROBABILITIES


HEADS = [(2, "softmax"), (5, "softmax"), (46, "softmax"), (2, "sigmoid")]


@pytest.mark.parametrize(("classes", "head"), HEADS)
@pytest.mark.parametrize("pooling", ["last", "concat"])
@pytest.mark.parametrize("suffix", [".keras", ".safetensors", ".pt"])
def test_heads_of_all_kinds_travel_through_every_format(
    ask: Ask, classes: int, head: str, pooling: str, suffix: str, tmp_path: Path
) -> None:
    checkpoint = made("bigru", 1, pooling, classes, head=head)
    save_checkpoint(tmp_path / "model", checkpoint)
    path = tmp_path / f"model{suffix}"
    _, notes = convert(tmp_path / "model", path)
    what = "the probability" if (suffix, pooling) == (".keras", "last") else "the logit"
    assert (f"the head has one output, {what} of 'positive'" in notes) == (head == "sigmoid")
    if suffix == ".keras":
        answers, rows = ask(keras_models.open_keras, "keras", path), None
        answers = of_all_classes(answers) if pooling == "last" else softmax(answers)
    else:
        units = checkpoint.specification.outputs(classes)
        options, rows = {"ways": 2, "pooling": pooling, "units": units}, torch_models.with_words()
        answers = ask(torch_models.open_torch, "pytorch", path, "GRU", options)
    assert answers.shape[1] == classes
    assert np.abs(reference(checkpoint, rows) - answers).max() <= PROBABILITIES
    wishes = Wishes(pooling=pooling if suffix == ".pt" else None)
    again, notes = convert(path, tmp_path / "again", wishes)
    assert not differences(checkpoint, again)
    assert (again.specification.head, again.specification.pooling) == (head, pooling)
    supposed = ("negative", "positive") if classes == 2 else tuple(f"class-{label}" for label in range(classes))
    has_names = suffix == ".safetensors"  # which has room for metadata
    assert read_checkpoint(tmp_path / "again").class_names == (checkpoint.class_names if has_names else supposed)
    noted = f"no --class-names: supposed {supposed[0]}, {supposed[1]}"
    assert any(note.startswith(noted) for note in notes) != has_names
    named, notes = convert(path, tmp_path / "named", replace(wishes, class_names=checkpoint.class_names))
    assert named.class_names == checkpoint.class_names
    assert not any("--class-names" in note for note in notes)


@pytest.mark.parametrize("architecture", ["rnn", "bilstm", "gru"])
def test_what_is_dropped_in_training_changes_no_answer(ask: Ask, framework: str, architecture: str) -> None:
    dropped = {"spatial_dropout": 0.3, "recurrent_dropout": 0.4}
    whole, checkpoint = made(architecture, 2, head="sigmoid"), made(architecture, 2, head="sigmoid", **dropped)
    rows = random_reviews([0, 1, 3, 11, 11], WORDS)
    expected, answers = (
        ask(workers.predict, framework, one.specification, one.weights, [rows])[0] for one in (whole, checkpoint)
    )
    assert answers.tobytes() == expected.tobytes()
    assert np.ptp(answers[:, 1]) > 0.01


@pytest.mark.parametrize("architecture", ["rnn", "bilstm", "gru"])
def test_a_keras_file_drops_what_its_layers_can_drop_alike(ask: Ask, architecture: str, tmp_path: Path) -> None:
    checkpoint = made(architecture, 2, head="sigmoid", spatial_dropout=0.3, recurrent_dropout=0.4)
    save_checkpoint(tmp_path / "model", checkpoint)
    _, notes = convert(tmp_path / "model", tmp_path / "model.keras")
    left_out = architecture != "rnn"
    assert any("recurrent-dropout 0.4 is left out" in note for note in notes) == left_out
    answers = of_all_classes(ask(keras_models.open_keras, "keras", tmp_path / "model.keras"))
    assert np.abs(reference(checkpoint) - answers).max() <= PROBABILITIES
    again, _ = convert(tmp_path / "model.keras", tmp_path / "again")
    assert not differences(checkpoint, again)
    said = (again.specification.spatial_dropout, again.specification.recurrent_dropout)
    assert said == (0.3, 0 if left_out else 0.4)


TORCH_MODELS = {
    "lstm": ("LSTM", {}),
    "bilstm, 2 layers": ("LSTM", {"ways": 2, "layers": 2}),
    "gru, 2 layers": ("GRU", {"layers": 2}),
    "bigru": ("GRU", {"ways": 2}),
    "rnn, no biases": ("RNN", {"bias": False}),
    "birnn, 2 layers": ("RNN", {"ways": 2, "layers": 2}),
    "bilstm, max": ("LSTM", {"ways": 2, "pooling": "max"}),
    "gru, mean": ("GRU", {"pooling": "mean"}),
    "bigru, concat, no biases": ("GRU", {"ways": 2, "pooling": "concat", "bias": False}),
    "lstm, one unit": ("LSTM", {"units": 1}),
    "gru, five units": ("GRU", {"units": 5}),
}


@pytest.mark.parametrize("name", TORCH_MODELS)
@pytest.mark.parametrize(("suffix", "prefix"), [(".pt", "module."), (".safetensors", "")])
def test_a_users_torch_model_becomes_a_checkpoint(
    ask: Ask, name: str, suffix: str, prefix: str, tmp_path: Path
) -> None:
    cell, options = TORCH_MODELS[name]
    path = tmp_path / f"model{suffix}"
    answers = ask(torch_models.save_torch, "pytorch", path, cell, options, prefix)
    _, notes = convert(path, tmp_path / "model", Wishes(pooling=options.get("pooling")))
    checkpoint = read_checkpoint(tmp_path / "model")
    assert np.abs(reference(checkpoint, torch_models.with_words()) - answers).max() <= PROBABILITIES
    assert np.ptp(answers[:, 1]) > 1_000 * PROBABILITIES
    assert checkpoint.specification.architecture == name.split(",")[0]
    assert checkpoint.class_names == (
        tuple(f"class-{label}" for label in range(5)) if "five" in name else ("negative", "positive")
    )
    added = any("two biases of each" in note for note in notes)
    assert added == (cell != "GRU" and "bias" not in options)
    assert any("a state_dict does not say what is computed" in note for note in notes)


@pytest.mark.parametrize("name", torch_models.REFUSED_TORCH)
def test_a_state_dict_without_an_exact_counterpart_is_refused_by_name(ask: Ask, name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    ask(torch_models.save_changed_torch, "pytorch", path, name)
    with pytest.raises(LockstepError) as error:
        convert(path, tmp_path / "model", Wishes())
    said = str(error.value)
    assert said.startswith(f"{path}: "), said
    assert torch_models.REFUSED_TORCH[name][1] in said
    assert "\n" not in said
    assert not (tmp_path / "model").exists()


def test_code_in_a_file_is_not_run(ask: Ask, tmp_path: Path) -> None:
    ask(torch_models.save_code, "pytorch", tmp_path / "model.pt", tmp_path / "touched")
    with pytest.raises(LockstepError, match="objects other than tensors, which are never run"):
        convert(tmp_path / "model.pt", tmp_path / "model", Wishes())
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("damage", ["cut", "other"])
def test_damaged_state_dicts_are_refused_in_one_line(ask: Ask, suffix: str, damage: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    ask(torch_models.save_torch, "pytorch", path, "LSTM", {})
    path.write_bytes(path.read_bytes()[:-100] if damage == "cut" else b"not a model")
    with pytest.raises(LockstepError, match="damaged") as error:
        convert(path, tmp_path / "model", Wishes())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("architecture", "layers"), CASES)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_checkpoint_becomes_a_plain_state_dict_and_returns(
    ask: Ask, architecture: str, layers: int, suffix: str, tmp_path: Path
) -> None:
    checkpoint = made(architecture, layers)
    save_checkpoint(tmp_path / "model", replace(checkpoint, class_names=("bad", "good")))
    path = tmp_path / f"model{suffix}"
    convert(tmp_path / "model", path, Wishes())
    options = {"ways": len(checkpoint.specification.directions), "layers": layers}
    cell = CELLS[checkpoint.specification.cell]
    answers = ask(torch_models.open_torch, "pytorch", path, cell, options)
    assert np.abs(reference(checkpoint, torch_models.with_words()) - answers).max() <= PROBABILITIES
    again, _ = convert(path, tmp_path / "again", Wishes())
    assert not differences(checkpoint, again)
    if suffix == ".safetensors":  # it has room for metadata
        assert again.specification == checkpoint.specification
        assert again.class_names == ("bad", "good")


@pytest.mark.parametrize("pooling", POOLINGS)
def test_models_of_the_pytorch_room_are_read(ask: Ask, pooling: str, tmp_path: Path) -> None:
    """Its layers are modules of their own; empty rows count."""
    for architecture, layers in (("bilstm", 2), ("gru", 2), ("birnn", 1)):
        checkpoint = made(architecture, layers, pooling)
        path = tmp_path / f"{architecture}.safetensors"
        answers = ask(torch_models.save_our_torch, "pytorch", checkpoint.specification, checkpoint.weights, path)
        converted, _ = convert(path, tmp_path / architecture, Wishes(pooling=pooling))
        assert not differences(checkpoint, converted)
        assert np.abs(reference(converted) - answers).max() <= PROBABILITIES


def test_the_metadata_is_for_all_to_read_and_is_believed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model", made("bigru", pooling="concat"))
    path = tmp_path / "model.safetensors"
    convert(tmp_path / "model", path, Wishes())
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    assert (metadata["architecture"], metadata["pooling"], metadata["format"]) == ("bigru", "concat", "pt")
    assert json.loads(metadata["class_names"]) == ["negative", "positive"]
    converted, notes = convert(path, tmp_path / "again", Wishes())
    assert converted.specification.pooling == "concat"
    assert not [note for note in notes if "supposed" in note]
    with pytest.raises(LockstepError, match="--pooling max: its metadata says concat"):
        convert(path, tmp_path / "other", Wishes(pooling="max"))


def test_a_pt_file_does_not_say_how_it_pools(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model", made("lstm", pooling="mean"))
    _, notes = convert(tmp_path / "model", tmp_path / "model.pt", Wishes())
    assert any("pass --pooling mean to read it again" in note for note in notes)


def test_the_command_from_framework_to_framework(command: Command, ask: Ask, tmp_path: Path) -> None:
    """In processes of its own, as a user would: Keras to PyTorch, PyTorch to a checkpoint with words."""
    answers = ask(keras_models.save_keras, "keras", "bigru, stacked, no biases", tmp_path / "model.keras")
    done = command("compare", "convert", tmp_path / "model.keras", tmp_path / "model.safetensors")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(
        f"model.safetensors: bigru, 2 layers of {HIDDEN}, pooling last, {WORDS} words, 2 classes\n"
    )
    assert done.stderr == "note: no --class-names: supposed negative, positive\n"
    words = tmp_path / "words.txt"
    words.write_text("\n".join(["", "[UNK]", *VOCABULARY.words[2:]]))
    flags = ("--vocabulary", words, "--class-names", "bad", "good", "--max-length", "50")
    done = command("compare", "convert", tmp_path / "model.safetensors", tmp_path / "model", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("note: supposed: texts are cleaned by html,apostrophes,lower_case")
    assert done.stderr.count("\n") == 1
    checkpoint = read_checkpoint(tmp_path / "model")
    assert np.abs(reference(checkpoint) - answers).max() <= PROBABILITIES
    assert checkpoint.vocabulary.words == VOCABULARY.words
    assert (checkpoint.class_names, checkpoint.specification.max_length) == (("bad", "good"), 50)
    done = command("shared.reference", "predict", "--checkpoint", tmp_path / "model", "word2 word3")
    assert done.stdout.startswith("bad 0.")


def test_the_command_refuses_in_one_line(command: Command, ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    ask(torch_models.save_changed_torch, "pytorch", path, "a module")
    done = command("compare", "convert", path, tmp_path / "model.onnx")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {path}: damaged, or holds objects other than tensors")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "model.onnx").exists()


ROOMS = {".keras": "keras", ".safetensors": "pytorch", ".pt": "pytorch"}
MOST_MEMORY = 500_000_000  # bytes above what the framework takes to be imported


def test_what_claims_more_than_there_is_takes_no_memory_in_pytorch(ask: Ask, tmp_path: Path) -> None:
    expected = {}
    for number, (name, (suffix, _, said)) in enumerate(torch_models.HOSTILE_TORCH.items()):
        path = tmp_path / f"{number}{suffix}"
        ask(torch_models.save_hostile_torch, "pytorch", path, name)
        expected[path] = (name, said)
    refused_cheaply("pytorch", expected)


def test_what_claims_more_than_there_is_takes_no_memory_in_keras(ask: Ask, tmp_path: Path) -> None:
    expected = {}
    for number, (name, (_, said)) in enumerate(keras_models.HOSTILE_KERAS.items()):
        path = tmp_path / f"{number}.keras"
        ask(keras_models.save_hostile_keras, "keras", path, name)
        expected[path] = (name, said)
    refused_cheaply("keras", expected)


def refused_cheaply(framework: str, expected: dict[Path, tuple[str, str]]) -> None:
    """In a process of its own: a peak never falls."""
    with Workers([framework]) as ask:
        found = ask(native_jobs.peaks, framework, list(expected))
    for (said, memory), (name, reason) in zip(found, expected.values(), strict=True):
        assert said.startswith("refused: "), (name, said)
        assert reason in said, (name, said)
        assert len(said) < 700, (name, said)
        assert memory < MOST_MEMORY, (name, memory)


@pytest.mark.parametrize("name", keras_models.HARMLESS_KERAS)
def test_what_is_not_looked_at_cannot_harm(ask: Ask, name: str, tmp_path: Path) -> None:
    """A configuration says how arrays are drawn, and for what shape: neither is of use for a trained model."""
    ask(keras_models.save_harmless_keras, "keras", tmp_path / "model.keras", name)
    converted, _ = convert(tmp_path / "model.keras", tmp_path / "model")
    assert converted.specification.architecture == "lstm"
    assert not Path("touched").exists()


def torch_name(name: str) -> str:
    """What PyTorch calls an array, or its last part, of a GRU's first layer."""
    kinds = {"input_kernel": "weight_ih", "recurrent_kernel": "weight_hh", "bias": "bias_hh"}
    if name == "embedding":
        return "embedding.weight"
    module, *way, kind = name.split(".")
    if module == "head":
        return f"head.{kind.replace('kernel', 'weight')}"
    return f"rnn.{kinds[kind]}_l0" + ("_reverse" if way[1] == "backward" else "")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("suffix", ROOMS)
def test_what_is_not_finite_is_refused_by_name(ask: Ask, suffix: str, value: float, tmp_path: Path) -> None:
    for pooling in ("last", "max") if suffix == ".keras" else ("last",):
        checkpoint = made("bigru", pooling=pooling)
        for name, array in checkpoint.weights.items():
            damaged = array.copy()
            damaged.reshape(-1)[-1] = value
            path = tmp_path / f"{pooling} {name}{suffix}"
            weights = {**checkpoint.weights, name: damaged}
            ask(native_jobs.native, ROOMS[suffix], "write_native", replace(checkpoint, weights=weights), path)
            with pytest.raises(LockstepError) as error:
                convert(path, tmp_path / "model", Wishes(pooling=None))
            said = str(error.value)
            assert said.startswith(f"{path}: {name if suffix == '.keras' else repr(torch_name(name))}: "), said
            assert "not finite" in said
    assert not (tmp_path / "model").exists()


def damaged_bytes(content: bytes, generator: np.random.Generator) -> bytes:
    """A file that was cut, or in which one bit, a few bytes or a block are others."""
    place = int(generator.integers(len(content)))
    kind = generator.integers(4)
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content[:place] + bytes([content[place] ^ (1 << int(generator.integers(8)))]) + content[place + 1 :]
    length = int(generator.integers(1, 9 if kind == 2 else 513))
    return content[:place] + generator.bytes(length) + content[place + length :]


@pytest.mark.parametrize(("suffix", "cases"), [(".keras", 150), (".safetensors", 250), (".pt", 1_000)])
def test_a_damaged_file_of_ours_is_refused_in_one_line_or_is_the_same_model(
    ask: Ask, suffix: str, cases: int, tmp_path: Path
) -> None:
    """Bits that nobody reads (dates, padding) may be others; the model may not."""
    checkpoint = replace(made("gru", 2, "last"), class_names=("bad", "good"))
    path = tmp_path / f"model{suffix}"
    ask(native_jobs.native, ROOMS[suffix], "write_native", checkpoint, path)
    whole = path.read_bytes()
    generator = np.random.default_rng(12)
    damaged = [whole, *(damaged_bytes(whole, generator) for _ in range(cases))]
    expected, *found = ask(native_jobs.outcomes, ROOMS[suffix], path, damaged)
    assert expected.startswith("read: ")
    for content, said in zip(damaged[1:], found, strict=True):
        assert content != whole or said == expected
        assert said.startswith("refused: ") or said == expected, said
    assert sum(said.startswith("refused: ") for said in found) > cases / 2


WRONG = (None, True, -1, 0, 10**12, 0.5, "text", "", [], [None], {}, {"class_name": "LSTM"})


def wrong_json(value: Any, generator: np.random.Generator) -> Any:
    """A JSON value in which one entry, however deep, is another or missing."""
    if not isinstance(value, dict | list) or not value or generator.random() < 0.15:
        return WRONG[generator.integers(len(WRONG))]
    place = list(value if isinstance(value, dict) else range(len(value)))[generator.integers(len(value))]
    changed = value.copy()
    if generator.random() < 0.1:
        del changed[place]
    else:
        changed[place] = wrong_json(value[place], generator)
    return changed


@pytest.mark.parametrize("name", ["lstm, stacked, mask given", "ours"])
def test_a_configuration_with_wrong_entries_is_refused_in_one_line_or_has_the_same_weights(
    ask: Ask, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    if name == "ours":
        ask(native_jobs.native, "keras", "write_native", made("bilstm", 2, "max"), path)
    else:
        ask(keras_models.save_keras, "keras", name, path)
    members = keras_models.members_of(path)
    configuration = json.loads(members["config.json"])
    generator = np.random.default_rng(34)
    files = []
    for _ in range(60):
        wrong = json.dumps(wrong_json(configuration, generator)).encode()
        keras_models.write_members(path, {**members, "config.json": wrong})
        files.append(path.read_bytes())
    found = ask(native_jobs.outcomes, "keras", path, files)
    assert not [said for said in found if said.startswith("wrong: ")]
    assert sum(said.startswith("refused: ") for said in found) > 15


def test_a_header_with_wrong_entries_is_refused_in_one_line_or_is_the_same_model(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    ask(native_jobs.native, "pytorch", "write_native", made("lstm", pooling="mean"), path)
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    generator = np.random.default_rng(56)
    files = [whole]
    for _ in range(200):
        name = list(header)[generator.integers(len(header))]
        entry = header[name]
        if name == "__metadata__" or generator.random() < 0.5:
            name, entry = "__metadata__", header["__metadata__"]
            said = list(entry)[generator.integers(len(entry))]
            place = int(generator.integers(len(entry[said])))
            other = chr(ord(entry[said][place]) ^ (1 << int(generator.integers(7))))
            changed = {**entry, said: entry[said][:place] + other + entry[said][place + 1 :]}
        else:
            changed = wrong_json(entry, generator)
        text = json.dumps({**header, name: changed}).encode()
        files.append(len(text).to_bytes(8, "little") + text + whole[8 + length :])
    expected, *found = ask(native_jobs.outcomes, "pytorch", path, files)
    for said in found:
        assert said.startswith("refused: ") or said == expected, said
    assert sum(said.startswith("refused: ") for said in found) > 150


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_damaged_file_of_another_program_is_refused_in_one_line_or_read(
    ask: Ask, suffix: str, tmp_path: Path
) -> None:
    """Nothing tells whether a number of another program is as it was written; in a .pt file, a right checksum lies."""
    path = tmp_path / f"model{suffix}"
    ask(torch_models.save_torch, "pytorch", path, "LSTM", {"ways": 2})
    generator = np.random.default_rng(78)
    if suffix == ".safetensors":
        files = [damaged_bytes(path.read_bytes(), generator) for _ in range(150)]
    else:
        members, files = keras_models.members_of(path), []
        [pickled] = [name for name in members if name.endswith("data.pkl")]
        for _ in range(150):
            keras_models.write_members(path, {**members, pickled: damaged_bytes(members[pickled], generator)})
            files.append(path.read_bytes())
    found = ask(native_jobs.outcomes, "pytorch", path, files)
    assert not [said for said in found if said.startswith("wrong: ")]
    assert sum(said.startswith("refused: ") for said in found) > 50
