"""The report: figures that could mislead, answers, pages, bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from compare.__main__ import main as lockstep
from compare.report.form import Cell, Interval, Statistics
from compare.report.page import FILES_OF_BOTH, REPORT_FILES, Playground, pages_of, read_playground, write_report
from compare.report.reading import read_statistics
from compare.report.side_by_side import summarise_both
from compare.report.statistics import Wishes, summarise_experiment
from compare.report.verdict import answers_of, answers_of_both
from shared.errors import LockstepError
from shared.files import save_page
from shared.output import PAGE, Output
from shared.runs import read_record
from tests.conftest import ROOT
from tests.sealed import reseal_run
from tests.statistics_samples import sample_explained, sample_witnesses
from tests.synthetic import write_experiment
from tests.test_compare import LESSON_LINKS, check_scripts, live_in, page_of

FOUR = tuple(
    (framework, architecture)
    for framework in ("keras", "pytorch", "flair", "fastai")
    for architecture in ("lstm", "gru")
)
TEXTS = {"negative": 400, "positive": 400}
# A training of what `lockstep explain` measured.
CELL = {
    "framework": "keras",
    "recipe": "lockstep",
    "seed": 0,
    "changed": [],
    "accuracy": 0.88,
    "log_loss": 0.3,
    "framework_version": "1.0",
    "commit": "c",
    "place": "keras/lstm/seed-0",
}


def written(experiment: Path, out: Path, wishes: Wishes | None = None) -> Statistics:
    """Write a report and return its numbers."""
    with ExitStack() as stack:
        places = {name: stack.enter_context(Output(out / name, PAGE)) for name in REPORT_FILES}
        return write_report(experiment, places, wishes)


def cell_of(statistics: Statistics, name: str) -> Cell:
    return next(cell for cell in (*statistics.cells, *statistics.baselines) if cell.name == name)


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Four frameworks that answer alike to the last bit, two architectures, three seeds, two baselines."""
    folder = tmp_path_factory.mktemp("alike")
    return write_experiment(folder, TEXTS, FOUR, ("tf-idf", "majority"), seeds=(0, 1, 2), same=True)


# --- Figures that could mislead ---


def test_frameworks_are_compared_on_common_seeds_only(alike: Path, tmp_path: Path) -> None:
    shutil.copytree(alike, tmp_path / "experiment")
    shutil.rmtree(tmp_path / "experiment" / "pytorch" / "lstm" / "seed-1")
    whole, lacking = summarise_experiment(alike), summarise_experiment(tmp_path / "experiment")
    accuracies = [run.metrics["accuracy"] for run in cell_of(whole, "keras/lstm").runs]
    assert np.mean(accuracies) != pytest.approx(np.mean([accuracies[0], accuracies[2]])), "a missing seed misleads"
    assert whole.spread == lacking.spread == {"lstm": 0.0, "gru": 0.0}
    assert cell_of(lacking, "keras/lstm").seeds == (0, 1, 2)
    assert cell_of(lacking, "keras/lstm").compared_seeds == (0, 2)
    assert cell_of(lacking, "pytorch/lstm").accuracy == cell_of(lacking, "keras/lstm").accuracy
    assert cell_of(lacking, "keras/gru").compared_seeds == (0, 1, 2)
    assert "PyTorch LSTM: seed 1 is missing." in lacking.missing
    assert "LSTM: the frameworks are compared on the seeds that all have: 0, 2." in lacking.missing
    assert all(pair.difference.value == 0 for pair in lacking.pairs if pair.kind == "framework")
    written(tmp_path / "experiment", tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert page.index("PyTorch LSTM: seed 1 is missing.") < page.index("<h2>Results")


def test_frameworks_without_a_common_seed_are_not_compared(alike: Path, tmp_path: Path) -> None:
    experiment = tmp_path / "experiment"
    for framework, seed in (("keras", 0), ("pytorch", 1)):
        shutil.copytree(alike / framework / "lstm" / f"seed-{seed}", experiment / framework / "lstm" / f"seed-{seed}")
    found = summarise_experiment(experiment)
    assert found.spread == {}
    assert not any(cell.comparable for cell in found.cells)
    assert not found.pairs
    assert "LSTM: the frameworks have no seed in common, and are not compared." in found.missing


def test_the_references_own_cell_takes_no_seed_from_the_others(alike: Path, tmp_path: Path) -> None:
    shutil.copytree(alike, tmp_path / "experiment")
    place = tmp_path / "experiment" / "reference" / "lstm" / "seed-0"
    shutil.copytree(alike / "keras" / "lstm" / "seed-0", place)
    reseal_run(place, framework="reference")
    found = summarise_experiment(tmp_path / "experiment")
    assert cell_of(found, "keras/lstm").compared_seeds == (0, 1, 2)
    assert cell_of(found, "reference/lstm").compared_seeds == (0,)


def contend(run: Path, busy: float, contended: bool) -> None:
    """Have a record say what others did on the machine meanwhile."""
    seconds = read_record(run / "record.json").seconds
    load = {"processor_seconds": 1.0, "wall_seconds": seconds.training, "busy_elsewhere": busy, "load_average": 1.0}
    reseal_run(run, load={**load, "contended": contended}, seconds={**seconds.model_dump(), "training": 819.0})


def test_a_cell_whose_processor_was_not_its_own_is_marked_and_not_the_answer(alike: Path, tmp_path: Path) -> None:
    shutil.copytree(alike, tmp_path / "experiment")
    contend(tmp_path / "experiment" / "flair" / "gru" / "seed-0", 1.9, contended=True)
    found = written(tmp_path / "experiment", tmp_path / "report")
    cell = cell_of(found, "flair/gru")
    assert cell.contended_seeds == (0,)
    assert cell.seconds["training"].high == 819
    assert cell.seconds["training"].low == 1
    cost = answers_of(found)[2].text
    assert "819" not in cost
    assert "1 of 8 models was trained while other programs used the processor; such times are left out here" in cost
    for name in ("index.html", "report.md"):
        assert "other programs" in (tmp_path / "report" / name).read_text()


def test_equal_models_are_called_equal(alike: Path) -> None:
    found = summarise_experiment(alike)
    assert answers_of(found)[0].text.startswith(
        "No model is better than the others by more than chance. The highest accuracy is "
    )
    better = Interval(value=0.0125, low=0.005, high=0.02)
    real = [
        pair.model_copy(update={"holm": 0.001, "difference": better})
        if {pair.first.split("/")[1], pair.second.split("/")[1]} == {"lstm", "gru"}
        else pair
        for pair in found.pairs
    ]
    best = answers_of(found.model_copy(update={"pairs": tuple(real)}))[0].text
    assert best.startswith("The best cannot be told apart: LSTM in all four frameworks. They are right on up to 92.3 %")
    assert "is 1.2 points behind, which is more than chance (p = 0.001)" in best


def test_the_seed_is_not_taken_for_the_framework(alike: Path) -> None:
    found = summarise_experiment(alike)
    for variance in found.variances:
        assert variance.framework == 0
        assert variance.seed is not None
        assert variance.seed > 0
        assert variance.reviews > 0


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (ROOT / "results").glob("*/statistics.json")))
def test_a_committed_page_is_made_by_todays_template_from_the_committed_numbers(name: str, tmp_path: Path) -> None:
    folder = ROOT / "results" / name
    statistics = read_statistics(folder / "statistics.json")
    playground = read_playground(folder / "playground.json")
    for file, content in pages_of(statistics, playground).items():
        save_page(tmp_path / file, content)
        again = f"make it again: lockstep report results/{name} --out results/{name} --overwrite"
        assert (folder / file).read_bytes() == (tmp_path / file).read_bytes(), again
    assert not [commit for commit in statistics.commits if commit.endswith("+")], "made from changed files"


# --- What is missing, mixed or wicked ---


def test_one_framework_one_seed_and_one_class_still_give_a_page(tmp_path: Path, cache: Path) -> None:
    experiment = write_experiment(tmp_path, TEXTS, (("keras", "lstm"),))
    found = written(experiment, tmp_path / "report")
    assert found.spread == {}
    assert found.pairs == ()
    assert (tmp_path / "report" / "index.html").is_file()


def test_two_test_reviews_still_give_a_page(tmp_path: Path, cache: Path) -> None:
    texts = tmp_path / "test.csv"
    texts.write_text("text,label\nown1x0 words,positive\nown0x1 words,negative\n")
    experiment = write_experiment(tmp_path, TEXTS, baselines=("tf-idf",), test_data=str(texts))
    found = written(experiment, tmp_path / "report")
    assert found.data.sizes["test"] == 2
    assert len(found.pairs) == 5 * 4 // 2
    assert "on 2 test reviews" in (tmp_path / "report" / "report.md").read_text()


def test_a_cell_that_failed_is_named_on_top(alike: Path, tmp_path: Path) -> None:
    shutil.copytree(alike, tmp_path / "experiment")
    shutil.rmtree(tmp_path / "experiment" / "keras" / "gru" / "seed-2")
    (tmp_path / "experiment" / "keras" / "gru" / "seed-2.log").write_text("error: it broke\n")
    found = written(tmp_path / "experiment", tmp_path / "report")
    assert "Keras GRU seed 2 failed: keras/gru/seed-2.log has what it said." in found.missing
    assert "Keras GRU: seed 2 is missing." in found.missing


def test_runs_of_other_data_are_refused_by_name_and_marked_where_that_is_allowed(alike: Path, tmp_path: Path) -> None:
    shutil.copytree(alike, tmp_path / "experiment")
    place = tmp_path / "experiment" / "flair" / "gru" / "seed-0"
    record = json.loads((place / "record.json").read_text())
    reseal_run(place, data={**record["data"], "fingerprint": "0" * 64})
    with pytest.raises(LockstepError, match=r"flair/gru/seed-0.*not made with the same reviews.*--allow-mixed"):
        summarise_experiment(tmp_path / "experiment")
    found = written(tmp_path / "experiment", tmp_path / "report", Wishes(allow_mixed=True))
    assert len(found.mixed) == 1
    assert "flair/gru/seed-0" in found.mixed[0]
    for name in ("index.html", "report.md"):
        assert "flair/gru/seed-0" in (tmp_path / "report" / name).read_text()


WICKED = "<script>alert(1)</script> </script> \"'` \x00 \u202e | ../ \x1b[31m [x](javascript:alert(2)) {{ 7 * 7 }}"


def test_a_wicked_review_and_name_are_text(tmp_path: Path, cache: Path) -> None:
    found = summarise_experiment(write_experiment(tmp_path, TEXTS))
    examples = tuple(example.model_copy(update={"text": WICKED, "review_id": WICKED}) for example in found.examples)
    assert examples
    wicked = found.model_copy(update={"examples": examples, "name": WICKED, "missing": (WICKED,)})
    pages = pages_of(wicked, Playground())
    page, markdown = str(pages["index.html"]), str(pages["report.md"])
    for text in (page, markdown):
        assert "<script>alert" not in text
        assert "\x1b" not in text
        assert "\x00" not in text
        assert "\u202e" not in text
    assert page.count("</script>") == 5, "four of data, one of the page"
    check_scripts(page_of(page))
    assert live_in(markdown) == {("link_open", link) for link in LESSON_LINKS}
    assert "49" not in markdown[markdown.index("7 \\* 7") - 20 : markdown.index("7 \\* 7") + 20]


# --- From numbers alone, and two experiments ---


def test_a_report_is_made_again_from_its_numbers_alone(alike: Path, tmp_path: Path) -> None:
    written(alike, tmp_path / "first")
    written(tmp_path / "first", tmp_path / "second")
    for name in REPORT_FILES:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name


def test_what_was_explained_and_witnessed_is_shown_and_kept(alike: Path, tmp_path: Path) -> None:
    experiment = shutil.copytree(alike, tmp_path / "experiment")
    own, other = sample_explained(), sample_explained("<b>")
    save_page(experiment / "explain.json", own.model_dump())
    save_page(experiment / "witnesses.json", sample_witnesses().model_dump())
    save_page(tmp_path / "other.json", {**other.model_dump(), "cells": [CELL]})
    flags = ["--explain", str(tmp_path / "other.json"), "--playground", "0"]
    assert lockstep(["report", str(experiment), "--out", str(tmp_path / "report"), *flags]) == 0
    found = read_statistics(tmp_path / "report" / "statistics.json")
    assert found.explained == (own, other), "the cells stay in their own file"
    assert found.witnesses == sample_witnesses()
    page = (tmp_path / "report" / "index.html").read_text()
    assert "From Keras to Flair</h3>" in page
    assert "From Keras&lt;b&gt; to Flair&lt;b&gt;</h3>" in page
    assert "Every framework told to act like another" in page
    # Of a report alone, one question's new answer takes the place of the old one.
    better = own.model_copy(update={"interaction_share": 0.5})
    save_page(tmp_path / "better.json", better.model_dump())
    flags = ["--explain", str(tmp_path / "better.json")]
    assert lockstep(["report", str(tmp_path / "report"), "--out", str(tmp_path / "again"), *flags]) == 0
    assert read_statistics(tmp_path / "again" / "statistics.json").explained == (better, other)


def test_a_damaged_explanation_is_left_out_and_named_or_refused_where_it_was_asked_for(
    alike: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    experiment = shutil.copytree(alike, tmp_path / "experiment")
    (experiment / "explain.json").write_text("{}")
    found = written(experiment, tmp_path / "report")
    assert found.explained == ()
    assert [text for text in found.left_out if "explain.json" in text and "run explain again" in text]
    capfd.readouterr()
    flags = ["--explain", str(experiment / "explain.json")]
    assert lockstep(["report", str(alike), "--out", str(tmp_path / "refused"), *flags]) == 2
    error = capfd.readouterr().err
    assert error.startswith(f"error: {experiment / 'explain.json'}: not what lockstep explain wrote")
    assert error.count("\n") == 1
    assert not (tmp_path / "refused").exists()


def test_records_alone_give_a_report_that_says_what_it_lacks(alike: Path, tmp_path: Path) -> None:
    for path in alike.rglob("record.json"):
        copy = tmp_path / "experiment" / path.relative_to(alike)
        copy.parent.mkdir(parents=True)
        shutil.copy(path, copy)
    found = written(tmp_path / "experiment", tmp_path / "report", Wishes(records_only=True))
    whole = summarise_experiment(alike)
    assert [cell.accuracy for cell in found.cells] == [cell.accuracy for cell in whole.cells]
    assert found.pairs == ()
    assert any("Only the records" in text for text in found.missing)


def test_two_experiments_side_by_side(alike: Path, tmp_path: Path, cache: Path) -> None:
    other = write_experiment(tmp_path, {"negative": 300, "positive": 300}, FOUR[:4], seeds=(0, 1), hidden_size=5)
    with pytest.raises(LockstepError, match=r"not made with the same reviews.*--allow-mixed"):
        summarise_both(alike, other)
    mixed = summarise_both(alike, other, Wishes(allow_mixed=True))
    assert len(mixed.mixed) == 1
    assert all(cell.difference is None and cell.holm is None for cell in mixed.cells)
    assert [(one.first, one.second) for one in mixed.settings if one.field == "hidden_size"] == [((3,), (5,))]
    again = shutil.copytree(alike, tmp_path / "again")
    both = summarise_both(alike, again)
    assert all(cell.difference is not None and cell.difference.value == 0 for cell in both.cells)
    assert all(cell.holm == 1 for cell in both.cells)
    assert both.settings == ()
    assert answers_of_both(both)[0].text.startswith("Nothing differs: all 8 models are as often right in again as in ")
    assert lockstep(["report", str(alike), str(again), "--out", str(tmp_path / "both")]) == 0
    assert {path.name for path in (tmp_path / "both").iterdir()} == set(FILES_OF_BOTH)
    with pytest.raises(LockstepError, match="the same experiment"):
        summarise_both(alike, alike)


def test_intervals_hold_their_values(alike: Path) -> None:
    found = summarise_experiment(alike)
    cells: Sequence[Cell] = (*found.cells, *found.baselines)
    for cell in cells:
        assert cell.accuracy.low is not None
        assert cell.accuracy.high is not None
        assert cell.accuracy.low <= cell.accuracy.value <= cell.accuracy.high
        accuracies = [run.metrics["accuracy"] for run in cell.runs if run.seed in cell.compared_seeds]
        assert cell.accuracy.value == pytest.approx(np.mean(accuracies))


def test_times_of_a_busy_machine_are_left_out_of_two_experiments_too(alike: Path, tmp_path: Path) -> None:
    shutil.copytree(alike, tmp_path / "busy")
    contend(tmp_path / "busy" / "flair" / "gru" / "seed-0", 1.9, contended=True)
    said = answers_of_both(summarise_both(alike, tmp_path / "busy"))[1].text
    assert "1.0 (" in said
    assert "1 of 8 models are left out" in said


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--review", " "], "the text is empty"),
        (["--review", "fine", "--records-only"], "needs the trained models"),
        (["--explain", "nowhere.json"], "nowhere.json: cannot be read"),
        (["--playground", "-3"], "is not a whole number, 0 or above"),
    ],
)
def test_what_would_be_ignored_is_refused(
    flags: list[str], reason: str, alike: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        code = lockstep(["report", str(alike), "--out", str(tmp_path / "out"), *flags])
    except SystemExit as stopped:
        code = int(str(stopped.code))
    assert code == 2
    assert reason in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_records_alone_are_told_how_to_be_read(alike: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for path in alike.rglob("record.json"):
        copy = tmp_path / "experiment" / path.relative_to(alike)
        copy.parent.mkdir(parents=True)
        shutil.copy(path, copy)
    assert lockstep(["report", str(tmp_path / "experiment"), "--out", str(tmp_path / "out")]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "--records-only" in said
    assert not (tmp_path / "out").exists()


def test_models_that_are_not_compared_are_neither_best_nor_tied(alike: Path, tmp_path: Path) -> None:
    experiment = tmp_path / "experiment"
    shutil.copytree(alike, experiment)
    for framework, kept in (("keras", 0), ("pytorch", 1), ("flair", 2), ("fastai", 2)):
        for seed in {0, 1, 2} - {kept}:
            shutil.rmtree(experiment / framework / "gru" / f"seed-{seed}")
    found = written(experiment, tmp_path / "report")
    assert not any(cell.comparable for cell in found.cells if cell.architecture == "gru")
    assert "GRU" not in answers_of(found)[0].text
