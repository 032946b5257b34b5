"""How well vectors agree with people: word similarity and analogies, from files that gensim ships."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from shared.errors import LockstepError
from shared.vectors.space import WordVectors, three_cos_add, unit

# Finkelstein et al. (2002) and Hill et al. (2015): pairs of words and people's mean rating.
SIMILARITY_TASKS = {"WordSim-353": "wordsim353.tsv", "SimLex-999": "simlex999.txt"}
# Mikolov et al. (2013): "a is to b as c is to d", in sections.
ANALOGY_TASK = "questions-words.txt"
SEMANTIC_SECTIONS = ("capital-common-countries", "capital-world", "currency", "city-in-state", "family")
QUESTIONS_AT_ONCE = 128  # times all words: the largest array here


@dataclass(frozen=True)
class Score:
    """Result of one task.

    Attributes
    ----------
    task : str
        Its name.
    measure : str
        ``Spearman`` (rank correlation with people's ratings) or ``accuracy``.
    value : float
        Over the questions that could be asked; NaN if there are too few.
    asked, total : int
        Questions all of whose words have a vector, and all questions.
    """

    task: str
    measure: str
    value: float
    asked: int
    total: int

    @property
    def coverage(self) -> float:
        """Share of the questions that could be asked."""
        return self.asked / self.total if self.total else 0.0


def evaluate(table: WordVectors) -> list[Score]:
    """Score vectors on both similarity tasks and on each section of the analogies.

    Parameters
    ----------
    table : WordVectors
        All its words are candidates for an answer. A word of a task that it lacks is looked up in
        lower case.

    Returns
    -------
    list of Score
        WordSim-353, SimLex-999, then ``semantic``, ``syntactic`` and ``all analogies``, then the
        sections.
    """
    scores = [similarity(table, name, read_ratings(task_file(file))) for name, file in SIMILARITY_TASKS.items()]
    sections = {name: _right(table, questions) for name, questions in read_analogies(task_file(ANALOGY_TASK)).items()}
    semantic = [right for name, right in sections.items() if name in SEMANTIC_SECTIONS]
    syntactic = [right for name, right in sections.items() if name not in SEMANTIC_SECTIONS]
    for name, parts in {
        "semantic analogies": semantic,
        "syntactic analogies": syntactic,
        "all analogies": semantic + syntactic,
        **{name: [right] for name, right in sections.items()},
    }.items():
        answers = np.concatenate([right for right, _ in parts])
        value = float(answers.mean()) if len(answers) else float("nan")
        scores.append(Score(name, "accuracy", value, len(answers), sum(total for _, total in parts)))
    return scores


def similarity(table: WordVectors, task: str, ratings: Sequence[tuple[str, str, float]]) -> Score:
    """Rank correlation of cosines with people's ratings.

    Parameters
    ----------
    table : WordVectors
        What is tested.
    task : str
        Name of the score.
    ratings : sequence of (str, str, float)
        Two words and their rating.
    """
    known = [(table.find(first), table.find(second), rating) for first, second, rating in ratings]
    asked = [(first, second, rating) for first, second, rating in known if first is not None and second is not None]
    if len(asked) < 2:
        return Score(task, "Spearman", float("nan"), len(asked), len(ratings))
    first, second, people = (np.array(column) for column in zip(*asked, strict=True))
    cosines = np.einsum("pe,pe->p", table.unit[first], table.unit[second])
    return Score(task, "Spearman", float(spearmanr(cosines, people)[0]), len(asked), len(ratings))


def _right(table: WordVectors, questions: Sequence[Sequence[str]]) -> tuple[np.ndarray, int]:
    """Which of the questions that can be asked are answered right, and how many there are in all."""
    rows = [[table.find(word) for word in question] for question in questions]
    asked = np.array([row for row in rows if None not in row], int).reshape(-1, 4)
    right = np.zeros(len(asked), bool)
    for start in range(0, len(asked), QUESTIONS_AT_ONCE):
        given, answer = np.split(asked[start : start + QUESTIONS_AT_ONCE], [3], axis=1)
        cosines = unit(three_cos_add(table.unit, given)) @ table.unit.T  # [questions, words]
        np.put_along_axis(cosines, given, -np.inf, axis=1)
        right[start : start + len(given)] = cosines.argmax(axis=1) == answer[:, 0]
    return right, len(questions)


def task_file(name: str) -> Path:
    """Path of a task that gensim ships with its tests.

    Raises
    ------
    LockstepError
        If gensim is not installed or lacks the file.
    """
    package = importlib.util.find_spec("gensim")
    path = Path(package.origin).parent / "test" / "test_data" / name if package and package.origin else Path(name)
    if not path.exists():
        raise LockstepError(f"{name}: the package gensim, which ships it, is not installed whole: pip install gensim")
    return path


def read_ratings(path: Path) -> list[tuple[str, str, float]]:
    """Read lines of two words and a rating, with tabs between; ``#`` begins a comment."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return [(first, second, float(rating)) for first, second, rating in lines]


def read_analogies(path: Path) -> dict[str, list[list[str]]]:
    """Read questions of four words by section; a section's name stands behind a colon."""
    sections: dict[str, list[list[str]]] = {}
    questions: list[list[str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(":"):
            questions = sections.setdefault(line[1:].strip(), [])
        elif line.strip():
            questions.append(line.split())
    return sections
