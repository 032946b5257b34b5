"""``python -m shared.data``: look at a corpus before training on it."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from rich.table import Table

from shared.command_line import Parser, add_output, announce, guarded, output
from shared.specification import Specification, add_specification_flags, specification_from_flags
from shared.terminal import console, printable, say

if TYPE_CHECKING:
    from shared.description import Description

PROGRAM = "python -m shared.data"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parsed = _parser().parse_args(arguments)
    return guarded(lambda: parsed.run(parsed))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(PROGRAM, description="Look at a corpus before training on it.")
    commands = parser.add_subparsers(required=True, metavar="describe")
    describe = commands.add_parser(
        "describe",
        help="sizes, label balance, lengths, copies, and what vocabulary and vectors cover",
        description="Describe the corpus that a classifier with these flags is trained on.",
        epilog=f"example: {PROGRAM} describe --data reviews.csv --out corpus.png",
    )
    add_output(describe, "draw it too: a .png or .svg file")
    add_specification_flags(describe, _other_fields())
    describe.set_defaults(run=_describe)
    return parser


def _other_fields() -> tuple[str, ...]:
    """Fields that say nothing about a corpus or its vectors."""
    groups = {name: (field.json_schema_extra or {}) for name, field in Specification.model_fields.items()}
    told = {name for name, extra in groups.items() if isinstance(extra, dict) and extra["group"] in ("data", "text")}
    return tuple(name for name in groups if name not in told | {"embedding_size"})


def _describe(arguments: argparse.Namespace) -> int:
    from shared.cell import tell_accounts
    from shared.description import describe, draw
    from shared.loading import load_corpus
    from shared.pictures import check_format
    from shared.vectors.corpus import vectors_for

    if arguments.out:
        check_format(arguments.out)
    specification = specification_from_flags(arguments)
    progress = sys.stderr.isatty()
    with output(arguments, arguments.out) if arguments.out else nullcontext() as place:
        corpus = load_corpus(specification, progress)
        tell_accounts(corpus, lambda text: say(text, aside=True))
        description = describe(corpus, specification, vectors_for(specification, corpus, progress))
        _show(description)
        if place is not None:
            draw(description, place)
            announce(place, "")
    return 0


def _show(description: Description) -> None:
    share = description.vocabulary_with_vector / max(1, description.vocabulary)
    shown = Table(
        "",
        title=description.source,
        caption=f"Vocabulary: {description.vocabulary:,} words, {share:.1%} with a vector ({description.vectors}). "
        "Copies have the same words; case, HTML and punctuation do not count.",
    )
    for split in description.splits:
        shown.add_column(split.name, justify="right")
    for name, values in _rows(description):
        shown.add_row(name, *values)
    console().print(shown)


def _rows(description: Description) -> list[tuple[str, list[str]]]:
    from shared.description import MOST_NAMES, QUANTILES

    splits, classes = description.splits, description.classes
    shown, others = classes[:MOST_NAMES], classes[MOST_NAMES:]
    rows = [
        ("reviews", [f"{split.reviews:,}" for split in splits]),
        *((printable(name), [_of_reviews(split.labels[name], split.reviews) for split in splits]) for name in shown),
    ]
    if others:
        counts = [sum(split.labels[name] for name in others) for split in splits]
        shares = [_of_reviews(count, split.reviews) for count, split in zip(counts, splits, strict=True)]
        rows.append((f"{len(others):,} rarer classes", shares))
    for number, quantile in enumerate(QUANTILES):
        name = {0: "shortest", 0.5: "median", 1: "longest"}.get(quantile, f"{quantile:.0%} quantile")
        rows.append((f"words, {name}", [f"{split.quantiles[number]:,}" for split in splits]))
    return [
        *rows,
        (f"words read (at most {description.max_length})", [f"{split.read:.1%}" for split in splits]),
        ("words in the vocabulary", [f"{split.known:.1%}" for split in splits]),
        ("words with a vector", [f"{split.with_vector:.1%}" for split in splits]),
        ("copies within", [f"{split.copies:,}" for split in splits]),
        ("copies of a training review", ["", *(f"{split.in_training:,}" for split in splits[1:])]),
    ]


def _of_reviews(count: int, reviews: int) -> str:
    return f"{count:,} ({count / max(1, reviews):.1%})"


if __name__ == "__main__":
    sys.exit(main())
