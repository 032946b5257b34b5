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
from shared.terminal import console

if TYPE_CHECKING:
    from shared.data.description import Description

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
    from shared.data.description import describe, draw
    from shared.data.encoding import load_corpus
    from shared.pictures import check_format
    from shared.vectors.corpus import vectors_for

    if arguments.out:
        check_format(arguments.out)
    specification = specification_from_flags(arguments)
    progress = sys.stderr.isatty()
    with output(arguments, arguments.out) if arguments.out else nullcontext() as place:
        corpus = load_corpus(specification, progress)
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
    for side in description.sides:
        shown.add_column(side.name, justify="right")
    for name, values in _rows(description).items():
        shown.add_row(name, *values)
    console().print(shown)


def _rows(description: Description) -> dict[str, list[str]]:
    from shared.data.description import QUANTILES

    sides = description.sides
    rows = {"reviews": [f"{side.reviews:,}" for side in sides]}
    for label in sides[0].labels:
        rows[label] = [f"{side.labels[label]:,} ({side.labels[label] / max(1, side.reviews):.1%})" for side in sides]
    for number, quantile in enumerate(QUANTILES):
        name = {0: "shortest", 0.5: "median", 1: "longest"}.get(quantile, f"{quantile:.0%} quantile")
        rows[f"words, {name}"] = [f"{side.quantiles[number]:,}" for side in sides]
    return rows | {
        f"words read (at most {description.max_length})": [f"{side.read:.1%}" for side in sides],
        "words in the vocabulary": [f"{side.known:.1%}" for side in sides],
        "words with a vector": [f"{side.with_vector:.1%}" for side in sides],
        "copies within": [f"{side.copies:,}" for side in sides],
        "copies of a training review": ["", *(f"{side.in_training:,}" for side in sides[1:])],
    }


if __name__ == "__main__":
    sys.exit(main())
