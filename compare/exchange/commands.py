"""``lockstep convert``."""

from __future__ import annotations

import argparse
from typing import Any

from shared.command_line import (
    InputPath,
    add_output,
    announce,
    output,
    positive,
)
from shared.specification import (
    POOLINGS,
)
from shared.terminal import say


def register(commands: Any) -> None:
    """Add the commands of this room to the command line."""
    convert = commands.add_parser(
        "convert",
        help="a trained model from one file format to another, exactly or not at all",
        description="Read a trained model and write it in another format, always through canonical weights. "
        "INPUT: a checkpoint directory, a .keras file, a PyTorch state_dict (.safetensors, .pt, .pth). "
        "OUTPUT: a directory (a checkpoint), .keras, .safetensors, .pt, .onnx. "
        "What has no exact counterpart is refused by name, never approximated.",
        epilog="example: lockstep convert model.keras model --vocabulary words.txt; lockstep convert model model.onnx",
    )
    convert.add_argument("input", type=InputPath, metavar="INPUT", help="a trained model")
    add_output(convert, "where to write it; the suffix says the format", "output", metavar="OUTPUT")
    convert.add_argument(
        "--vocabulary",
        type=InputPath,
        metavar="FILE",
        help="the model's words, one a line in the order of the ids, <pad> and <unk> first; default: placeholders",
    )
    convert.add_argument(
        "--class-names",
        nargs="+",
        metavar="NAME",
        help="by label; default: what INPUT says, or negative positive, or class-0 class-1 … where there are more",
    )
    convert.add_argument(
        "--pooling", choices=POOLINGS, help="how a state_dict's model pools; default: what it says, or last"
    )
    convert.add_argument(
        "--max-length",
        type=positive,
        metavar="N",
        help="tokens of a review that are read; default: what INPUT says, or 192",
    )
    convert.set_defaults(run=_convert)


def _convert(arguments: argparse.Namespace) -> int:
    from compare.exchange.convert import Wishes, convert, describe, kind_of

    names = tuple(arguments.class_names) if arguments.class_names else None
    wishes = Wishes(arguments.vocabulary, names, arguments.pooling, arguments.max_length)
    with output(arguments, arguments.output, kind_of(arguments.output)) as place:
        checkpoint, notes = convert(arguments.input, place, wishes)
    for note in notes:
        say(f"note: {note}", aside=True)
    announce(place, describe(checkpoint))
    return 0
