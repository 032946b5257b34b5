"""What debiasing changes in a table of vectors, and what it costs."""

from __future__ import annotations

from typing import Any

from shared.vectors.debiasing import OCCUPATIONS, debias, direct_bias, gender_direction
from shared.vectors.evaluation import evaluate
from shared.vectors.space import WordVectors

# First : second :: third : ? The first three ask for gender and shall stay; the selection is ours.
ANALOGIES = (
    ("man", "king", "woman"),
    ("he", "actor", "she"),
    ("he", "brother", "she"),
    ("man", "doctor", "woman"),
    ("he", "surgeon", "she"),
    ("she", "nurse", "he"),
    ("he", "professor", "she"),
    ("man", "programmer", "woman"),
    ("man", "chef", "woman"),
    ("man", "captain", "woman"),
    ("he", "brilliant", "she"),
)
ANSWERS = 3
EXTREMES = 6


def measure_debiasing(table: WordVectors) -> tuple[WordVectors, dict[str, Any]]:
    """Debias vectors and measure them before and after.

    Parameters
    ----------
    table : WordVectors
        As read; all its words are candidates for an answer.

    Returns
    -------
    WordVectors, dict
        The debiased vectors, and ``words``; ``explained`` (share of variance along each principal
        component of the definitional pairs); ``occupations`` (number), ``female`` and ``male`` (those
        furthest along the direction, with their cosines); ``direct_bias`` with ``before`` and
        ``after``; ``analogies``, each with its ``question`` and its best answers ``before`` and
        ``after``; ``scores``, each a task with ``before`` and ``after``.

    Raises
    ------
    LockstepError
        If the vectors lack the words that define gender.
    """
    direction = gender_direction(table)
    debiased = debias(table, direction.vector)
    sides = sorted(
        (float(table.unit[table.rows[word]] @ direction.vector), word) for word in OCCUPATIONS if word in table.rows
    )
    report = {
        "words": len(table),
        "explained": [float(share) for share in direction.explained],
        "occupations": len(sides),
        "male": [[word, cosine] for cosine, word in sides[:EXTREMES]],
        "female": [[word, cosine] for cosine, word in sides[::-1][:EXTREMES]],
        "direct_bias": {
            "before": direct_bias(table, direction.vector),
            "after": direct_bias(debiased, direction.vector),
        },
        "analogies": [
            {"question": list(question), "before": _answers(table, question), "after": _answers(debiased, question)}
            for question in ANALOGIES
            if set(question) <= table.rows.keys()
        ],
        "scores": [
            {
                "task": before.task,
                "measure": before.measure,
                "before": before.value,
                "after": after.value,
                "asked": before.asked,
                "total": before.total,
            }
            for before, after in zip(evaluate(table), evaluate(debiased), strict=True)
        ],
    }
    return debiased, report


def _answers(table: WordVectors, question: tuple[str, str, str]) -> list[str]:
    return [word for word, _ in table.analogy(*question, count=ANSWERS)]
