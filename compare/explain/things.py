"""What can be held against another without training: runs, checkpoints, models of other programs, recipes, settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compare.exchange.convert import FRAMEWORK_OF, in_its_room
from compare.explain.ends import EXPECTED, end_beside, is_recipe, read_ends
from compare.grid.baselines import BASELINE
from compare.grid.reuse import BASELINE_FIELDS
from shared.errors import LockstepError
from shared.files import check_regular, reading
from shared.native import NativeModel
from shared.runs import Record, read_record
from shared.specification import Specification, from_record
from shared.weights import Checkpoint, Weights, read_checkpoint

# What a file of another program says by its arrays alone.
SAID_BY_ARRAYS = ("architecture", "embedding_size", "hidden_size", "layers", "pooling", "head")


@dataclass(frozen=True)
class Thing:
    """One of two things that are held against each other.

    Attributes
    ----------
    name : str
        As it was given.
    specification : Specification
        Its fields.
    said : frozenset of str
        Those that it says; the others are not compared.
    facts : dict of str to str
        What is no field: framework, versions, data, machine.
    weights : dict of str to <float32> array, optional
        Canonical weights.
    words : tuple of str, optional
        The vocabulary.
    class_names : tuple of str, optional
        By label.
    notes : tuple of str
        What was supposed when it was read.
    """

    name: str
    specification: Specification
    said: frozenset[str] = frozenset(Specification.model_fields)
    facts: Mapping[str, str] = field(default_factory=dict)
    weights: Weights | None = None
    words: tuple[str, ...] | None = None
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def read_things(first: str, second: str) -> tuple[Thing, Thing]:
    """Read two things.

    Parameters
    ----------
    first, second : str
        Each a run, a checkpoint, a model of another program, a recipe, or a file of settings. Recipes and settings are
        read beside the other one: what they do not say is as there.

    Raises
    ------
    LockstepError
        In one line, if one cannot be read.
    """
    found = [_stored(name) for name in (first, second)]
    stored = [one for one in found if one is not None]
    if len(stored) == 2:
        return stored[0], stored[1]
    if not stored:
        ends = read_ends(first, second, {})
        things = [
            Thing(end.name, end.specification, facts={"framework": end.framework}, notes=end.notes) for end in ends
        ]
        return things[0], things[1]
    (other,) = stored
    beside = _beside(first if found[0] is None else second, other)
    return (beside, other) if found[0] is None else (other, beside)


def _beside(name: str, other: Thing) -> Thing:
    end = end_beside(name, other.specification, other.facts.get("framework"))
    facts = {"framework": end.framework} if "framework" in other.facts else {}
    native = end.native or (is_recipe(name) and other.specification.recipe == "idiomatic")
    recipe = "idiomatic" if native else "lockstep"
    return Thing(name, end.specification.replaced(recipe=recipe), facts=facts, notes=end.notes)


def _stored(name: str) -> Thing | None:
    """Return what stands on the disk; None for a recipe or settings."""
    if is_recipe(name):
        return None
    path = Path(name).expanduser()
    with reading(path, "something that can be compared"):
        if path.is_dir():
            if (path / "record.json").is_file():
                return _run(name, path)
            return _checkpoint(name, path)
        if path.name == "record.json" and path.is_file():
            return _run(name, path.parent)
        if path.suffix in FRAMEWORK_OF and path.exists():
            return _native(name, path)
    return None


def _run(name: str, path: Path) -> Thing:
    record = read_record(path / "record.json")
    specification = from_record(record.specification)
    said = BASELINE_FIELDS if record.framework == BASELINE else Specification.model_fields
    model = read_checkpoint(path) if (path / "checkpoint").is_dir() else None  # not where records alone are kept
    return Thing(
        name,
        specification,
        frozenset(said),
        _facts(record),
        model.weights if model else None,
        model.vocabulary.words if model else None,
        model.class_names if model else record.data.class_names or None,
    )


def _facts(record: Record) -> dict[str, str]:
    """Return what a record says beside its fields, as far as it can be why two runs differ, and what came out."""
    return {
        "framework": record.framework,
        "framework version": record.framework_version,
        **({"baseline": record.architecture} if record.framework == BASELINE else {}),
        "reviews (fingerprint)": record.data.fingerprint,
        **{f"SHA-256 of --{name.replace('_', '-')}": checksum for name, checksum in record.inputs.items()},
        "commit": record.commit,
        "system": record.machine.system,
        "processor": record.machine.processor,
        "cores": str(record.machine.cores),
        "Python": record.machine.python,
        "device": record.device,
        "threads": str(record.threads),
        "test accuracy": f"{100 * record.metrics['test']['accuracy']:.2f} %",
    }


def _checkpoint(name: str, path: Path) -> Thing:
    if not (path / "checkpoint").is_dir() and not (path / "model.json").exists():
        raise LockstepError(
            f"{name}: holds neither record.json nor model.json; name {EXPECTED}, a checkpoint or a model"
        )
    model: Checkpoint = read_checkpoint(path)
    return Thing(
        name, model.specification, weights=model.weights, words=model.vocabulary.words, class_names=model.class_names
    )


def _native(name: str, path: Path) -> Thing:
    check_regular(path)
    framework = FRAMEWORK_OF[path.suffix]
    model: NativeModel = in_its_room(framework, "read_native", path, *([None] if framework == "pytorch" else []))
    # A file that names its classes was written here, and holds its whole specification.
    said = frozenset(Specification.model_fields if model.class_names else SAID_BY_ARRAYS)
    notes = tuple(f"{name}: {note}" for note in model.notes)
    return Thing(name, model.specification, said, {}, model.weights, None, model.class_names, notes)
