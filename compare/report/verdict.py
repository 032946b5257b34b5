"""The answer of a report in three sentences: which model, whether all are the same model, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from compare.formats import Parity, Portability
from compare.names import ARCHITECTURE_TITLES, TITLES
from compare.report.form import Cell, Pair, SideBySide, Statistics
from shared.contract import FRAMEWORKS, REFERENCE
from shared.differences import within
from shared.terminal import counted

# Of the corrected p-value: what chance brings about less often counts as real.
LEVEL = 0.05


class Answer(NamedTuple):
    """A sentence or two, and whether they are good news, bad news or neither."""

    text: str
    mood: str = ""


def answers_of(statistics: Statistics) -> list[Answer]:
    """Return three answers: which is best and whether that is real, whether they are the same model, what it costs."""
    return [_best(statistics), _same(statistics), _cost(statistics)]


def title_of(name: str) -> str:
    """Return how a cell is called: ``Keras LSTM``, ``NB-SVM``."""
    framework, _, architecture = name.partition("/")
    return f"{TITLES.get(framework, '')} {ARCHITECTURE_TITLES[architecture]}".strip()


def listed(names: Sequence[str], joined: str = "and") -> str:
    """Return ``a, b and c``."""
    return " ".join([", ".join(names[:-1]), joined, names[-1]]) if len(names) > 1 else "".join(names)


def is_real(pair: Pair) -> bool:
    """Whether a difference is more than the sample of test reviews explains, after the correction for many pairs."""
    return pair.holm < LEVEL and pair.difference.low is not None and not _holds_zero(pair)


def _holds_zero(pair: Pair) -> bool:
    low, high = pair.difference.low, pair.difference.high
    return low is not None and high is not None and low <= 0 <= high


def _percent(share: float, digits: int = 1) -> str:
    return f"{share * 100:.{digits}f} %"


def _points(share: float) -> str:
    shown = f"{abs(share) * 100:.1f}" if abs(share) >= 0.0005 else f"{abs(share) * 100:.2f}"
    return f"{shown} point{'' if shown == '1.0' else 's'}"


def _compared(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells of the frameworks; the reference's own are there for a proof."""
    trained = [cell for cell in cells if cell.framework != REFERENCE] or list(cells)
    return [cell for cell in trained if cell.comparable] or trained


def _best(statistics: Statistics) -> Answer:
    cells = sorted(_compared(statistics.cells), key=lambda cell: -cell.accuracy.value)
    best = cells[0]
    pairs = {frozenset((pair.first, pair.second)): pair for pair in statistics.pairs}
    of_best = {cell.name: pairs.get(frozenset((best.name, cell.name))) for cell in cells[1:]}
    equal = [cell for cell in cells[1:] if _alike(of_best[cell.name])]
    reviews = f"the {statistics.data.sizes['test']:,} test reviews"
    where = f"{_percent(best.accuracy.value)} of {reviews}"
    if len(cells) == 1:
        said = f"{title_of(best.name)} is right on {where}."
    elif not any(of_best.values()):
        said = f"{title_of(best.name)} has the highest accuracy of {len(cells)} models, {where}"
        said += "; whether that is more than chance cannot be told here."
    elif len(equal) == len(cells) - 1:
        first = [cell for cell in cells if cell.accuracy.value == best.accuracy.value]
        said = "No model is better than the others by more than chance. "
        said += f"The highest accuracy is {where}: {_grouped(first)}."
    elif equal:
        said = f"The best cannot be told apart: {_grouped([best, *equal])}. They are right on up to {where}."
    else:
        said = f"{title_of(best.name)} is best: right on {where}."
    said += _worst_of(cells, of_best) + _against_baseline(statistics, best, pairs)
    return Answer(said)


def _alike(pair: Pair | None) -> bool:
    return pair is not None and not is_real(pair)


def _grouped(cells: Sequence[Cell]) -> str:
    """Name cells by architecture: ``LSTM in Keras and PyTorch, GRU in all four frameworks``."""
    architectures = list(dict.fromkeys(cell.architecture for cell in cells))
    shown = []
    for architecture in architectures:
        names = [TITLES[cell.framework] for cell in cells if cell.architecture == architecture]
        where = "all four frameworks" if len(names) == len(FRAMEWORKS) else listed(names)
        shown.append(f"{ARCHITECTURE_TITLES[architecture]} in {where}")
    return listed(shown)


def _worst_of(cells: Sequence[Cell], of_best: dict[str, Pair | None]) -> str:
    """Say how far the last model is behind, if that is real."""
    pair = of_best.get(cells[-1].name)
    if pair is None or not is_real(pair):
        return ""
    return (
        f" The last, {title_of(cells[-1].name)}, is {_points(pair.difference.value)} behind, "
        f"which is more than chance (p = {_p(pair.holm)})."
    )


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 0.001 else "below 0.001"


def _against_baseline(statistics: Statistics, best: Cell, pairs: dict[frozenset[str], Pair]) -> str:
    """Say how the best network stands to the best baseline."""
    if not statistics.baselines:
        return ""
    baseline = max(statistics.baselines, key=lambda cell: cell.accuracy.value)
    points = best.accuracy.value - baseline.accuracy.value
    pair = pairs.get(frozenset((best.name, baseline.name)))
    sure = "" if pair is None else ", more than chance" if is_real(pair) else ", no more than chance"
    place = "above" if points >= 0 else "below"
    return f" That is {_points(points)} {place} the best baseline, {title_of(baseline.name)}{sure}."


def _same(statistics: Statistics) -> Answer:
    """Say whether the frameworks are the same model: by parity, by portability, by what they answer."""
    said, fine = [], []
    if statistics.parity:
        fine.append(parity_holds(statistics.parity))
        counts = f"{counted(statistics.parity.cases, 'model')} and {counted(statistics.parity.trainings, 'training')}"
        short = f" (a short proof of {counts})" if statistics.parity.short else ""
        verb = "agree" if fine[-1] else "do NOT agree"
        said.append(f"against a NumPy reference all {verb} to rounding{short}")
    if statistics.portability:
        fine.append(portability_holds(statistics.portability))
        verb = "opens in every other and gives" if fine[-1] else "does NOT open in every other with"
        said.append(f"a model trained in one framework {verb} the same probabilities")
    agreement = [
        pair.agreement
        for pair in statistics.pairs
        if pair.kind == "framework" and REFERENCE not in f"{pair.first} {pair.second}"
    ]
    if agreement:
        lowest = _percent(min(agreement))
        said.append(f"trained apart, any two frameworks give the same answer to at least {lowest} of the reviews")
    if statistics.recipe == "idiomatic":
        text = "Not the same model: each framework trains as its own documentation says"
        return Answer("; ".join([f"{text}{_by_framework(statistics)}", *said[-1:]]) + ".", "bad")
    if len({cell.framework for cell in statistics.cells}) == 1 and not fine:
        return Answer("Only one framework was trained: there is nothing to compare it with.")
    if fine:
        begin = "The same model" if all(fine) else "NOT the same model"
        return Answer(f"{begin}: {'; '.join(said)}.", "good" if all(fine) else "bad")
    unknown = "Whether the frameworks are the same model was not measured (lockstep parity and portability do that)"
    return Answer("; ".join([unknown, *said]) + ".")


def _by_framework(statistics: Statistics) -> str:
    """Say with which optimizer and learning rate each framework trained, and for how long."""
    settings = {setting.field: setting.values for setting in statistics.settings}
    epochs = sorted({str(value) for value in settings.get("epochs", {}).values()})
    said = []
    for framework in dict.fromkeys(cell.framework for cell in statistics.cells):
        cell = next(cell.name for cell in statistics.cells if cell.framework == framework)
        rate, optimizer = (settings.get(field, {}).get(cell) for field in ("learning_rate", "optimizer"))
        said.append(f"{TITLES[framework]} with {optimizer or 'its optimizer'} at a learning rate of {rate}")
    return f" ({', '.join(said)}; {listed(epochs, 'or')} epochs each)"


def parity_holds(parity: Parity) -> bool:
    """Whether every difference from the reference is allowed."""
    return all(
        value is not None and within(value, parity.tolerances[name])
        for differences in parity.largest.values()
        for name, value in differences.items()
    )


def portability_holds(portability: Portability) -> bool:
    """Whether every checkpoint gives the same probabilities wherever it is opened."""
    return all(
        value is not None and within(value, portability.tolerance)
        for architecture in portability.matrices
        for row in portability.differences(architecture)
        for value in row
    )


def _cost(statistics: Statistics) -> Answer:
    """Say what training takes: the fastest and the slowest, among cells that had the machine to themselves."""
    every = _compared(statistics.cells)
    fair = [cell for cell in every if not cell.contended_seeds]
    cells = sorted(fair or every, key=lambda cell: cell.seconds["training"].mean)
    first, last = cells[0], cells[-1]
    memory = max(cells, key=lambda cell: cell.peak_memory_mb.high)
    said = f"Training takes {_seconds(first)} ({title_of(first.name)})"
    if last is not first:
        said += f" to {_seconds(last)} ({title_of(last.name)})"
    threads = listed([str(one) for one in statistics.threads], "or")
    said += f" a model with {threads} thread{'' if statistics.threads == (1,) else 's'}"
    said += f", and at most {memory.peak_memory_mb.high / 1000:.1f} GB of memory ({title_of(memory.name)})."
    if len(fair) < len(every):
        busy = len(every) - len(fair)
        said += (
            f" {busy} of {len(every)} models {'was' if busy == 1 else 'were'} trained while other programs used the "
        )
        said += f"processor; {'such times are left out here' if fair else 'so these times are too long'}."
    return Answer(said)


def _seconds(cell: Cell) -> str:
    seconds = cell.seconds["training"].mean
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} minutes"


def answers_of_both(both: SideBySide) -> list[Answer]:
    """Return what changes from the first experiment to the second: accuracy, and whether it is real; time."""
    return [_changes(both), _times(both)]


def _changes(both: SideBySide) -> Answer:
    first, second = both.names
    known = [cell for cell in both.cells if cell.difference is not None and cell.holm is not None]
    if not known:
        changes = [(cell.second.value - cell.first.value, cell.cell) for cell in both.cells]
        value, name = max(changes, key=lambda one: abs(one[0]))
        return Answer(f"The largest difference of accuracy is {_points(value)}, in {title_of(name)}.")
    if all(cell.difference is not None and cell.difference.value == 0 for cell in known):
        return Answer(f"Nothing differs: all {len(known)} models are as often right in {second} as in {first}.")
    real = [cell for cell in known if (cell.holm or 0) < LEVEL]
    better = [cell for cell in real if cell.difference and cell.difference.value > 0]
    worse = len(real) - len(better)
    said = f"Of {len(known)} models {len(better)} are better in {second} by more than chance, {worse} worse"
    largest = max(known, key=lambda cell: abs(cell.difference.value if cell.difference else 0))
    value = largest.difference.value if largest.difference else 0.0
    title, where = title_of(largest.cell), second if value > 0 else first
    return Answer(f"{said}; the largest difference is that of {title}, {_points(value)} better in {where}.")


def _times(both: SideBySide) -> Answer:
    """Say how training times compare, among models that had the machine to themselves in both."""
    first, second = both.names
    fair = [cell for cell in both.cells if not any(cell.busy)]
    if not fair:
        return Answer("Times cannot be compared: other programs used the processor while these models trained.")
    ratios = [(cell.training_seconds[1].mean / cell.training_seconds[0].mean, cell.cell) for cell in fair]
    low, high = min(ratios), max(ratios)
    said = f"Training in {second} takes {low[0]:.1f} ({title_of(low[1])}) to {high[0]:.1f} times ({title_of(high[1])}) "
    said += f"as long as in {first}."
    if len(fair) < len(both.cells):
        said += f" {len(both.cells) - len(fair)} of {len(both.cells)} models are left out: other programs used the "
        said += "processor while they trained."
    return Answer(said)
