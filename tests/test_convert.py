"""`lockstep convert` as far as no framework takes part: ONNX, checkpoints, words, bad arguments."""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from compare.__main__ import main as lockstep
from compare.exchange.convert import Wishes, read_words
from compare.exchange.onnx_export import onnx_model, write_onnx
from compare.proofs.parity import PROBABILITIES, random_weights
from shared.data.corpus import Corpus
from shared.data.encoded import EncodedReviews, encode_texts
from shared.errors import LockstepError
from shared.native import CHECKSUM, NativeModel, from_metadata, to_metadata
from shared.reference.__main__ import load
from shared.reference.model import SentimentClassifier, build, softmax
from shared.reference.training import predict_probabilities
from shared.specification import ARCHITECTURES, POOLINGS, Specification
from shared.text import Vocabulary
from shared.train_and_predict import main
from shared.weights import Checkpoint, read_checkpoint, save_checkpoint
from tests.conformance.native_jobs import convert
from tests.conftest import Command

SMALL = Specification(vectors="random", embedding_size=6, hidden_size=5, max_length=64, dropout=0)
VOCABULARY = Vocabulary(("<pad>", "<unk>", "the", "film", "good", "bad"))


@pytest.fixture(scope="module")
def reviews(corpus: Corpus) -> EncodedReviews:
    """Real reviews of all lengths, and an empty, a one-word and an all-unknown one."""
    by_length = np.argsort(corpus.test.sizes)
    chosen = by_length[np.linspace(0, len(by_length) - 1, 13).astype(int)]
    texts = ["", "good", "zzxq qxzzy xqzy", *(corpus.texts[2][row] for row in chosen)]
    return encode_texts(texts, corpus.vocabulary, SMALL)


@pytest.fixture
def checkpoint() -> Checkpoint:
    specification = SMALL.replaced(architecture="bigru", pooling="concat", vocabulary_size=len(VOCABULARY))
    return Checkpoint(specification, VOCABULARY, random_weights(specification, len(VOCABULARY)), ("bad", "good"))


def answers(model: onnx.ModelProto, tokens: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"tokens": tokens})[0]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_onnx_answers_as_the_reference_does(
    corpus: Corpus, reviews: EncodedReviews, architecture: str, pooling: str
) -> None:
    for layers in (1, 2):
        specification = SMALL.replaced(architecture=architecture, pooling=pooling, layers=layers)
        weights = random_weights(specification, len(corpus.vocabulary), seed=layers)
        expected = predict_probabilities(build(specification, weights), reviews)
        model = onnx_model(Checkpoint(specification, corpus.vocabulary, weights, ("bad", "good")))
        rows = np.arange(len(reviews))
        together = answers(model, reviews.padded(rows))
        assert together.dtype == np.float32
        assert np.abs(together - expected).max() <= PROBABILITIES
        assert np.ptp(expected[:, 1]) > 1_000 * PROBABILITIES, "the reviews must not all score alike"
        alone = np.concatenate([answers(model, reviews.padded(rows[row : row + 1])) for row in (0, 1, 2, 5)])
        assert np.abs(alone - expected[[0, 1, 2, 5]]).max() <= PROBABILITIES
        head = weights["head.bias"].astype(np.float64)
        prior = np.exp(head) / np.exp(head).sum()
        assert np.abs(together[0] - prior).max() <= PROBABILITIES, "an empty review is answered by the head's bias"


def test_an_onnx_file_says_what_it_is(checkpoint: Checkpoint, tmp_path: Path) -> None:
    write_onnx(checkpoint, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    [given], [made] = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("tokens", "tensor(int32)", ["batch", "time"])
    assert (made.name, made.type, made.shape) == ("probabilities", "tensor(float)", ["batch", 2])
    metadata = session.get_modelmeta().custom_metadata_map
    assert (metadata["architecture"], metadata["pooling"]) == ("bigru", "concat")
    assert json.loads(metadata["class_names"]) == ["bad", "good"]
    assert from_metadata(metadata) == (checkpoint.specification, ("bad", "good"))


def of_classes(checkpoint: Checkpoint, *class_names: str, **changes: object) -> Checkpoint:
    """A checkpoint of the same sizes with a head for these classes."""
    specification = checkpoint.specification.replaced(**changes)
    weights = random_weights(specification, len(VOCABULARY), classes=len(class_names))
    return Checkpoint(specification, VOCABULARY, weights, class_names)


TOKENS = np.array([[2, 3, 4], [4, 0, 0], [0, 0, 0], [5, 5, 1]], np.int32)


@pytest.mark.parametrize(("classes", "head"), [(2, "softmax"), (5, "softmax"), (46, "softmax"), (2, "sigmoid")])
@pytest.mark.parametrize("architecture", ["rnn", "lstm", "gru", "bilstm"])
def test_onnx_answers_for_every_class(checkpoint: Checkpoint, architecture: str, classes: int, head: str) -> None:
    """What is dropped in training is no part of it."""
    dropped = {"spatial_dropout": 0.3, "recurrent_dropout": 0.3}
    names = [f"kind {label}" for label in range(classes)]
    made = of_classes(checkpoint, *names, architecture=architecture, head=head, **dropped)
    probabilities = answers(onnx_model(made), TOKENS)
    expected = SentimentClassifier(made.specification, made.weights).logits(TOKENS)
    assert probabilities.shape == (4, classes)
    assert np.abs(probabilities - softmax(expected)).max() <= PROBABILITIES
    assert np.ptp(probabilities, axis=0).max() > 100 * PROBABILITIES


@pytest.mark.parametrize("logit", [-200.0, -30.0, 30.0, 200.0])
def test_a_sigmoid_that_is_sure_is_exact_in_onnx(checkpoint: Checkpoint, logit: float) -> None:
    made = of_classes(checkpoint, "bad", "good", head="sigmoid")
    bias = np.array([logit], np.float32)
    weights = {**made.weights, "head.kernel": np.zeros_like(made.weights["head.kernel"]), "head.bias": bias}
    unlikely = answers(onnx_model(replace(made, weights=weights)), TOKENS).min(axis=1)
    assert unlikely == pytest.approx(np.exp(-abs(logit)), rel=1e-5, abs=1e-37)


def test_more_classes_than_two(checkpoint: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_checkpoint(tmp_path / "model", of_classes(checkpoint, "a", "b", "c", "d"))
    flags = ["--checkpoint", str(tmp_path / "model"), "the film"]
    assert main("reference", load, ["predict", *flags]) == 0
    assert capsys.readouterr().out.count("0.") == 4
    assert main("reference", load, ["predict", *flags, "--output", str(tmp_path / "predictions.parquet")]) == 0
    columns = parquet.read_schema(tmp_path / "predictions.parquet").names
    assert columns[-4:] == ["probability_a", "probability_b", "probability_c", "probability_d"]


def test_a_checkpoint_becomes_onnx_by_the_command(command: Command, checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model", checkpoint)
    done = command("compare", "convert", tmp_path / "model", tmp_path / "model.onnx")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("model.onnx: bigru, 1 layer of 5, pooling concat, 6 words, 2 classes\n")
    assert done.stderr == "note: a .onnx file holds no words: vocabulary.txt stays with the checkpoint\n"
    onnx.checker.check_model(onnx.load(tmp_path / "model.onnx"), full_check=True)


def test_without_onnx_it_says_how_to_install_it(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path / "model", checkpoint)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else found(name))
    with pytest.raises(LockstepError, match=r"onnx is not installed: pip install 'lockstep\[onnx\]'"):
        convert(tmp_path / "model", tmp_path / "model.onnx", Wishes())


def test_words_and_names_can_be_given_later(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model", checkpoint)
    words = tmp_path / "words.txt"
    words.write_bytes("\ufeff<pad>\r\n<unk>\r\nein\r\nfilm\r\ngut\r\nübel".encode())
    wishes = Wishes(words, ("schlecht", "gut"), max_length=9)
    convert(tmp_path / "model", tmp_path / "other", wishes)
    again = read_checkpoint(tmp_path / "other")
    assert again.vocabulary.words == ("<pad>", "<unk>", "ein", "film", "gut", "übel")
    assert again.class_names == ("schlecht", "gut")
    assert again.specification == checkpoint.specification.replaced(max_length=9)


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        ("film good", ""),
        ("Film good", "1 of 4 words then stand in no text ('Film')"),
        ("movie. dont", "1 of 4 words then stand in no text ('movie.')"),
        ("very_good !", "1 of 4 words then stand in no text ('very_good')"),
    ],
)
def test_words_that_no_text_can_hold_are_counted(
    checkpoint: Checkpoint, words: str, lost: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The original knows them, and this model would answer otherwise without a word."""
    save_checkpoint(tmp_path / "model", checkpoint)
    path = tmp_path / "words.txt"
    path.write_text("\n".join(["<pad>", "<unk>", "the", *words.split(), "bad"]) + "\n")
    assert lockstep(["convert", str(tmp_path / "model"), str(tmp_path / "other"), "--vocabulary", str(path)]) == 0
    said = capsys.readouterr().err
    assert "note: supposed: texts are cleaned by html,apostrophes,lower_case" in said
    assert (f"\nwarning: {lost}" in said) if lost else ("warning" not in said)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("<pad>\n<unk>\nthe\nfilm\ngood\n", "5 words, the embedding has 6 rows; give one line for each id"),
        ("<pad>\n<unk>\nthe\nfilm\ngood\nbad\nmore\n", "7 words, the embedding has 6 rows"),
        ("the\nfilm\ngood\nbad\na\nb\n", "starts with 'the' and 'film'; ids 0 and 1 are padding"),
        ("<pad>\n<unk>\nthe\nthe\ngood\nbad\n", "a word stands twice"),
        ("<pad>\n<unk>\nthe\nfilm\n" + "g" * 1_001 + "\nbad\n", "line 5 has 1,001 letters, a word at most 1,000"),
        (b"\xff\xfe\n", "not a vocabulary in UTF-8, one word a line, or damaged ('utf-8' codec can't decode byte 0xff"),
        ("<pad>\n<unk>\nthe\nfilm\ngood\nbad\n".encode("utf-16-le"), "7 words, the embedding has 6 rows"),
        ("<pad>\n<unk>\nthe\nfilm\ngood\n\xe4\n".encode("latin-1"), "not a vocabulary in UTF-8"),
        (b"g" * 30_000, "it has 30,000 bytes, at most 24,024 are read"),
        (b"\n" * 20_000, "20,000 words, the embedding has 6 rows"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_words_that_do_not_fit_are_refused(words: str | bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    if words is not None:
        path.write_bytes(words if isinstance(words, bytes) else words.encode())
    with pytest.raises(LockstepError) as error:
        read_words(path, 6)
    assert str(error.value).startswith(f"{path}: ")
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere", "out"], "nowhere: no such file or directory"),
        (["model.onnx", "out"], "model.onnx: cannot read '.onnx' files; INPUT is a checkpoint directory, .keras"),
        (["model", "out.h5"], "out.h5: cannot write '.h5' files; OUTPUT is a directory"),
        (["model", "full.onnx"], "full.onnx: exists; pass --overwrite"),
        (["model", "model"], "model: a checkpoint is there already; pass --overwrite"),
        (["model", "full", "--overwrite"], "full: exists and is not a checkpoint alone ('thesis.doc' in it"),
        (["model", "file", "--overwrite"], "file: is a file; a checkpoint is a directory, name another place"),
        (["model", "out", "--pooling", "max"], "--pooling is for a PyTorch state_dict"),
        (["model", "out", "--class-names", "a", "b", "c"], "3 class names (a, b, c), 2 classes"),
        (["model", "model", "--overwrite"], "model: is read by the same command"),
        (["model", "out", "--class-names", "a", "a"], "--class-names: the class name 'a' stands twice"),
        (["model", "out", "--class-names", "a", ""], "--class-names: '' cannot name a class"),
        (["model", "out", "--class-names", "a", "\x1b[1m"], "--class-names: '\\x1b[1m' cannot name a class"),
        (["model", "out", "--class-names", "a", "b\nc"], "cannot name a class: 1 to 100 printable characters can"),
        (["model", "out", "--class-names", "a", "b" * 101], "cannot name a class"),
        (["pipe.pt", "out"], "pipe.pt: is a pipe or a device, not a file"),
        (["pipe.keras", "out"], "pipe.keras: is a pipe or a device, not a file"),
        (["pipe", "out"], "pipe: is a pipe or a device, not a file"),
        (["m" * 300 + ".pt", "out"], "cannot be read (File name too long)"),
        (["model", "out", "--vocabulary", "pipe"], "pipe: is a pipe or a device, not a file"),
        (["model", "out", "--vocabulary", "full"], "full: is a directory, not a file"),
        (["model", "out", "--vocabulary", "absent.txt"], "absent.txt: cannot be read (No such file or directory)"),
        (["full", "out"], "full/model.json: cannot be read (No such file or directory)"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(
    arguments: list[str],
    reason: str,
    checkpoint: Checkpoint,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    save_checkpoint(Path("model"), checkpoint)
    for name in ("model.onnx", "full.onnx", "file"):
        Path(name).write_bytes(b"")
    Path("full").mkdir()
    Path("full/thesis.doc").touch()
    for name in ("pipe", "pipe.pt", "pipe.keras"):
        os.mkfifo(name)
    before = {path.name for path in tmp_path.iterdir()}
    assert lockstep(["convert", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert reason in said
    assert said.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == before
    assert Path("full/thesis.doc").exists()


def test_overwrite_replaces_a_model_of_the_same_kind(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "model", checkpoint)
    (tmp_path / "empty").mkdir()
    assert lockstep(["convert", str(tmp_path / "model"), str(tmp_path / "empty")]) == 0
    for name in ("empty", "other", "other", "model.onnx", "model.onnx"):
        assert lockstep(["convert", str(tmp_path / "model"), str(tmp_path / name), "--overwrite"]) == 0
    assert read_checkpoint(tmp_path / "other").class_names == ("bad", "good")


def test_odd_words_survive(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """Signs that Python, but not this file's form, takes for the end of a line are part of their words."""
    save_checkpoint(tmp_path / "model", checkpoint)
    words = ("a\u2028b", "c\x85d", "e\x0bf", "\x1c")
    (tmp_path / "words.txt").write_bytes("\n".join(["<pad>", "<unk>", *words]).encode())
    convert(tmp_path / "model", tmp_path / "other", Wishes(tmp_path / "words.txt"))
    assert read_checkpoint(tmp_path / "other").vocabulary.words[2:] == words


def test_a_model_that_reads_padding_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    unmasked = replace(checkpoint, specification=checkpoint.specification.replaced(padding="left"))
    save_checkpoint(tmp_path / "model", unmasked)
    for target in ("other", "model.keras", "model.pt", "model.onnx"):
        with pytest.raises(LockstepError, match=r"reads padding \(left\) as words"):
            convert(tmp_path / "model", tmp_path / target, Wishes())


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        lockstep(["convert", "--help"])
    assert stopped.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "example: lockstep convert model.keras model --vocabulary words.txt" in said
    assert "refused by name" in said


@given(classes=st.integers(2, 1_000), head=st.sampled_from(["softmax", "sigmoid"]))
def test_a_model_of_a_file_knows_how_many_classes_it_has(classes: int, head: str) -> None:
    specification = SMALL.replaced(head=head, hidden_size=1, embedding_size=1)
    model = NativeModel(specification, random_weights(specification, 3, classes=classes))
    assert model.classes == (2 if head == "sigmoid" else classes)


def test_a_softmax_over_one_output_is_refused(checkpoint: Checkpoint) -> None:
    """It would be 1 for every review; a sigmoid is meant, or the file is another's."""
    one = of_classes(checkpoint, "bad", "good", head="sigmoid").weights
    with pytest.raises(LockstepError, match="a softmax of one output is always 1"):
        NativeModel(checkpoint.specification, one)
    with pytest.raises(LockstepError, match="do not fit the model: head"):
        NativeModel(checkpoint.specification.replaced(head="sigmoid"), checkpoint.weights)


@given(
    names=st.lists(
        st.text(min_size=1, max_size=20).filter(lambda name: name.strip() and name.isprintable()),
        min_size=2,
        max_size=20,
        unique=True,
    )
)
def test_class_names_of_any_kind_travel(names: list[str]) -> None:
    specification = SMALL.replaced(hidden_size=1, embedding_size=1)
    weights = random_weights(specification, 3, classes=len(names))
    said = to_metadata(Checkpoint(specification, VOCABULARY, weights, tuple(names)))
    assert from_metadata(said, weights) == (specification, tuple(names))


def test_there_is_an_end_to_classes(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "1000", of_classes(checkpoint, *map(str, range(1_000))))
    made, _ = convert(tmp_path / "1000", tmp_path / "model.onnx", Wishes())
    assert len(made.class_names) == 1_000
    with pytest.raises(LockstepError, match="1,001 classes, at most 1,000 can be told apart"):
        save_checkpoint(tmp_path / "1001", of_classes(checkpoint, *map(str, range(1_001))))


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("a", "b", "c"), r"3 class names \(a, b, c\), 2 classes"),
        (tuple("abcdefgh"), r"8 class names \(a, b, c, d, e, …\), 2 classes"),
    ],
)
def test_one_logit_tells_two_classes_apart(
    checkpoint: Checkpoint, tmp_path: Path, names: tuple[str, ...], reason: str
) -> None:
    save_checkpoint(tmp_path / "model", of_classes(checkpoint, "bad", "good", head="sigmoid"))
    with pytest.raises(LockstepError, match=reason):
        convert(tmp_path / "model", tmp_path / "other", Wishes(class_names=names))
    made, notes = convert(tmp_path / "model", tmp_path / "other", Wishes(class_names=("no", "yes")))
    assert (read_checkpoint(tmp_path / "other").class_names, notes) == (("no", "yes"), [])
    assert made.weights["head.bias"].shape == (1,)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lockstep_format": "2"}, "metadata of version 2, this program reads 1"),
        ({"specification": "{"}, "damaged metadata"),
        ({"specification": '{"layers": 0}'}, "layers"),
        ({"class_names": "7"}, "damaged metadata"),
        ({"class_names": '"ab"'}, "damaged metadata"),
        ({"class_names": '["bad", "bad"]'}, "stands twice"),
        ({"specification": "[" * 100_000}, "damaged metadata"),
        ({"specification": "1" * 5_000}, "damaged metadata"),
    ],
)
def test_damaged_metadata_is_refused(checkpoint: Checkpoint, change: dict[str, str], reason: str) -> None:
    assert from_metadata({"format": "pt"}) is None, "another program's is not ours"
    with pytest.raises(LockstepError, match=reason):
        from_metadata({**to_metadata(checkpoint), **change})


def test_metadata_that_was_changed_does_not_fit_its_checksum(checkpoint: Checkpoint) -> None:
    said, weights = to_metadata(checkpoint), checkpoint.weights
    assert from_metadata(said, weights) == (checkpoint.specification, ("bad", "good"))
    earlier = {name: text for name, text in said.items() if name != CHECKSUM}
    assert from_metadata(earlier, weights) == (checkpoint.specification, ("bad", "good"))
    changes = {
        "class_names": said["class_names"].replace("good", "gold"),
        "specification": said["specification"].replace('"max_length": 64', '"max_length": 65'),
        "architecture": "lstm",
        "pooling": "max",
        CHECKSUM: said[CHECKSUM][::-1],
    }
    for name, text in changes.items():
        assert text != said[name]
        with pytest.raises(LockstepError, match="was changed or damaged after it was written"):
            from_metadata({**said, name: text}, weights)
    for name, array in weights.items():
        flipped = array.copy()
        flipped.view(np.uint8).reshape(-1)[0] ^= 1  # the last bit of a number
        with pytest.raises(LockstepError, match="was changed or damaged after it was written"):
            from_metadata(said, {**weights, name: flipped})
    with pytest.raises(LockstepError, match="metadata of version None"):
        from_metadata({name: text for name, text in said.items() if name != "lockstep_format"}, weights)


def test_a_model_that_onnx_cannot_hold_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    huge = np.broadcast_to(np.zeros(1, np.float32), (10_000_000, 60))  # takes no memory
    large = replace(checkpoint, weights={**checkpoint.weights, "embedding": huge})
    with pytest.raises(LockstepError, match=r"model\.onnx: an \.onnx file holds at most"):
        write_onnx(large, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def functions(room: str) -> list[str]:
    from tests.conftest import ROOT

    lines = (ROOT / room / "native.py").read_text().splitlines()
    names = [line.split("(")[0].removeprefix("def ") for line in lines if line.startswith("def ")]
    return [name for name in names if name in ("read_native", "write_native")]


def test_the_two_rooms_have_the_same_furniture() -> None:
    assert functions("keras_impl") == functions("pytorch_impl") == ["read_native", "write_native"]
