"""Each wrong number is really wrong, each right one right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lessons import silent_errors
from lessons.silent_errors import CASES, Case, Study
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def cases(cache: Path) -> dict[str, Case]:
    study = Study()
    return {make.__name__: make(study) for make in CASES}


def test_cases_go_by_the_names_of_their_functions(cases: dict[str, Case]) -> None:
    assert [case.name for case in cases.values()] == list(cases)
    assert all(make.__doc__ for make in CASES)


# 3,000 test reviews: an accuracy has a standard error of 0.008, a difference of two on the same
# reviews about as much. The bounds of accuracies are at least four of these away from what we saw.


def test_a_state_after_padding_has_forgotten_the_review(cases: dict[str, Case]) -> None:
    case = cases["last_state_after_padding"]
    assert case.right > 0.75
    assert case.wrong < 0.67, "near chance, after the same training"


def test_zero_biases_hide_a_swap_of_gates(cases: dict[str, Case]) -> None:
    case = cases["biases_not_reordered"]
    assert case.hidden == 0, "fresh weights pass"
    assert case.right == 0, "numbers are moved there and back"
    assert case.wrong > 0.05


def test_two_biases_move_twice_as_far(cases: dict[str, Case]) -> None:
    case = cases["two_trained_biases"]
    assert case.right == pytest.approx(1, rel=0.01), "Adam's first step is the learning rate, whatever the gradient"
    assert case.wrong == pytest.approx(2 * case.right)


def test_a_backward_state_at_the_last_word_knows_one_word(cases: dict[str, Case]) -> None:
    case = cases["backward_at_the_last_word"]
    assert case.right > 0.68
    assert case.wrong < 0.60, "0.5 is by chance"


def test_shifted_ids_are_noise(cases: dict[str, Case]) -> None:
    case = cases["shifted_ids"]
    assert case.right > 0.75
    assert case.wrong < 0.55


def test_padding_must_not_count(cases: dict[str, Case]) -> None:
    case = cases["padding_as_unknown_word"]
    assert case.right < 1e-12, "rounding of float64"
    assert case.wrong > 0.3


def test_the_other_end_of_a_review_is_another_text(cases: dict[str, Case]) -> None:
    case = cases["other_end_cut_off"]
    assert case.wrong < case.right - 0.015


def test_the_best_of_many_is_not_that_good(cases: dict[str, Case]) -> None:
    case = cases["chosen_on_the_test_reviews"]
    # Over 200 draws of 200 reviews each mean is known to 0.002.
    assert case.wrong > case.right + 0.01


def test_counts(cases: dict[str, Case]) -> None:
    joined, letters, copies = (cases[name] for name in ("joined_words", "more_than_letters", "copies_on_both_sides"))
    assert joined.right - joined.wrong > 3_000, "more than one in a review"
    assert letters.right == 0
    assert letters.wrong > 50
    assert copies.right == 0
    assert copies.wrong > 10


def test_the_command_prints_the_table_and_writes_the_numbers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(silent_errors, "CASES", (silent_errors.two_trained_biases, silent_errors.more_than_letters))
    assert silent_errors.main(["--out", str(tmp_path / "cases.json")]) == 0
    said = capsys.readouterr().out
    assert "2.000" in said
    assert "bias_hh.requires_grad_(False)" in said
    first, second = json.loads((tmp_path / "cases.json").read_text())["cases"]
    assert first["name"] == "two_trained_biases"
    assert first["wrong"] == pytest.approx(2 * first["right"])
    assert second["lesson"].startswith("``A-z`` is a range")


def test_no_framework_is_imported() -> None:
    code = "import sys, lessons.silent_errors; print({'torch', 'tensorflow', 'flair', 'fastai'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
