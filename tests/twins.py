"""The implementations are twins: ``python -m tests.twins``, which `make lint` runs.

A reader who knows one of them finds the way in the others: the same file has the same functions in the same order, a
thing has one name, and what is meant to be the same code is the same. Nothing is imported: a framework takes seconds,
and code is enough.
"""

from __future__ import annotations

import ast
import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from shared.frameworks import REGISTRY, Framework
from shared.recipes import DOCUMENTED

ROOT = Path(__file__).parents[1]

# What each implementation defines, by file, in this order. Only a framework with documented values has the last.
FUNCTIONS = {
    "__main__.py": ("load",),
    "model.py": ("build",),
    "training.py": ("configure", "train", "forward_and_backward", "predict_probabilities"),
    "weights.py": ("load_weights", "export_weights", "count_trainable"),
    "documented.py": ("build", "train"),
}
OPTIONAL = "documented.py"

# What the module docstring of these files says.
PROMISE = "Every room has this file; what all of them define stands in the same order."
PROMISED_IN = ("model.py",)

# A thing has one name in all files that have it. Keras' models are functions, the others' are classes, which are
# written in their own way: `SentimentClassifier` is `sentiment_classifier`.
NAMES_OF_ROOMS = {
    "model.py": ("sentiment_classifier",),
    "documented.py": ("DECIDED_FIELDS", "documented_classifier"),
}
# The layers by cell: the framework's own, and the same trained faster.
NAMES = {
    "keras_impl/model.py": ("CELLS", "FAST_CELLS"),
    "torch_layers/encoder.py": ("CELLS", "FAST_CELLS"),
}


class Same(NamedTuple):
    """Code that is meant to be equal, docstrings and annotations aside.

    Attributes
    ----------
    places : tuple of str
        Each a file and, after ``::``, the dotted name of what is compared in it; without a name, the whole file.
    why : str
        Why it has to be equal.
    parts : tuple of str
        If not empty, only these statements are compared: what is assigned to a name, and ``return`` or ``import``.
    """

    places: tuple[str, ...]
    why: str
    parts: tuple[str, ...] = ()


SAME = (
    Same(
        ("pytorch_impl/model.py::SentimentClassifier.forward", "fastai_impl/model.py::SentimentClassifier.forward"),
        "fastai's Module is PyTorch's: one forward pass",
    ),
    Same(
        (
            "pytorch_impl/model.py::SentimentClassifier.forward",
            "fastai_impl/model.py::SentimentClassifier.forward",
            "flair_impl/model.py::ReviewEmbeddings.forward",
        ),
        "Flair's head stands elsewhere and its masks come another way; from words to features it is one forward pass",
        ("real", "inputs", "features"),
    ),
    Same(
        (
            "pytorch_impl/model.py::SentimentClassifier.__init__",
            "fastai_impl/model.py::SentimentClassifier.__init__",
            "flair_impl/model.py::ReviewEmbeddings.__init__",
        ),
        "fastai has an Embedding of its own; the layers above it are the same in all three",
        ("self.reprojection", "self.rnn"),
    ),
    Same(("pytorch_impl/weights.py", "fastai_impl/weights.py"), "both models have the same parts by the same names"),
    *(
        Same(
            (f"pytorch_impl/weights.py::{name}", f"flair_impl/weights.py::{name}"),
            "Flair keeps the parts elsewhere, and does the same with them",
        )
        for name in ("export_gradients", "count_trainable")
    ),
    Same(tuple(f"{framework.module}/__init__.py" for framework in REGISTRY), "every room offers the same estimator"),
    Same(
        tuple(f"{framework.module}/__main__.py::load" for framework in REGISTRY if framework.name in DOCUMENTED),
        "every room fills in the same contract; one without documented values has nothing native",
        ("import", "return"),
    ),
)


def problems(root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong with the twins of a folder, each in words that say where."""
    for file, required in FUNCTIONS.items():
        yield from unlike_functions(root, file, required)
    yield from missing_names(root)
    for file in PROMISED_IN:
        for room in rooms(root, file):
            if PROMISE not in " ".join((ast.get_docstring(parsed(room / file)) or "").split()):
                yield f"{room.name}/{file}: its docstring does not say {PROMISE!r}"
    for same in SAME:
        yield from differences(root, same)


def unlike_functions(root: Path, file: str, required: Sequence[str]) -> Iterator[str]:
    """Yield which functions are not there, and which of those that all have stand in another order or take others."""
    found = {room: public_functions(room / file) for room in rooms(root, file)}
    missing = [(room, name) for room, functions in found.items() for name in required if name not in functions]
    yield from (f"{room.name}/{file}: defines no function {name}" for room, name in missing)
    if missing:
        return
    common = set.intersection(*(set(functions) for functions in found.values()))
    (first_room, first), *_ = found.items()
    if [name for name in first if name in required] != list(required):
        yield f"{file}: the order is {', '.join(required)}"
    for room, functions in found.items():
        order, expected = ([name for name in one if name in common] for one in (functions, first))
        if order != expected:
            yield f"{room.name}/{file}: the order is {', '.join(order)}, in {first_room.name} {', '.join(expected)}"
        for name in expected:
            if functions[name] != first[name]:
                yield f"{room.name}/{file}: {name} takes {functions[name]}, in {first_room.name} {first[name]}"


def missing_names(root: Path) -> Iterator[str]:
    """Yield what has another name than elsewhere."""
    of_rooms = {f"{room.name}/{file}": names for file, names in NAMES_OF_ROOMS.items() for room in rooms(root, file)}
    for path, names in (*of_rooms.items(), *NAMES.items()):
        defined = {snake_case(name) for name in definitions(parsed(root / path))}
        yield from (f"{path}: nothing in it is called {name}" for name in names if snake_case(name) not in defined)


def differences(root: Path, same: Same) -> Iterator[str]:
    """Yield a diff for each place whose code is another one than at the first."""
    first, *others = same.places
    expected = code_at(root, first, same.parts)
    if not expected:
        yield f"{first}: not everything is there that is to be compared (see SAME in tests/twins.py)"
    for place in others:
        found = code_at(root, place, same.parts)
        if found != expected:
            lines = difflib.unified_diff(expected.splitlines(), found.splitlines(), first, place, lineterm="", n=1)
            yield "\n".join((f"{place}: is not what {first} is, and should be: {same.why}", *lines))


def code_at(root: Path, place: str, parts: Sequence[str] = ()) -> str:
    """Return the code at a place of `Same` in one spelling, its room's own names replaced; "" if it is not there."""
    path, _, name = place.partition("::")
    node: ast.AST = parsed(root / path)
    for part in filter(None, name.split(".")):
        node = next((child for child in ast.iter_child_nodes(node) if getattr(child, "name", "") == part), ast.Pass())
    node = Plain().visit(node)
    body = getattr(node, "body", [])
    if parts:
        body = [statement for statement in body if set(parts) & set(named(statement))]
        if not set(parts) <= {name for statement in body for name in named(statement)}:
            return ""
    text = "\n".join(ast.unparse(statement) for statement in body)
    framework = next((one for one in REGISTRY if path.startswith(f"{one.module}/")), None)
    return without_own_names(text, framework) if framework else text


class Plain(ast.NodeTransformer):
    """Takes docstrings and annotations away."""

    def visit(self, node: ast.AST) -> ast.AST:
        """Return the node without them."""
        node = super().generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        return node


def named(statement: ast.stmt) -> list[str]:
    """Return by what `Same.parts` may name a statement."""
    if isinstance(statement, ast.Return):
        return ["return"]
    if isinstance(statement, ast.ImportFrom):
        return ["import"]
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return [ast.unparse(target) for target in targets]


def without_own_names(text: str, framework: Framework) -> str:
    """Return code with the names of a room and of its framework replaced by those of any."""
    text = text.replace(framework.module, "room").replace(repr(framework.name), "'framework'")
    return text.replace(f"={framework.imports[0]}.__version__", "=framework.__version__")


def rooms(root: Path, file: str) -> list[Path]:
    """Return the folders of the implementations that must have a file."""
    return [root / framework.module for framework in REGISTRY if file != OPTIONAL or framework.name in DOCUMENTED]


def public_functions(path: Path) -> dict[str, str]:
    """Return the parameters of each public function of a file, in the file's order."""
    return {
        node.name: f"({', '.join(parameter.arg for parameter in (*node.args.args, *node.args.kwonlyargs))})"
        for node in parsed(path).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def definitions(module: ast.Module) -> Iterator[str]:
    """Yield the names of the functions, classes and constants of a module."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from (ast.unparse(target) for target in getattr(node, "targets", [getattr(node, "target", None)]))


def snake_case(name: str) -> str:
    """Return ``SentimentClassifier`` as ``sentiment_classifier``; constants as they are."""
    return name if name.isupper() else re.sub("(?<!^)(?=[A-Z])", "_", name).lower()


def parsed(path: Path) -> ast.Module:
    """Return a file's code; a file that is not there has none."""
    return ast.parse(path.read_text(encoding="utf-8") if path.exists() else "")


def main() -> int:
    """Say what is wrong with the twins of this project; return 1 if anything is."""
    found = list(problems())
    for problem in found:
        print(problem)
    print(f"{len(REGISTRY)} rooms, {len(SAME)} comparisons of code: {len(found) or 'no'} problems")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
