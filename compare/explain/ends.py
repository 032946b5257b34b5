"""What stands at the two ends of an explanation: runs, recipes or files of settings, read into specifications."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compare.grid.baselines import BASELINE
from compare.grid.reuse import DATA_FIELDS
from compare.names import ARCHITECTURE_TITLES, TITLES
from shared.contract import DECIDED_FIELDS
from shared.errors import LockstepError, did_you_mean
from shared.files import read_bytes, reading
from shared.frameworks import FRAMEWORKS, REFERENCE
from shared.recipes import DOCUMENTED, DOCUMENTED_FIELDS, documented
from shared.runs import Record, read_record
from shared.specification import (
    ARCHITECTURES,
    DEFAULT_PRESET,
    Specification,
    from_record,
    preset,
    refuse_idle,
    specification_of,
)

LOCKSTEP = "lockstep"
RECIPES = (*DOCUMENTED, LOCKSTEP)
SETTINGS = (".toml", ".json")
LARGEST_SETTINGS = 1_000_000  # bytes
# What a file of settings may say beside fields, and the values.
OF_SETTINGS = {"framework": (*FRAMEWORKS, REFERENCE), "like": tuple(DOCUMENTED)}
# What a file of settings does not say.
OF_THE_OTHER = "what it does not say is as in the other one"
OF_THE_RECIPE = (
    'what it does not say is as in the lockstep recipe; like = "keras" takes what Keras\' documentation writes'
)
# Flags that say where both ends start from.
STARTS = {"preset", "task", "like"}
# Of two ends that name no framework.
USUAL_FRAMEWORK = "pytorch"
EXPECTED = (
    f"a recipe ({', '.join(RECIPES)}, or with an architecture {RECIPES[0]}:lstm), the folder of a run, "
    "or a file of settings (.toml, .json)"
)


@dataclass(frozen=True)
class End:
    """One end.

    Attributes
    ----------
    name : str
        As it was given.
    title : str
        In words.
    framework : str
        That trains it.
    specification : Specification
        In the lockstep recipe.
    native : bool
        Whether the framework's own code trains it.
    record : Record, optional
        Of a run.
    notes : tuple of str
        What was supposed when it was read.
    """

    name: str
    title: str
    framework: str
    specification: Specification
    native: bool = False
    record: Record | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Given:
    """What was typed, as far as it can be understood without the other end."""

    name: str
    recipe: str = ""
    architecture: str = ""
    settings: Mapping[str, Any] | None = None
    record: Record | None = None

    @property
    def framework(self) -> str | None:
        """That is named; none if it is the other end's."""
        if self.record is not None:
            return self.record.framework
        if self.settings is not None:
            return self.settings.get("framework")
        return self.recipe if self.recipe != LOCKSTEP else None


def read_ends(first: str, second: str, given: Mapping[str, Any]) -> tuple[End, End]:
    """Read what stands at both ends.

    Parameters
    ----------
    first, second : str
        Each a recipe, the folder of a run, or a file of settings; a path that looks like a recipe begins with ``./``.
    given : mapping
        ``preset``, ``task``, ``like`` and fields that hold at both ends, as `shared.specification.given_flags` returns
        them. Beside a run, what is not given is as the run has it.

    Returns
    -------
    End, End
        One that names no framework has that of the other.

    Raises
    ------
    LockstepError
        In one line: if one cannot be read, a field in it is unknown or out of range, or flags have no meaning because
        runs say everything themselves.
    """
    one, other = _read(first), _read(second)
    records = [end.record for end in (one, other) if end.record is not None]
    if len(records) == 2 and given:
        name = next(iter(given)).replace("_", "-")
        raise LockstepError(f"--{name}: two runs say everything themselves; leave it out")
    base = _base(records[0] if records else None, given)
    usual = one.framework or other.framework or USUAL_FRAMEWORK
    rest = OF_THE_OTHER if records and not STARTS & given.keys() else OF_THE_RECIPE
    ends = (
        _end(one, one.framework or usual, base, given, rest),
        _end(other, other.framework or usual, base, given, rest),
    )
    if len(records) == 2 and records[0].data.fingerprint == records[1].data.fingerprint:
        data = {name: getattr(ends[0].specification, name) for name in DATA_FIELDS}  # the same under another name
        return ends[0], replace(ends[1], specification=ends[1].specification.replaced(**data))
    return ends


def end_beside(name: str, base: Specification, framework: str | None) -> End:
    """Read a recipe or a file of settings beside a model: what it does not say is as there.

    Parameters
    ----------
    name : str
        As it was given.
    base : Specification
        Of the model.
    framework : str or None
        That trained it, if that is known.
    """
    read = _read(name)
    chosen = read.framework or framework or USUAL_FRAMEWORK
    return _end(read, chosen, base.replaced(recipe=LOCKSTEP), {}, OF_THE_OTHER)


def is_recipe(text: str) -> bool:
    """Whether a text names a recipe, whatever architecture."""
    return text.partition(":")[0] in RECIPES


def _base(record: Record | None, given: Mapping[str, Any]) -> Specification:
    """Return what recipes and settings start from: a run at the other end, or the preset."""
    if record is None or STARTS & given.keys():
        return specification_of(given)
    return from_record(record.specification).replaced(**{"recipe": LOCKSTEP, **given})


def _read(text: str) -> _Given:
    recipe, _, architecture = text.partition(":")
    if is_recipe(text):
        if architecture and architecture not in ARCHITECTURES:
            raise LockstepError(f"{text}: unknown architecture; choose among {', '.join(ARCHITECTURES)}")
        return _Given(text, recipe=recipe, architecture=architecture)
    path = Path(text).expanduser()
    with reading(path, "an end"):
        if path.is_dir():
            return _Given(text, record=_record(path / "record.json"))
        if path.name == "record.json" and path.is_file():
            return _Given(text, record=_record(path))
        if path.suffix in SETTINGS and path.exists():
            return _Given(text, settings=read_settings(path))
    if not path.exists() and (path.suffix or len(path.parts) > 1):
        raise LockstepError(f"{text}: there is no such file or folder")
    raise LockstepError(f"{text}: is neither {EXPECTED}{did_you_mean(recipe, RECIPES)}")


def _record(path: Path) -> Record:
    if not path.is_file():
        raise LockstepError(f"{path.parent}: holds no record.json; name {EXPECTED}")
    record = read_record(path)
    if record.framework == BASELINE:
        raise LockstepError(f"{path}: is of a baseline, which has no fields that could be explained; name a network's")
    _refuse_incomplete(path, record)
    return record


def _refuse_incomplete(path: Path, record: Record) -> None:
    """Refuse a record of a framework's own code from before the fields said all that it does."""
    if record.recipe != "idiomatic":
        return
    said = from_record(record.specification)
    own = documented(record.framework, said).replaced(batch_parts=said.batch_parts)
    for name in DECIDED_FIELDS:
        if getattr(said, name) != getattr(own, name):
            raise LockstepError(
                f"{path}: is of an earlier version, whose records do not say what {record.framework}'s own code does "
                f"({name.replace('_', '-')}); train it again"
            )


def read_settings(path: Path) -> dict[str, Any]:
    """Read a file of settings: fields of the specification, and perhaps ``framework`` and ``like``.

    Parameters
    ----------
    path : Path
        TOML or JSON, by its suffix; without tables in it. A hyphen in a name is an underscore.

    Raises
    ------
    LockstepError
        If it cannot be read, or has a name that is no field; values are checked by whoever makes a specification.
    """
    content = read_bytes(path, "a file of settings", LARGEST_SETTINGS)
    with reading(path, "a file of settings", "write lines such as learning_rate = 0.001"):
        text = content.decode("utf-8-sig")
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        if not isinstance(values, dict):
            raise LockstepError("is no list of names and values")
        named = {name.replace("-", "_"): value for name, value in values.items()}
        for name in named:
            if name not in (*OF_SETTINGS, *Specification.model_fields):
                raise LockstepError(
                    f"unknown field {name!r}; a file of settings says values of fields, which lockstep train keras "
                    f"--help lists, and perhaps {' and '.join(OF_SETTINGS)}"
                )
        for name, known in OF_SETTINGS.items():
            if name in named and named[name] not in known:
                raise LockstepError(f"unknown {name} {named[name]!r}; choose among {', '.join(known)}")
    return named


def _end(end: _Given, framework: str, base: Specification, given: Mapping[str, Any], rest: str) -> End:
    """Return an end as a specification in the lockstep recipe; `rest` says where settings have the others from."""
    if end.record is not None:
        specification = from_record(end.record.specification)
        title = f"{end.name} ({_model(end.record.framework, specification)})"
        native = specification.recipe == "idiomatic"
        return End(end.name, title, framework, specification.replaced(recipe=LOCKSTEP), native, end.record)
    if end.settings is not None:
        with reading(Path(end.name), "a file of settings"):
            specification = _of_settings(end.settings, framework, base)
        native = specification.recipe == "idiomatic"
        like = end.settings.get("like") or (framework if native else "")
        note = (
            f"{end.name}: what it does not say is as the documentation of {TITLES[like]} writes it"
            if like
            else f"{end.name}: {rest}"
        )
        return _checked(
            End(end.name, end.name, framework, specification.replaced(recipe=LOCKSTEP), native, notes=(note,))
        )
    fields = {name: value for name, value in given.items() if name in Specification.model_fields}
    if end.architecture:
        fields["architecture"] = end.architecture
    kept = {name: value for name, value in fields.items() if name != "recipe"}
    chosen = base.replaced(**{name: kept[name] for name in ("architecture",) if name in kept}, recipe=LOCKSTEP)
    if end.recipe == LOCKSTEP:
        usual = preset(str(given.get("preset", DEFAULT_PRESET))) if "task" not in given else base
        own = {name: getattr(usual, name) for name in DOCUMENTED_FIELDS}
        return End(
            end.name, "the lockstep recipe", framework, chosen.replaced(**own).replaced(**_exactly(chosen, kept))
        )
    specification = documented(framework, chosen).replaced(**_exactly(chosen, kept))
    title = (
        TITLES[framework] if not end.architecture else f"{TITLES[framework]} {ARCHITECTURE_TITLES[end.architecture]}"
    )
    native = base.recipe == "idiomatic"
    return _checked(End(end.name, f"{title} (own code)" if native else title, framework, specification, native))


def _of_settings(settings: Mapping[str, Any], framework: str, base: Specification) -> Specification:
    """Return the base with the fields of a file; the framework's own code has the rest from its documentation."""
    fields = {name: value for name, value in settings.items() if name not in OF_SETTINGS}
    like = settings.get("like") or (framework if fields.get("recipe") == "idiomatic" else None)
    if like:
        chosen = {name: fields[name] for name in ("architecture",) if name in fields}
        base = documented(like, base.replaced(**chosen))
    specification = base.replaced(**fields)
    refuse_idle(specification, fields)
    return specification


def _exactly(base: Specification, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields that were given, so that ``epochs`` among them does not take ``minimum_steps`` away once more."""
    return {"minimum_steps": base.minimum_steps, **fields}


def _checked(end: End) -> End:
    """Refuse a field that a framework's own code would be asked for and cannot be told."""
    if end.native:
        own, usual = documented(end.framework, end.specification), preset(DEFAULT_PRESET)
        for name in Specification.model_fields:
            value = getattr(end.specification, name)
            if (
                name != "batch_parts"
                and value != getattr(own, name)
                and (name in DECIDED_FIELDS or value == getattr(usual, name))
            ):
                raise LockstepError(
                    f"{end.name}: {end.framework}'s own code cannot be told {name.replace('_', '-')} {value!r}; leave "
                    "out the idiomatic recipe, and the fields alone are explained"
                )
    return end


def _model(framework: str, specification: Specification) -> str:
    own = ", own code" if specification.recipe == "idiomatic" else ""
    return f"{TITLES[framework]} {ARCHITECTURE_TITLES[specification.architecture]}{own}"
