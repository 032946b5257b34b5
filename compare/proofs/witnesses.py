"""The second proof: whether the values of `shared.recipes` say all that a framework's own code does.

Each framework's own code is trained as its documentation writes it. Beside it every framework is told by fields
(``--like``) to act like that one. Were something of the own code still without a name, their accuracies would differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from compare.formats import Witnesses
from compare.grid.cells import Setting, own_code, train_settings
from compare.grid.executors import Executor
from compare.intervals import OverSeeds, over_seeds
from compare.proofs.tables import witnesses_table
from compare.tables import print_table
from shared.command_line import announce
from shared.errors import LockstepError
from shared.files import save_page
from shared.output import Output
from shared.recipes import documented
from shared.runs import Record, this_commit, this_machine
from shared.specification import Specification

# Of the test accuracy: what may lie between a framework's own code and another one that acts like it.
TOLERANCE = 0.01

Verdict = Literal["same", "unclear", "different"]


def settings_of(
    specification: Specification, frameworks: Sequence[str], seeds: Sequence[int]
) -> dict[tuple[str, str], list[Setting]]:
    """Return what is trained, by who acts and like whom; ``("own", Y)`` is Y's own code.

    Parameters
    ----------
    specification : Specification
        Data, sizes and architecture.
    frameworks : sequence of str
        Each acts like each.
    seeds : sequence of int
        Of each.
    """
    found = {}
    for like in frameworks:
        told = documented(like, specification).without_idle_fields()
        found["own", like] = [own_code(like, told.replaced(seed=seed)) for seed in seeds]
        for framework in frameworks:
            found[framework, like] = [Setting(framework, told.replaced(seed=seed)) for seed in seeds]
    return found


def judged(difference: OverSeeds) -> Verdict:
    """Say whether two trainings are the same but for their seeds.

    ``same``: the interval of the difference lies within the tolerance. ``different``: it lies wholly on one side of 0
    and reaches beyond the tolerance. ``unclear``: anything else; more seeds would tell.
    """
    if difference.low is None or difference.high is None:
        return "unclear"
    if difference.low >= -TOLERANCE and difference.high <= TOLERANCE:
        return "same"
    return "different" if difference.low > 0 or difference.high < 0 else "unclear"


def run_witnesses(
    folder: Path,
    specification: Specification,
    frameworks: Sequence[str],
    seeds: Sequence[int],
    place: Output,
    *,
    executor: Executor,
) -> bool:
    """Train what is not finished, print the table of who acts like whom and write the numbers.

    Parameters
    ----------
    folder : Path
        Holds the runs; what ``ladder`` and ``explain`` trained there is not trained again.
    specification : Specification
        As `settings_of` takes it.
    frameworks : sequence of str
        Each acts like each.
    seeds : sequence of int
        Differences are taken seed by seed.
    place : Output
        A JSON file.
    executor : Executor
        Trains them.

    Returns
    -------
    bool
        Whether none is different, and all were trained.

    Raises
    ------
    LockstepError
        If nothing was trained that could be compared.
    """
    asked = settings_of(specification, frameworks, seeds)
    by_seed = zip(*asked.values(), strict=True)  # so that what is there when it is stopped can be compared
    titles = {
        setting: _title(*pair, setting) for of_seed in by_seed for pair, setting in zip(asked, of_seed, strict=True)
    }
    records = train_settings(folder, titles, executor, titles=titles)
    found = summarised(asked, records)
    with place.written() as temporary:
        save_page(temporary, found.model_dump())
    print_table(witnesses_table(found))
    announce(place, "")
    complete = len(found.rows) == len(asked) - len(frameworks)
    return complete and all(row.verdict != "different" for row in found.rows)


def _title(actor: str, like: str, setting: Setting) -> str:
    told = "its own code" if actor == "own" else f"like {like}"
    return f"{setting.framework} {told} seed {setting.specification.seed}"


def summarised(
    asked: Mapping[tuple[str, str], Sequence[Setting]], records: Mapping[Setting, Record | None]
) -> Witnesses:
    """Return what the table shows: each pair over the seeds that both have.

    Raises
    ------
    LockstepError
        If no pair has a seed in common.
    """
    accuracies = {pair: _by_seed(settings, records) for pair, settings in asked.items()}
    rows: list[dict[str, Any]] = []
    for (actor, like), of_actor in accuracies.items():
        of_own = accuracies["own", like]
        seeds = [seed for seed in of_actor if seed in of_own]
        if actor == "own" or not seeds:
            continue
        difference = over_seeds([of_actor[seed] - of_own[seed] for seed in seeds])
        rows.append(
            {
                "framework": actor,
                "like": like,
                "seeds": seeds,
                "accuracies": [of_actor[seed] for seed in seeds],
                "own_accuracies": [of_own[seed] for seed in seeds],
                "difference": difference._asdict(),
                "verdict": judged(difference),
            }
        )
    finished = [record for record in records.values() if record is not None]
    if not rows:
        raise LockstepError("no framework and no own code share a finished seed: nothing can be compared")
    first = next(iter(asked.values()))[0].specification
    return Witnesses.model_validate(
        {
            "architecture": first.architecture,
            "tolerance": TOLERANCE,
            "sizes": finished[0].data.sizes,
            "rows": rows,
            "machine": this_machine().model_dump(),
            "commit": this_commit(),
        }
    )


def _by_seed(settings: Sequence[Setting], records: Mapping[Setting, Record | None]) -> dict[int, float]:
    found = {setting.specification.seed: records[setting] for setting in settings}
    return {seed: record.metrics["test"]["accuracy"] for seed, record in found.items() if record is not None}
