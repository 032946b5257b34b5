"""``python -m shared.vectors``: train word vectors, look at them, measure and mend them."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from rich.table import Table

from shared.command_line import Parser, add_output, announce, guarded, natural, output, positive
from shared.specification import (
    READING_FIELDS,
    Specification,
    add_specification_flags,
    given_flags,
    specification_of,
)
from shared.terminal import console, say

if TYPE_CHECKING:
    from shared.vectors.space import WordVectors

PROGRAM = "python -m shared.vectors"
# Of the specification, what decides which reviews are test reviews.
DATA_FIELDS = (
    *("data", "test_data", "validation_data", "unlabelled", *READING_FIELDS),
    *("reviews", "test_fraction", "validation_fraction", "split_seed", "cleaning"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parsed = _parser().parse_args(arguments)
    return guarded(lambda: parsed.run(parsed))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(PROGRAM, description="Train word vectors, look at them, measure and mend them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands)

    neighbours = commands.add_parser(
        "neighbours",
        help="the words nearest to a word, by cosine",
        epilog=f"example: {PROGRAM} neighbours awful wonderful",
    )
    neighbours.add_argument("words", nargs="+", metavar="WORD")
    _add_count(neighbours, "neighbours of each word", 10)
    _add_table_flags(neighbours)
    neighbours.set_defaults(run=_neighbours)

    analogy = commands.add_parser(
        "analogy",
        help="A is to B as C is to …: the words nearest to B - A + C",
        description="3CosAdd: the words nearest to B - A + C by cosine, vectors at length 1. "
        "A, B and C themselves are left out: without that, B or C would mostly win.",
        epilog=f"example: {PROGRAM} analogy man king woman",
    )
    for name, letter in (("first", "A"), ("second", "B"), ("third", "C")):
        analogy.add_argument(name, metavar=letter)
    _add_count(analogy, "answers", 5)
    _add_table_flags(analogy)
    analogy.set_defaults(run=_analogy)

    plot = commands.add_parser(
        "plot",
        help="a t-SNE picture of words, PNG or SVG",
        description="t-SNE keeps neighbours together; distances between groups, and their sizes, mean nothing.",
        epilog=f"example: {PROGRAM} plot awful wonderful actor music --out words.png",
    )
    plot.add_argument("words", nargs="*", metavar="WORD", help="with its neighbours; default: the most frequent words")
    add_output(plot, "a .png or .svg file", required=True)
    _add_count(plot, "neighbours of each word; without WORD, words", 20)
    plot.add_argument("--seed", type=natural, default=0, metavar="N", help="of the projection; default: 0")
    _add_table_flags(plot)
    plot.set_defaults(run=_plot)

    evaluate = commands.add_parser(
        "evaluate",
        help="word similarity (WordSim-353, SimLex-999) and analogies (questions-words), with coverage",
        description="Asks only what the vectors have all words for, and says how much that is. "
        "The tasks come with gensim; nothing is downloaded.",
    )
    _add_table_flags(evaluate)
    evaluate.set_defaults(run=_evaluate)

    debias = commands.add_parser(
        "debias",
        help="take gender out of words that should not have it, and measure what that changes and costs",
        description="Hard debiasing (Bolukbasi et al. 2016): a gender direction from ten pairs of words, taken out of "
        "all words that are not gender-specific; pairs such as aunt and uncle are made to differ in it alone.",
    )
    add_output(debias, "write the debiased vectors here")
    add_output(debias, "write what was measured here, as JSON", "--record")
    _add_table_flags(debias)
    debias.set_defaults(run=_debias)
    return parser


def _add_train(commands: Any) -> None:
    from shared.vectors.training import add_training_flags

    train = commands.add_parser(
        "train",
        help="train vectors on the training and validation reviews and write a text file for --vectors",
        description="Train vectors on the training and validation reviews, never on test reviews: give the same data "
        "flags here and to the classifier. Runs in one thread, so that the same input gives the same bytes.",
        epilog=f"example: {PROGRAM} train --method fasttext --out fasttext.txt; "
        "then python -m keras_impl train --vectors fasttext.txt",
    )
    add_output(train, "in word2vec's text format", required=True)
    train.add_argument(
        "--also", nargs="+", default=[], metavar="WORD", help="fasttext: words that the texts lack get a vector too"
    )
    add_training_flags(train)
    add_specification_flags(train, tuple(name for name in Specification.model_fields if name not in DATA_FIELDS))
    train.set_defaults(run=_train)


def _add_table_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--vectors",
        default="glove",
        metavar="NAME|FILE",
        help="glove (6B, 50 dimensions), glove.6B.50d … glove.6B.300d or glove.840B.300d (downloaded), or the path of "
        "a GloVe or word2vec text file; default: glove",
    )
    parser.add_argument(
        "--words",
        type=positive,
        dest="first_words",
        default=100_000,
        metavar="N",
        help="read the first N words only, where the frequent ones stand; default: 100,000",
    )


def _add_count(parser: argparse.ArgumentParser, what: str, default: int) -> None:
    parser.add_argument("--count", type=positive, default=default, metavar="N", help=f"{what}; default: {default}")


def _table(arguments: argparse.Namespace) -> WordVectors:
    from shared.vectors.pretrained import read_vectors

    return read_vectors(arguments.vectors, arguments.first_words, progress=sys.stderr.isatty())


def _train(arguments: argparse.Namespace) -> int:
    from shared.vectors.corpus import training_texts
    from shared.vectors.text_format import save_vectors
    from shared.vectors.training import TrainingOptions, train_vectors

    progress = sys.stderr.isatty()
    options = TrainingOptions.of(**{name: getattr(arguments, name) for name in TrainingOptions.model_fields})
    # Only these: a name such as epochs means the vectors' here, not the classifier's.
    given = {name: value for name, value in given_flags(arguments).items() if name in ("task", "preset", *DATA_FIELDS)}
    with output(arguments, arguments.out) as place:
        texts = training_texts(specification_of(given), progress)
        started = time.perf_counter()
        table = train_vectors(texts, options, arguments.also, progress)
        seconds = time.perf_counter() - started
        with place.written() as temporary:
            save_vectors(temporary, table)
    announce(
        place,
        f"{len(table):,} words, {options.embedding_size} dimensions, from {len(texts):,} texts with "
        f"{sum(map(len, texts)):,} words, {seconds:.1f} s; use it with "
        f"--vectors {arguments.out} --embedding-size {options.embedding_size}",
    )
    return 0


def _neighbours(arguments: argparse.Namespace) -> int:
    vectors = _table(arguments)
    shown = Table("", *arguments.words)
    columns = [vectors.neighbours(word, arguments.count) for word in arguments.words]
    for place, row in enumerate(zip(*columns, strict=True), 1):
        shown.add_row(str(place), *(f"{word} {cosine:.3f}" for word, cosine in row))
    console().print(shown)
    return 0


def _analogy(arguments: argparse.Namespace) -> int:
    first, second, third = arguments.first, arguments.second, arguments.third
    for word, cosine in _table(arguments).analogy(first, second, third, arguments.count):
        say(f"{cosine:.3f}  {word}")
    say(f"left out as answers: {first}, {second}, {third}", aside=True)
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    from shared.pictures import check_format
    from shared.vectors.map import chosen_words, plot_words

    check_format(arguments.out)
    with output(arguments, arguments.out) as place:
        vectors = _table(arguments)
        groups = chosen_words(vectors, arguments.words, arguments.count)
        plot_words(vectors, groups, place, arguments.seed)
    announce(place, f"{len(groups)} words")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from shared.vectors.evaluation import evaluate

    vectors = _table(arguments)
    shown = Table(
        "task", "measure", "score", "asked", "of", "coverage", title=f"{arguments.vectors}: {len(vectors):,} words"
    )
    for score in evaluate(vectors):
        shown.add_row(
            score.task,
            score.measure,
            f"{score.value:.3f}",
            f"{score.asked:,}",
            f"{score.total:,}",
            f"{score.coverage:.0%}",
        )
    console().print(shown)
    return 0


def _debias(arguments: argparse.Namespace) -> int:
    from shared.files import save_json
    from shared.vectors.bias_report import measure_debiasing
    from shared.vectors.text_format import save_vectors

    with ExitStack() as stack:
        vectors, record = (
            stack.enter_context(output(arguments, path)) if path else None for path in (arguments.out, arguments.record)
        )
        debiased, report = measure_debiasing(_table(arguments))
        if vectors is not None:
            with vectors.written() as temporary:
                save_vectors(temporary, debiased)
        if record is not None:
            with record.written() as temporary:
                save_json(temporary, {"vectors": str(arguments.vectors), **report})
    _show_debiasing(report, aside=any(place is not None and place.streams for place in (vectors, record)))
    return 0


def _show_debiasing(report: dict[str, Any], aside: bool) -> None:
    shown = console(aside=aside)
    shown.print(
        f"The first principal component of the pairs holds {report['explained'][0]:.0%} of their variance. Direct bias "
        f"of {report['occupations']} occupations: {report['direct_bias']['before']:.3f}, "
        f"debiased {report['direct_bias']['after']:.3f}."
    )
    analogies = Table("analogy", "before", "after")
    for asked in report["analogies"]:
        first, second, third = asked["question"]
        analogies.add_row(f"{first} : {second} = {third} : ?", ", ".join(asked["before"]), ", ".join(asked["after"]))
    shown.print(analogies)
    scores = Table("task", "measure", "before", "after", "asked", "of")
    for score in report["scores"]:
        counts = (f"{score['asked']:,}", f"{score['total']:,}")
        scores.add_row(score["task"], score["measure"], f"{score['before']:.3f}", f"{score['after']:.3f}", *counts)
    shown.print(scores)


if __name__ == "__main__":
    sys.exit(main())
