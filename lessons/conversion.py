"""The site's page on what ``lockstep convert`` does with arrays and layers, made from the converter's own tables."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compare.exchange.convert import INPUTS, OUTPUTS
from compare.exchange.onnx_export import GATE_ORDER
from compare.names import ARCHITECTURE_TITLES
from compare.tables import Cell, Column, Row, Table, as_markdown
from shared.specification import Specification
from shared.weights import TORCH_GATE_ORDER, shapes, to_torch_layout

ROOT = Path(__file__).parents[1]
GATES = {"rnn": ("h",), "lstm": ("i", "f", "g", "o"), "gru": ("z", "r", "n")}
WORDS, CLASSES = 20_000, 2
TEXT = """# What the converter does

`lockstep convert` reads {inputs}. It writes {outputs}. Between the two the model is one set of arrays with fixed names,
shapes and gate orders. This page is made from the converter's own tables. How to use it is in
[commands](docs/commands.md#move-a-model), what the letters mean in [notation](notation.md), and
[lesson 12](lessons/lesson_12_one_model_four_frameworks.ipynb) shows what goes wrong by hand.

## Every array

{arrays}

## The order of the gates

{orders}

## What has no exact counterpart in a Keras file

{layers}

{settings}
"""


def conversion_page() -> str:
    """Return the page as MyST Markdown."""
    return TEXT.format(
        inputs=INPUTS,
        outputs=OUTPUTS,
        arrays=_arrays(),
        orders=_table(
            "Which part of an array belongs to which gate",
            ("cell", "here and Keras' file", "PyTorch", "ONNX"),
            [_orders(cell) for cell in GATES],
        ),
        layers=_table(
            "Layers that are refused by name", ("layer", "why, and what to do"), _constant("NO_COUNTERPART").items()
        ),
        settings=_table(
            "What a recurrent layer must have",
            ("setting", "value", "why, and what to do"),
            [(name, str(value), why) for name, (value, why) in _constant("REQUIRED").items()],
        ),
    )


def _arrays() -> str:
    rows = []
    for cell in GATES:
        named = shapes(Specification(architecture=cell, pooling="last"), WORDS, CLASSES)
        prefix = "rnn.0.forward"
        layer = to_torch_layout({name: np.zeros(shape) for name, shape in named.items()}, prefix, cell)
        theirs = {
            f"{prefix}.input_kernel": "weight_ih_l0 {weight_ih}",
            f"{prefix}.recurrent_kernel": "weight_hh_l0 {weight_hh}",
            f"{prefix}.bias": "bias_ih_l0 {bias_ih}, bias_hh_l0 {bias_hh}",
        }
        sizes = {name: list(array.shape) for name, array in layer.items()}
        rows += [
            (ARCHITECTURE_TITLES[cell], name, str(list(named[name])), text.format(**sizes))
            for name, text in theirs.items()
        ]
    model = Specification()
    caption = f"Of a model with {model.embedding_size} numbers a word and {model.hidden_size} units, one direction"
    return _table(caption, ("cell", "array here", "shape here", "in PyTorch's state_dict"), rows)


def _orders(cell: str) -> tuple[str, ...]:
    here = GATES[cell]
    orders = (range(len(here)), TORCH_GATE_ORDER[cell], GATE_ORDER[cell])
    return ARCHITECTURE_TITLES[cell], *(", ".join(here[gate] for gate in order) for order in orders)


def _constant(name: str) -> Any:
    """Return a table of Keras' room, without importing Keras: it may use constants that stand before it."""
    known: dict[str, Any] = {}
    for node in ast.parse((ROOT / "keras_impl/native.py").read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            known[target.id] = _value(node.value, known)
    return known[name]


def _value(node: ast.expr, known: dict[str, Any]) -> Any:
    """Evaluate text, tuples and dictionaries of constants; None for everything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.FormattedValue):
        return _value(node.value, known)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(_value(part, known)) for part in node.values)
    if isinstance(node, ast.Tuple):
        return tuple(_value(part, known) for part in node.elts)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {_value(key, known): _value(value, known) for key, value in pairs if key is not None}
    return None


def _table(caption: str, heads: tuple[str, ...], rows: Iterable[Sequence[str]]) -> str:
    columns = [Column(name=head, title=head, kind="text") for head in heads]
    return as_markdown(Table("conversion", caption, columns, [Row([Cell(text) for text in row]) for row in rows]))
