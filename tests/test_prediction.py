"""Predictions tie back to what was asked: the same rows, in the same order, to the letter, whatever the form."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shared.prediction
from shared.predictor import Predictor
from shared.reference.__main__ import load
from shared.specification import Specification
from shared.text import Vocabulary
from shared.train_and_predict import main
from shared.vectors import load_vectors
from shared.weights import Checkpoint, initialise, save_checkpoint
from tests.conftest import Command

WORDS = Vocabulary(["<pad>", "<unk>", "good", "bad", "film", "the"])
CLASSES = ("bad", "so-so", "good")


def checkpoint_of(folder: Path, class_names: tuple[str, ...]) -> Path:
    specification = Specification(vectors="random", embedding_size=4, hidden_size=3, dropout=0)
    weights = initialise(specification, load_vectors("random", WORDS, 4), len(class_names))
    save_checkpoint(folder, Checkpoint(specification, WORDS, weights, class_names))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint_of(tmp_path_factory.mktemp("model") / "checkpoint", CLASSES)


def predict(model: Path, *arguments: object) -> int:
    return main("reference", load, ["predict", "--checkpoint", str(model), *map(str, arguments)])


TEXTS = ["good film", "", "null", "the\u2028bad\x85film", 'say "no", please', "NA", "bad\nfilm"]
IDS = ["007", "010", "7", "1e3", "", "nan", "007"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["review_id", "stars", "text"])
        writer.writerows(zip(IDS, "1234512", TEXTS, strict=True))
    return path


def read(path: Path) -> list[dict[str, str]]:
    if path.suffix == ".parquet":
        return [{name: str(value) for name, value in row.items()} for row in pq.read_table(path).to_pylist()]
    if path.suffix == ".jsonl":
        lines = path.read_text(encoding="utf-8").splitlines()
        return [{name: str(value) for name, value in json.loads(line).items()} for line in lines]
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_rows_ids_and_columns_come_back_to_the_letter(
    model: Path,
    table: Path,
    ending: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared.prediction, "TEXTS_AT_ONCE", 3)  # so that some are predicted after others
    out = tmp_path / f"out{ending}"
    assert predict(model, "--input", table, "--output", out) == 0
    said = capsys.readouterr()
    assert f"{out}: 7 predictions\n" in said.out
    assert "1 text without a word" in said.err
    assert "text from text, id from review_id; ignored: stars" in said.err
    rows = read(out)
    assert list(rows[0]) == ["review_id", "stars", "text", "prediction", *(f"probability_{name}" for name in CLASSES)]
    assert [row["review_id"] for row in rows] == IDS
    assert [row["text"] for row in rows] == TEXTS
    for row in rows:
        probabilities = np.array([row[f"probability_{name}"] for name in CLASSES], float)
        assert probabilities.sum() == pytest.approx(1, abs=1e-6)
        assert row["prediction"] == CLASSES[probabilities.argmax()]


STRANGE = ["good film", "", "完全に未知", "ein wunderbarer Film", "nichts davon " * 60]


def in_a_program(model: Path, texts: list[str]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Predictor.load(model).predict(texts)
    return [f"warning: {one.message}" for one in caught]


@pytest.mark.parametrize("door", ["a program", "a framework", "no framework", "quiet", "a table"])
def test_texts_of_which_a_model_knows_nothing_are_counted(
    door: str, model: Path, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if door == "a program":
        said = in_a_program(model, STRANGE)
    elif door == "a framework":
        assert predict(model, *STRANGE) == 0
        said = capsys.readouterr().err.splitlines()
    elif door == "a table":
        (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in STRANGE))
        assert predict(model, "--input", tmp_path / "texts.jsonl", "--output", tmp_path / "out.csv") == 0
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    else:
        quiet = ["--quiet"] if door == "quiet" else []
        done = command("compare", "predict", *quiet, model, *STRANGE)
        assert done.returncode == 0, done.stderr
        said = done.stderr.splitlines()
    assert said == [
        "warning: 1 text without a word: the answer is the model's for no input",
        "warning: 2 texts without a word that the model knows: the answer is a guess",
        "warning: 98% of the words are unknown to the model: it was trained on texts of another kind",
    ]


def test_few_unknown_words_are_not_worth_a_word(model: Path) -> None:
    assert in_a_program(model, ["the film, unknown", "good " * 100]) == []


def test_what_is_predicted_in_pieces_is_predicted_the_same(
    model: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = []
    for size in (1, 2, 1_000):
        monkeypatch.setattr(shared.prediction, "TEXTS_AT_ONCE", size)
        assert predict(model, "--input", table, "--output", tmp_path / f"{size}.parquet") == 0
        answers.append(pd.read_parquet(tmp_path / f"{size}.parquet").filter(like="probability_").to_numpy())
    for other in answers[1:]:
        np.testing.assert_allclose(other, answers[0], atol=1e-6)  # batches of other sizes round otherwise


def test_columns_of_parquet_and_json_keep_their_types(model: Path, tmp_path: Path) -> None:
    rows = [{"id": 7, "text": "good film", "tags": ["a", "b"]}, {"id": 8, "text": "bad", "tags": []}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    assert predict(model, "--input", tmp_path / "in.parquet", "--output", tmp_path / "out.parquet") == 0
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.select(["id", "text", "tags"]).to_pylist() == rows
    assert found.schema.field("id").type == pa.int64()
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert predict(model, "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl") == 0
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [{name: json.loads(line)[name] for name in rows[0]} for line in lines] == rows


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["good", "Bad", "so-so", "", "-1", "GOOD", "bad"], "on 5 with a label"),
        (["5", "1", "", "4", "2", "3", "1"], "no accuracy: the column 'label' has '5'"),
        (["", "", "-1", "", "", "", ""], "7 predictions; 1 are labelled -1, which means not known"),
        (["", "", "", "nan", "", "", ""], "7 predictions\n"),
    ],
)
def test_a_label_never_stops_a_prediction(
    model: Path, labels: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "labelled.csv"
    pd.DataFrame({"text": ["good film"] * 7, "label": labels}).to_csv(path, index=False)
    assert predict(model, "--input", path, "--output", tmp_path / "out.csv") == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("class_names", "flags", "labels", "labelled"),
    [
        (("bad", "good"), ("--labels", "-1=bad 1=good"), ["-1", "1", "-1", "1", ""], 4),
        (("-1", "1"), (), ["-1", "1", "-1.0", "1", "nan"], 4),
        (("bad", "good"), (), ["-1", "bad", "good", "", "bad"], 3),
        (("Good", "good", "bad"), (), ["Good", "good", "bad", "Bad", ""], 4),
    ],
)
def test_every_label_that_is_a_class_counts(
    class_names: tuple[str, ...],
    flags: tuple[str, ...],
    labels: list[str],
    labelled: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = checkpoint_of(tmp_path / "model", class_names)
    pd.DataFrame({"text": ["good film"] * 5, "label": labels}).to_csv(tmp_path / "in.csv", index=False)
    assert predict(model, "--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv", *flags) == 0
    said = capsys.readouterr().out
    assert f" on {labelled} with a label" in said
    answer = pd.read_csv(tmp_path / "out.csv", dtype=str)["prediction"][0]
    meant = {"-1": "bad", "1": "good"} if flags else {"Bad": "bad", "-1.0": "-1"}
    right = sum(meant.get(label, label) == answer for label in labels)
    assert f"accuracy {right / labelled:.4f} on" in said


def test_the_common_binary_labels_are_those_of_a_model_of_negative_and_positive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = checkpoint_of(tmp_path / "model", ("negative", "positive"))
    pd.DataFrame({"text": ["good", "bad"], "label": [1, 0]}).to_csv(tmp_path / "in.csv", index=False)
    assert predict(model, "--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv") == 0
    assert "on 2 with a label" in capsys.readouterr().out
    pd.DataFrame({"text": ["good", "bad"], "label": [5, 1]}).to_csv(tmp_path / "stars.csv", index=False)
    given = ("--labels", "1,2=negative 4,5=positive", "--overwrite")
    assert predict(model, "--input", tmp_path / "stars.csv", "--output", tmp_path / "out.csv", *given) == 0
    assert "on 2 with a label" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--output", "out.xlsx", "good"), "out.xlsx: the ending says the form: .csv, .tsv, .jsonl, .parquet"),
        (("--output", "out", "good"), "the ending says the form"),
        (("--text-column", "body", "good"), "say how --input is read"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_read(
    arguments: tuple[str, ...], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(tmp_path / "nowhere", *arguments) == 2
    assert reason in capsys.readouterr().err


def test_a_column_that_predictions_would_replace_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("prediction", "probability_good"):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"text,{name}\ngood,1\n")
        assert predict(model, "--input", path, "--output", tmp_path / "out.csv") == 2
        assert f"the input has a column '{name}' already" in capsys.readouterr().err
        assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("text,label\ngood,1\n", "a CSV file"),
        ("review\nA good film.\n", "a CSV file"),
        ("id\ttext\n1\tgood\n", "a TSV file"),
        ('{"text": "good"}\n{"text": "bad"}\n', "JSON"),
        ('[\n{"text": "good"}]\n', "JSON"),
    ],
)
def test_a_table_on_standard_input_is_noticed(command: Command, model: Path, said: str, form: str) -> None:
    done = command("shared.reference", "predict", "--checkpoint", model, stdin=said)
    assert done.returncode == 2
    assert f"standard input looks like {form}" in done.stderr
    assert "pass it with --input FILE" in done.stderr
    assert not done.stdout


def test_lines_of_standard_input_end_at_line_feeds_only(command: Command, model: Path) -> None:
    lines = ["A good\u2028film, or a review", "[bad]", "text", "\x0cthe\x85end"]
    done = command("shared.reference", "predict", "--checkpoint", model, stdin="\n".join(lines))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(lines)
