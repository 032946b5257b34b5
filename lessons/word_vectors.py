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

from compare.published import Tables, fill, filled
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
TASKS = ("WordSim-353", "SimLex-999", "all analogies")
SHOWN_SCORES = (*TASKS, "semantic analogies", "syntactic analogies", "family")
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
            if score["task"] in TASKS
        },
        "neighbours": [word for word, _ in table.neighbours(NEIGHBOURS_OF, 4)],
    }


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """Write a table; the columns in `words` hold words, the others numbers."""
    rule = ["---" if column in words else "--:" for column in range(len(heading))]
    return "".join(f"| {' | '.join(line)} |\n" for line in (heading, rule, *rows))


def _corpus(result: dict[str, Any]) -> str:
    return f"{result['texts']:,} reviews, {result['running_words'] / 1e6:.1f} million words.\n"


def _training(result: dict[str, Any]) -> str:
    rows = [
        [
            trained["method"],
            f"{trained['seconds']:.0f}" if "seconds" in trained else "",
            f"{trained['words']:,}",
            *(f"{trained['scores'][task]['value']:.3f} ({trained['scores'][task]['coverage']:.0%})" for task in TASKS),
            ", ".join(trained["neighbours"]),
        ]
        for trained in (*result["trained"], result["packaged"])
    ]
    heading = ["vectors", "seconds", "words", *TASKS, f"nearest to *{NEIGHBOURS_OF}*"]
    return _table(heading, rows, words=(0, len(heading) - 1))


def _direction(result: dict[str, Any]) -> str:
    debiasing = result["debiasing"]
    sides = {
        side: ", ".join(f"{word} ({cosine:+.2f})" for word, cosine in debiasing[side]) for side in ("female", "male")
    }
    bias = debiasing["direct_bias"]
    after = "below 0.000001" if bias["after"] < 1e-6 else f"{bias['after']:.6f}"
    return _table(
        ["measured", "on the packaged vectors"],
        [
            [
                "share of the pairs' variance, by component",
                ", ".join(f"{share:.2f}" for share in debiasing["explained"]),
            ],
            [f"direct bias of {debiasing['occupations']} occupations, before", f"{bias['before']:.3f}"],
            ["and after", after],
            ["occupations furthest to the female side, with cosines", sides["female"]],
            ["and to the male side", sides["male"]],
        ],
        words=(0, 1),
    )


def _analogies(result: dict[str, Any]) -> str:
    rows = [
        ["{} : {} = {} : ?".format(*asked["question"]), ", ".join(asked["before"]), ", ".join(asked["after"])]
        for asked in result["debiasing"]["analogies"]
    ]
    return _table(["analogy", "before", "after"], rows, words=(0, 1, 2))


def _cost(result: dict[str, Any]) -> str:
    scores = {score["task"]: score for score in result["debiasing"]["scores"]}
    rows = [
        [
            task,
            scores[task]["measure"],
            f"{scores[task]['before']:.3f}",
            f"{scores[task]['after']:.3f}",
            f"{scores[task]['asked']:,} of {scores[task]['total']:,}",
        ]
        for task in SHOWN_SCORES
    ]
    return _table(["task", "measure", "before", "after", "asked"], rows, words=(0, 1))


TABLES: Tables = {
    "corpus": (RESULT, _corpus),
    "training": (RESULT, _training),
    "direction": (RESULT, _direction),
    "analogies": (RESULT, _analogies),
    "cost": (RESULT, _cost),
}


def lesson_with(results: Path) -> str:
    """Return the lesson with its tables as `results` has them."""
    return filled(results, LESSON.read_text(encoding="utf-8"), TABLES)


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
