"""How much is trained: seeds and orders that fit into a time, and how long it will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compare.explain.question import USUAL_PAIRS, Question
from compare.formats import Form
from compare.grid.cells import Setting, place_of
from shared.durations import in_words
from shared.errors import LockstepError
from shared.files import digest, read_json, save_page
from shared.output import PAGE, written
from shared.runs import Count, is_finished

# More pairs of orders make the answer hardly steadier.
MOST_PAIRS = 32
# Of a training, beside what its record says: starting Python and a framework, and writing the run; measured, where both
# ends are trained first.
SECONDS_AROUND = 8.0
PLAN = "plan.json"


class Plan(Form):
    """How much is trained.

    Attributes
    ----------
    key : str
        Of what was asked with a budget: the same command again goes on with the same plan.
    seeds : list of int
        The first ones of those that were asked for.
    pairs : int
        Of orders, for each seed, where these are drawn.
    """

    key: str = ""
    seeds: list[Count]
    pairs: Count


@dataclass(frozen=True)
class Estimate:
    """What a plan takes.

    Attributes
    ----------
    cells, finished : int
        Trainings, and how many of them are there already.
    seconds : float
        Of the others, on this machine, so many side by side as was asked for.
    """

    cells: int
    finished: int
    seconds: float

    def __str__(self) -> str:
        there = f", {self.finished} of them finished" if self.finished else ""
        return f"{self.cells} trainings{there}; about {in_words(self.seconds)}"


def estimated(settings: Sequence[Setting], folder: Path, seconds: Mapping[str, float], jobs: int) -> Estimate:
    """Say how long it takes to train what is not finished.

    Parameters
    ----------
    settings : sequence of Setting
        Each once.
    folder : Path
        Holds the runs.
    seconds : mapping of str to float
        Of a training and all around it, by framework; one that is missing takes the mean of the others.
    jobs : int
        Trainings side by side.
    """
    missing = [one for one in settings if not is_finished(place_of(folder, one))]
    usual = sum(seconds.values()) / len(seconds) if seconds else 0.0
    total = sum(seconds.get(one.framework, usual) for one in missing)
    return Estimate(len(settings), len(settings) - len(missing), total / min(jobs, max(1, len(missing))))


def planned(
    question: Question,
    seeds: Sequence[int],
    folder: Path,
    seconds: Mapping[str, float],
    jobs: int,
    budget: float | None,
) -> Plan:
    """Choose seeds and orders.

    Parameters
    ----------
    question : Question
        What is asked.
    seeds : sequence of int
        Those that were asked for. As many as fit are taken, from the first on: each adds orders of its own too.
    folder, seconds, jobs
        As of `estimated`.
    budget : float or None
        Seconds that are left. None takes all seeds and the usual number of orders.

    Raises
    ------
    LockstepError
        If not even one seed with two orders fits.
    """
    if budget is None:
        return Plan(seeds=list(seeds), pairs=USUAL_PAIRS)

    def takes(count: int, pairs: int) -> float:
        return estimated(question.settings(seeds[:count], pairs), folder, seconds, jobs).seconds

    count = next((count for count in range(len(seeds), 0, -1) if takes(count, 1) <= budget), 0)
    if not count:
        raise LockstepError(
            f"--budget: the smallest answer, of one seed, takes about {in_words(takes(1, 1))} more; give it as "
            "much, or take fewer --reviews, or put fields --together"
        )
    pairs, more = 1, MOST_PAIRS if not question.exact else 1
    while pairs < more:
        middle = (pairs + more + 1) // 2
        pairs, more = (middle, more) if takes(count, middle) <= budget else (pairs, middle - 1)
    return Plan(seeds=list(seeds[:count]), pairs=pairs)


def key_of(question: Question, seeds: Sequence[int], budget: float) -> str:
    """Return what the same command with the same budget has in common."""
    ends = [
        f"{end.framework} {end.native} {end.specification.model_dump_json()}"
        for end in (question.first, question.second)
    ]
    players = [player.name for player in question.players]
    return digest(*ends, *players, *map(str, seeds), str(budget))


def kept_plan(folder: Path, key: str) -> Plan | None:
    """Return the plan that an earlier call of the same command made."""
    path = folder / PLAN
    if not path.is_file():
        return None
    plan = read_json(path, "a plan of lockstep explain", Plan, "remove it")
    return plan if plan.key == key else None


def save_plan(folder: Path, plan: Plan) -> None:
    """Keep a plan beside its runs."""
    with written(folder / PLAN, PAGE) as temporary:
        save_page(temporary, plan.model_dump())
