"""Measures what ``lessons/word_vectors.md`` says, and writes its tables anew.

``python -m lessons.word_vectors`` trains word vectors by every method on the same real reviews, scores
them, debiases the packaged GloVe vectors, and writes ``results/word_vectors.json`` and the lesson.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compare.published import fill, filled
from compare.studies.tables import VECTOR_TASKS
from shared.command_line import FolderPath, Parser, guarded, output
from shared.files import save_page
from shared.output import PAGE
from shared.specification import Specification
from shared.vectors import WordVectors, read_vectors
from shared.vectors.bias_report import measure_debiasing
from shared.vectors.corpus import training_texts
from shared.vectors.evaluation import evaluate
from shared.vectors.training import TrainingOptions, train_vectors

LESSON = Path(__file__).with_suffix(".md")
RESULT = "word_vectors.json"
PACKAGED_WORDS = 100_000
METHODS: dict[str, dict[str, Any]] = {
    "Word2Vec, skip-gram, negative sampling": {},
    "Word2Vec, skip-gram, hierarchical softmax": {"objective": "hierarchical-softmax"},
    "Word2Vec, CBOW, negative sampling": {"architecture": "cbow"},
    "fastText, skip-gram, negative sampling": {"method": "fasttext"},
    "GloVe": {"method": "glove", "window": 10},
}
NEIGHBOURS_OF = "awful"


def measure(reviews: int | None) -> dict[str, Any]:
    """Train by every method, score, and debias the packaged vectors.

    Parameters
    ----------
    reviews : int or None
        Of the packaged ones; None is all.
    """
    texts = training_texts(Specification(reviews=reviews))
    trained = []
    for name, given in METHODS.items():
        started = time.process_time()
        table = train_vectors(texts, TrainingOptions.of(**given))
        trained.append({"method": name, "seconds": time.process_time() - started, **_described(table)})
    packaged = read_vectors("glove", PACKAGED_WORDS)
    _, debiasing = measure_debiasing(packaged)
    return {
        "texts": len(texts),
        "running_words": sum(map(len, texts)),
        "trained": trained,
        "packaged": {"method": "GloVe, 6 billion words (packaged)", **_described(packaged, debiasing["scores"])},
        "debiasing": debiasing,
    }


def _described(table: WordVectors, scores: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Scores and neighbours; the scores of vectors that were scored already are given."""
    scores = scores or [{**asdict(score), "before": score.value} for score in evaluate(table)]
    return {
        "words": len(table),
        "scores": {
            score["task"]: {"value": score["before"], "coverage": score["asked"] / score["total"]}
            for score in scores
            if score["task"] in VECTOR_TASKS
        },
        "neighbours": [word for word, _ in table.neighbours(NEIGHBOURS_OF, 4)],
    }


def lesson_with(results: Path) -> str:
    """Return the lesson with its tables as `results` has them."""
    return filled(results, LESSON.read_text(encoding="utf-8"), str(LESSON))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the result, fill the lesson."""
    parser = Parser("python -m lessons.word_vectors", description="Measure the lesson's tables anew.")
    parser.add_argument("--reviews", type=int, metavar="N", help="train on a sample; default: all packaged reviews")
    parser.add_argument(
        "--results", type=FolderPath, default=FolderPath("results"), metavar="DIR", help="default: results"
    )
    parser.add_argument("--overwrite", action="store_true", help=f"replace {RESULT} in it")
    parser.add_argument("--fill", action="store_true", help="do not measure: only write the tables")
    parsed = parser.parse_args(arguments)

    def run() -> int:
        if not parsed.fill:
            with output(parsed, parsed.results / RESULT, PAGE) as place, place.written() as temporary:
                save_page(temporary, measure(parsed.reviews))
        fill(LESSON, lesson_with(parsed.results))
        return 0

    return guarded(run)


if __name__ == "__main__":
    sys.exit(main())
