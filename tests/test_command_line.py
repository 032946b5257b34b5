"""Bad input and the commands' plain parts; no framework is loaded here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compare.__main__ import main as lockstep
from shared.contract import Implementation
from shared.train_and_predict import describe, main
from shared.vectors import load_vectors
from shared.weights import Checkpoint, initialise, save_checkpoint
from tests.conftest import CLASS_NAMES, Command


def no_framework() -> Implementation:
    raise AssertionError("bad input must be found before a framework is imported")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["train", "--architecture", "transformer"], "architecture"),
        (["train", "--preset", "huge"], "unknown preset"),
        (["predict", "--checkpoint", "nowhere", "a review"], "nowhere: there is no such checkpoint"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_2(
    arguments: list[str],
    reason: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main("keras", no_framework, arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert reason in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run", "--frameworks", "theano"], "unknown framework 'theano': choose among keras, pytorch, flair, fastai"),
        (["run", "--architectures", "cnn"], "unknown architecture 'cnn'"),
        (["run", "--data", "nowhere.csv"], "nowhere.csv: no such file"),
        (["report", "nowhere"], "is no folder of runs"),
        (["train", "theano"], "unknown framework"),
        (["baseline", "svm", "--out", "x"], "unknown baseline 'svm'"),
        (["benchmark", "--repeats", "0"], "argument --repeats: '0' is not a whole number above 0"),
        (["benchmark", "--repeats", "9" * 5_000], "is not a whole number above 0"),
        (["convert", "a", "b", "--max-length", "0"], "argument --max-length: '0' is not a whole number above 0"),
        (["report"], "the following arguments are required: DIR; see lockstep report --help"),
        (["run", "--seeds", "-1"], "argument --seeds"),
        (["run", "--seeds", "0", "\x1b[31m"], "\\x1b[31m"),
        (["xyzzy"], "there is no command 'xyzzy'; lockstep --help lists them"),
        (["rnu"], "there is no command 'rnu'; did you mean run?"),
        (["train", "pytroch"], "; did you mean pytorch?"),
        (["predict", "pytroch", "x"], "pytroch: there is no such checkpoint; did you mean pytorch?"),
        (["run", "--jobz", "1"], "unrecognized arguments: --jobz 1; did you mean --jobs?; see lockstep run --help"),
        (["convert", "a", "b", "--pooling", "men"], "did you mean mean?"),
        (["--config"], "there is no flag '--config', which names a file, alone"),
        (["--quite", "run"], "there is no flag '--quite'; did you mean --quiet?"),
        (["train"], "in which framework? lockstep train keras|pytorch|flair|fastai"),
        (["predict", "--checkpoint", "x", "good"], "or without one: lockstep predict CHECKPOINT"),
        (["predict", "pyproject.toml", "x"], "pyproject.toml: there is no such checkpoint"),
        (["run", "--checkpoint-every", "10"], "write a number with its unit"),
        (["completion", "csh"], "invalid choice: 'csh'"),
        (["benchmark", "--parts", "speeds"], "unknown part 'speeds': choose from speed, learning, growth"),
        (["benchmark", "--parts", "learning"], "pass --data"),
    ],
)
def test_the_front_door_refuses_in_one_line(
    arguments: list[str],
    reason: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = lockstep(arguments)
    except SystemExit as stopped:  # what argparse itself finds
        code = stopped.code
    assert code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert reason in said
    assert said.count("\n") == 1


def test_a_finished_run_is_not_overwritten_by_chance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "record.json").write_text('{"record_version": 2}')
    assert main("keras", no_framework, ["train", "--out", str(run)]) == 2
    assert "pass --overwrite to replace it" in capsys.readouterr().err
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.doc").touch()
    assert main("keras", no_framework, ["train", "--overwrite", "--out", str(other)]) == 2
    assert "is not a run alone ('thesis.doc' in it is no part of one)" in capsys.readouterr().err
    assert (other / "thesis.doc").exists()


@pytest.fixture(scope="module")
def checkpoint(corpus: object, smoke: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made") / "checkpoint"
    vocabulary = corpus.vocabulary  # type: ignore[attr-defined]
    specification = smoke.replaced(vectors="random")  # type: ignore[attr-defined]
    weights = initialise(specification, load_vectors("random", vocabulary, 50), 2)
    save_checkpoint(place, Checkpoint(specification, vocabulary, weights, CLASS_NAMES))
    return place


def test_predict_refuses_what_it_cannot_read(command: Command, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "columns.csv").write_text("a,b\n1,2\n")
    (tmp_path / "latin.csv").write_bytes("text\nna\u00efve\n".encode("latin-1"))
    cases = [
        (("--input", tmp_path / "columns.csv"), b"", "no text column"),
        (("--input", tmp_path / "latin.csv"), b"", "not UTF-8"),
        (("--input", tmp_path / "absent.csv"), b"", "no such file"),
        (("--input", tmp_path / "columns.csv", "a review"), b"", "not both"),
        ((b"\xff\xfe".decode("utf-8", "surrogateescape"),), b"", "review 1 is not UTF-8"),
        ((), b"fine\n\xff\n", "standard input: line 2 is not UTF-8"),
        ((), b"", "no reviews"),
    ]
    for arguments, stdin, reason in cases:
        done = command("pytorch_impl", "predict", "--checkpoint", checkpoint, *arguments, stdin=stdin)
        assert done.returncode == 2, reason
        assert reason in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_odd_reviews_are_answered(command: Command, checkpoint: Path) -> None:
    odd = "\n".join(["<br /><br />", "zzxq qxzzy", "good " * 100_000, "\x1b[31mred\u202e", "\U0001f600"])
    done = command("pytorch_impl", "predict", "--checkpoint", checkpoint, stdin=odd)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "1 text without a word" in done.stderr


def test_a_prediction_is_said_plainly() -> None:
    said = describe("A  <b>good</b>\nfilm " * 9, np.array([0.0214, 0.9786], np.float32), ("negative", "positive"))
    assert said.startswith("negative 0.0214  positive 0.9786  98% positive  A <b>good</b> film A")
    assert said.endswith("…")
