"""The state of a training under way, kept so that one that is killed goes on from there, to the same result.

It is one file beside the place of the run, ``.<name>.lockstep-unfinished``, written whole or not at all and taken away
when the run is finished. Whatever trains at that place goes on from it if it is the same training, and refuses it by
name if it is another one: a slip in a flag must not cost hours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from os.path import lexists
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from safetensors import safe_open
from safetensors.numpy import save

from shared.durations import Interval
from shared.errors import LockstepError
from shared.files import check_regular, check_seal, digest_of, reading, save_bytes, seal
from shared.output import MARK, Kind, remove_page, written

STATE = Kind("a state", marked=True)
ENDING = ".lockstep-unfinished"
STATE_VERSION = 1
NOTES = "lockstep"  # their name among the metadata of the safetensors file


class State(NamedTuple):
    """All that the rest of a training depends on.

    Attributes
    ----------
    step : int
        Steps that are done.
    arrays : dict of str to array
        Weights, the optimizer's moments and the like.
    notes : dict
        What JSON can say.
    """

    step: int
    arrays: dict[str, np.ndarray]
    notes: dict[str, Any]


class Keeper:
    """Keeps the state of one training from time to time, and has the one that it goes on from.

    Use as a context manager around the training: if this is refused in the middle, as one that diverges, its state is
    taken away, since it would end there again. If it is interrupted, it is said where the same command goes on.

    Parameters
    ----------
    place : Path
        Of the run, claimed by this process.
    training : mapping of str to JSON values
        All that decides the result: what a state must have been kept of.
    every : Interval or None
        None keeps nothing more.
    overwrite : bool
        Begin anew where the state of another training stands.
    tell : (text) -> None
        Is told what a user should know.
    measured : () -> JSON values, optional
        Is kept with each state.

    Attributes
    ----------
    state : State or None
        That the training goes on from.
    measured_before : JSON values or None
        That were kept with it.
    resumed : int
        How often the training went on from a state.

    Raises
    ------
    LockstepError
        If the state of another training stands there.
    """

    def __init__(
        self,
        place: Path,
        training: Mapping[str, object],
        every: Interval | None,
        *,
        overwrite: bool,
        tell: Callable[[str], None],
        measured: Callable[[], Any] = dict,
    ) -> None:
        self.path = place.with_name(f".{place.name}{ENDING}")
        self.training: dict[str, Any] = json.loads(json.dumps(dict(training)))
        self.every, self.overwrite, self.tell, self.measured = every, overwrite, tell, measured
        self.state: State | None = None
        self.measured_before: Any = None
        self.resumed = 0
        self._failed = False  # whether a state could not be written
        if lexists(self.path):
            self._take()
        self._kept_step = self._last_step = self.state.step if self.state else 0
        self._last_time = time.monotonic()

    def __enter__(self) -> Keeper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if isinstance(error, LockstepError):
            self.remove()
        elif isinstance(error, KeyboardInterrupt) and self._kept_step:
            self.tell(f"{self.path}: keeps the training up to step {self._kept_step:,}; the same command goes on")

    def _take(self) -> None:
        """Take up the state that stands there."""
        try:
            state = read_state(self.path)
        except LockstepError as error:
            self.tell(f"warning: {error}; the training begins anew")
            return
        other = self._other(state.notes["training"])
        if other and not self.overwrite:
            raise LockstepError(
                f"{self.path}: keeps an unfinished training with {other}; ask for the same to go on with it, or remove "
                "it to begin anew"
            )
        if other:
            self.tell(f"{self.path}: kept an unfinished training with {other}; this one takes its place")
            return
        self.state, self.measured_before = state, state.notes["measured"]
        self.resumed = state.notes["resumed"] + 1

    def _other(self, found: Mapping[str, Any]) -> str:
        """Say in what a training differs from this one; "" if it is the same."""
        for name in (*self.training, *found):
            theirs, ours = found.get(name), self.training.get(name)
            if theirs != ours:
                return f"{name} {theirs!r}, not {ours!r}"
        return ""

    def is_due(self, step: int, steps_per_epoch: int) -> bool:
        """Whether the state after so many steps is to be kept."""
        seconds = time.monotonic() - self._last_time
        return self.every is not None and self.every.has_passed(seconds, step - self._last_step, steps_per_epoch)

    def keep(self, state: State) -> None:
        """Write a state in place of the last one. The training goes on if that fails, and it is said once."""
        notes = {"training": self.training, "resumed": self.resumed, "measured": self.measured(), **state.notes}
        try:
            with written(self.path, STATE, overwrite=self.overwrite) as temporary:
                save_state(temporary, state._replace(notes=notes))
            self._kept_step = state.step
        except (LockstepError, OSError) as error:
            if not self._failed:
                self._failed = True
                reason = error if isinstance(error, LockstepError) else f"{self.path}: {error.strerror or error}"
                self.tell(f"warning: the state of the training cannot be kept, which goes on ({reason})")
        self._last_step, self._last_time = state.step, time.monotonic()

    def remove(self) -> None:
        """Take the state away, and nothing that others put there: the training has ended."""
        with suppress(OSError):
            remove_page(self.path)


class _Notes(BaseModel):
    """What the notes of every state have; those of the training's history are beside it."""

    model_config = ConfigDict(extra="allow")

    step: Annotated[int, Field(ge=0)]
    training: dict[str, Any]
    resumed: Annotated[int, Field(ge=0)]
    measured: dict[str, float | None]
    arrays: str


def save_state(path: Path, state: State) -> None:
    """Make a new safetensors file of a state; its metadata has the notes, and checksums of these and the arrays.

    The mark of what may be made anew stands first, where `shared.output` looks for it.
    """
    notes = {"made_by": MARK, "state_version": STATE_VERSION, "step": state.step, **state.notes}
    sealed = seal({**notes, "arrays": _digest(state.arrays)})
    save_bytes(path, save(state.arrays, {NOTES: json.dumps(sealed, allow_nan=False)}))


def read_state(path: Path) -> State:
    """Read what :func:`save_state` wrote.

    Raises
    ------
    LockstepError
        If it is damaged, changed, or of another version.
    """
    with reading(path, "the state of a training"):
        check_regular(path)
        with safe_open(path, "numpy") as file:
            notes = json.loads(file.metadata()[NOTES])
            if notes["state_version"] != STATE_VERSION:
                raise LockstepError(f"state version {notes['state_version']}, this program reads {STATE_VERSION}")
            check_seal(notes)
            _Notes.model_validate(notes)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        if _digest(arrays) != notes["arrays"]:
            raise LockstepError("was changed or damaged after it was written (its checksum is another)")
        return State(notes["step"], arrays, notes)


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    def parts() -> Iterator[bytes | str]:
        for name, array in sorted(arrays.items()):
            yield from (name, str(array.dtype), str(array.shape), array.tobytes())

    return digest_of(parts())


def filed(name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays under names that begin with that of their folder."""
    return {f"{name}/{each}": array for each, array in arrays.items()}


def folder(name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what :func:`filed` put into a folder."""
    beginning = f"{name}/"
    return {each.removeprefix(beginning): array for each, array in arrays.items() if each.startswith(beginning)}
