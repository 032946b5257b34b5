"""What happens in training: the learning rate's schedule, losses, seconds, and who is told."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from shared.differences import is_finite, refuse_non_finite
from shared.errors import LockstepError
from shared.files import read_bytes, reading
from shared.metrics import accuracy, log_loss
from shared.resuming import Keeper, State, filed, folder
from shared.specification import Specification

# Both one-cycle schedules warm up over a quarter of the steps, as fastai's does (Smith 2018): one in a straight line to
# and from 0, the other, fastai's own, in cosines from a 25th of the rate and to a 100,000th of it, and the momentum
# against it (`fastai.callback.schedule.fit_one_cycle`, `fastai.learner.defaults.moms`).
ONE_CYCLE_WARM_UP = 0.25
ONE_CYCLE_START, ONE_CYCLE_END = 1 / 25, 1 / 1e5
ONE_CYCLE_MOMENTUMS = (0.95, 0.85, 0.95)

# Flair's AnnealOnPlateau as `ModelTrainer.train` sets it: so many epochs may be no better than the best before the rate
# is multiplied by the factor.
PLATEAU_PATIENCE, PLATEAU_FACTOR = 3, 0.5


def learning_rate_at(specification: Specification, step: int, steps: int) -> float:
    """Return the learning rate of one training step, before a plateau makes it smaller (see `Recorder.coming`).

    Parameters
    ----------
    specification : Specification
        ``learning_rate`` and ``schedule``: ``constant`` and ``plateau``; ``linear`` decay to (nearly) 0;
        ``one_cycle``, a linear rise over the first quarter and a linear decay after it; ``one_cycle_cosine``, the same
        in halves of a cosine.
    step : int
        From 0.
    steps : int
        Of the whole training.
    """
    rate = specification.learning_rate
    if specification.schedule in ("constant", "plateau"):
        return rate
    if specification.schedule == "one_cycle_cosine":
        return _one_cycle(step / steps, rate * ONE_CYCLE_START, rate, rate * ONE_CYCLE_END)
    warm_up = int(steps * ONE_CYCLE_WARM_UP) if specification.schedule == "one_cycle" else 0
    share = (step + 1) / warm_up if step < warm_up else (steps - step) / (steps - warm_up)
    return rate * share


def momentum_at(specification: Specification, step: int, steps: int) -> float:
    """Return Adam's decay of the first moment, or SGD's momentum, in one training step; parameters as above."""
    if specification.momentum_schedule == "one_cycle":
        return _one_cycle(step / steps, *ONE_CYCLE_MOMENTUMS)
    return specification.momentum if specification.optimizer == "sgd" else specification.beta_1


def _one_cycle(share: float, start: float, middle: float, end: float) -> float:
    """Return what goes in halves of a cosine from start to middle and on to end, at a share of the steps."""
    if share < ONE_CYCLE_WARM_UP:
        before, after, passed = start, middle, share / ONE_CYCLE_WARM_UP
    else:
        before, after, passed = middle, end, (share - ONE_CYCLE_WARM_UP) / (1 - ONE_CYCLE_WARM_UP)
    return before + (after - before) * (1 - math.cos(math.pi * passed)) / 2


def epsilon_at(specification: Specification, step: int) -> float:
    """Return what epsilon counts at one training step in an Adam that adds it after the bias correction.

    Added before it, as stock Keras does, it is divided by the correction too:
    ``m sqrt(1 - beta_2^t) / (sqrt(v) + epsilon) = m / (sqrt(v^) + epsilon / sqrt(1 - beta_2^t))``.

    Parameters
    ----------
    specification : Specification
        ``epsilon``, ``epsilon_place`` and ``beta_2``.
    step : int
        From 0.
    """
    if specification.epsilon_place == "after":
        return specification.epsilon
    return specification.epsilon / (1 - specification.beta_2 ** (step + 1)) ** 0.5


def mean_loss(specification: Specification, loss: float, reviews: int) -> float:
    """Return the mean over a batch of losses that were reduced as the specification says."""
    return loss / reviews if specification.loss_reduction == "sum" else loss


class Step(NamedTuple):
    """What the optimizer's constants are in one training step.

    Attributes
    ----------
    learning_rate : float
        Of all weights.
    momentum : float
        Adam's decay of the first moment, or SGD's momentum.
    epsilon : float
        Of an Adam that adds it after the bias correction (see `epsilon_at`).
    """

    learning_rate: float
    momentum: float
    epsilon: float


class Progress(Protocol):
    """Who is told how training goes."""

    def update(self, done: int, total: int, epoch: int, loss: float) -> None:
        """Take note that `done` of `total` steps are done; `loss` is the epoch's mean so far."""

    def message(self, text: str) -> None:
        """Take note of a line worth reading."""


class Silent:
    """Tell nobody."""

    def update(self, done: int, total: int, epoch: int, loss: float) -> None:
        """Do nothing."""

    def message(self, text: str) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Epoch:
    """One row of ``history.csv``; seconds are of training alone, without the validation."""

    epoch: int
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


@dataclass
class History:
    """What `train` returns.

    Attributes
    ----------
    epochs : list of Epoch
        One an epoch.
    step_losses : list of float
        Mean loss of each training step's batch.
    reviews : int
        Reviews trained on, epochs counted.
    """

    epochs: list[Epoch] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    reviews: int = 0

    @property
    def seconds(self) -> float:
        """Seconds of training alone."""
        return sum(epoch.seconds for epoch in self.epochs)

    def save(self, path: Path) -> None:
        """Make a new CSV file of the epochs."""
        with path.open("x", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, EPOCH_COLUMNS)
            writer.writeheader()
            writer.writerows(asdict(epoch) for epoch in self.epochs)


EPOCH_COLUMNS = [column.name for column in fields(Epoch)]
LONGEST_ROW = 1_000  # bytes
LARGEST_HISTORY = 100_000_000  # bytes


def read_history(path: Path) -> list[Epoch]:
    """Read what :meth:`History.save` wrote.

    Raises
    ------
    LockstepError
        If it is missing or damaged: other columns, a number that is none or not finite, epochs out of order.
    """
    with reading(path, "a history of epochs", "remove the run and train it again"):
        text = read_bytes(path, "a history", LARGEST_HISTORY).decode("utf-8")
        lines = list(csv.reader(text.splitlines(), strict=True))
        if not lines or lines[0] != EPOCH_COLUMNS:
            raise LockstepError(f"{path}: its columns are not {', '.join(EPOCH_COLUMNS)}")
        history = [Epoch(int(number), *map(float, rest)) for number, *rest in lines[1:]]
        for place, epoch in enumerate(history, 1):
            if epoch.epoch != place:
                raise LockstepError(f"{path}: row {place} is epoch {epoch.epoch}")
            if not all(map(math.isfinite, asdict(epoch).values())):
                raise LockstepError(f"{path}: epoch {place} has a number that is not finite")
    return history


def diverged(specification: Specification, problem: str, step: int, steps: int, epoch: int) -> LockstepError:
    """Return the error of a training that led to what is not a number.

    Parameters
    ----------
    specification : Specification
        ``learning_rate`` and ``gradient_clipping``, for what to try.
    problem : str
        What is not finite.
    step, steps, epoch : int
        From 1: the step that showed it, of how many, and its epoch.
    """
    rate = specification.learning_rate
    clipping = " or --gradient-clipping 1" if not 0 < specification.gradient_clipping <= 1 else ""
    advice = f"try --learning-rate {rate / 10:.2g} (it was {rate:.2g}){clipping}"
    return LockstepError(f"training diverged in step {step} of {steps}, epoch {epoch}: {problem}; {advice}")


STEPS_BETWEEN_SNAPSHOTS = 10


class Recorder:
    """Keeps the history of one training, the same way for every framework.

    Call `start_epoch`, then `coming` before and `step` after every optimizer step, then `end_epoch`. Before all that
    `resume` may go on from a training that was killed: with the epoch `epoch`, of which `begun` batches are done.

    Parameters
    ----------
    specification : Specification
        ``epochs``, ``weight_averaging``, and what is said of a training that diverges.
    steps_per_epoch : int
        Batches in an epoch.
    validation_labels : <int8>[validation reviews]
        To score each epoch.
    progress : Progress
        Is told after every step.
    export, load : callables
        Read and set the model's canonical weights, for ``weight_averaging`` and ``evaluation_weights``.
    """

    def __init__(
        self,
        specification: Specification,
        steps_per_epoch: int,
        validation_labels: np.ndarray,
        progress: Progress,
        export: Callable[[], dict[str, np.ndarray]],
        load: Callable[[dict[str, np.ndarray]], None],
    ) -> None:
        self.specification = specification
        self.history = History()
        self.export, self.load = export, load
        self.averaging = specification.weight_averaging
        self.averaged: dict[str, np.ndarray] = {}
        self.snapshots = 0
        self.best: tuple[float, float] = (-math.inf, -math.inf)  # validation accuracy, and the loss below 0
        self.best_weights: dict[str, np.ndarray] = {}
        self.epochs_since_best, self.reduced = 0, 1.0
        self.steps = specification.epochs_of(steps_per_epoch) * steps_per_epoch
        self.steps_per_epoch = steps_per_epoch
        self.validation_labels = validation_labels
        self.progress = progress
        self.keeper: Keeper | None = None
        self._begin()

    def _begin(self) -> None:
        """Set the figures of an epoch to nothing."""
        self._loss = self._correct = self._learning_rate = self._seconds = 0.0
        self._reviews = 0

    @property
    def epoch(self) -> int:
        """Epochs that are done: the number of the one that comes, or is under way, from 0."""
        return len(self.history.epochs)

    @property
    def begun(self) -> int:
        """Batches of that epoch that are done."""
        return len(self.history.step_losses) - self.epoch * self.steps_per_epoch

    def resume(
        self,
        keeper: Keeper | None,
        export_optimizer: Callable[[], dict[str, np.ndarray]],
        load_optimizer: Callable[[dict[str, np.ndarray]], None],
    ) -> None:
        """Go on from the state that is kept of this training, if there is one, and have it kept from now on.

        Parameters
        ----------
        keeper : Keeper or None
            None neither has nor keeps one.
        export_optimizer, load_optimizer : callables
            Read and set whatever the optimizer's next step depends on beside the canonical weights.

        Raises
        ------
        LockstepError
            If the state lacks something.
        """
        self.keeper, self.export_optimizer = keeper, export_optimizer
        state = keeper.state if keeper else None
        if keeper is None or state is None:
            return
        with reading(keeper.path, "the state of a training", "the same command begins anew"):
            self.load(folder("weights", state.arrays))
            load_optimizer(folder("optimizer", state.arrays))
            self._restore(state)
        self.progress.message(f"goes on after step {state.step:,} of {self.steps:,}, from {keeper.path}")

    def _restore(self, state: State) -> None:
        arrays, notes = state.arrays, state.notes
        self.history.step_losses += arrays["step_losses"].tolist()
        self.history.epochs += [Epoch(**epoch) for epoch in notes["epochs"]]
        self.history.reviews = notes["reviews"]
        self.averaged, self.snapshots = folder("averaged", arrays), notes["snapshots"]
        accuracy, loss = arrays["best"].tolist()
        self.best, self.best_weights = (accuracy, loss), folder("best_weights", arrays)
        self.epochs_since_best, self.reduced = notes["epochs_since_best"], notes["reduced"]
        self._loss, self._correct, self._reviews, self._learning_rate, self._seconds = notes["of_epoch"]

    def _state(self) -> State:
        """Return what `_restore` takes; floats are exact in JSON, but for the infinite."""
        arrays = {
            **filed("weights", self.export()),
            **filed("optimizer", self.export_optimizer()),
            **filed("averaged", self.averaged),
            **filed("best_weights", self.best_weights),
            "best": np.array(self.best),
            "step_losses": np.array(self.history.step_losses),
        }
        notes = {
            "epochs": [asdict(epoch) for epoch in self.history.epochs],
            "reviews": self.history.reviews,
            "snapshots": self.snapshots,
            "epochs_since_best": self.epochs_since_best,
            "reduced": self.reduced,
            "of_epoch": [self._loss, self._correct, self._reviews, self._learning_rate, self._seconds],
        }
        return State(len(self.history.step_losses), arrays, notes)

    def _keep(self) -> None:
        """Have the state kept if it is time."""
        if self.keeper is not None and self.keeper.is_due(len(self.history.step_losses), self.steps_per_epoch):
            self.keeper.keep(self._state())

    def start_epoch(self) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def coming(self) -> Step:
        """Return the optimizer's constants in the step that comes next."""
        specification, step = self.specification, len(self.history.step_losses)
        return Step(
            learning_rate_at(specification, step, self.steps) * self.reduced,
            momentum_at(specification, step, self.steps),
            epsilon_at(specification, step),
        )

    def step(self, loss: float, correct: float, reviews: int, learning_rate: float) -> None:
        """Record one step: mean loss of its batch, right predictions in it, its size and rate.

        Raises
        ------
        LockstepError
            If the loss is not finite: what is trained on from there is lost.
        """
        if not is_finite(loss):
            raise self._diverged(f"the loss is {loss}", len(self.history.step_losses) + 1)
        self._loss += loss * reviews
        self._correct += correct
        self._reviews += reviews
        self._learning_rate = learning_rate
        history = self.history
        history.step_losses.append(loss)
        self.progress.update(
            len(history.step_losses), self.steps, len(history.epochs) + 1, self._loss / max(1, self._reviews)
        )

        self._average(len(history.step_losses))
        if self.begun < self.steps_per_epoch:  # after an epoch's last step its end is still to come
            self._seconds += time.perf_counter() - self._started
            self._keep()  # the clock stands still
            self._started = time.perf_counter()

    def _average(self, step: int) -> None:
        """Take the weights into their mean, every so many of the last steps (Polyak & Juditsky 1992)."""
        if step <= self.steps * (1 - self.averaging) or (self.steps - step) % STEPS_BETWEEN_SNAPSHOTS:
            return
        self.snapshots += 1
        for name, array in self.export().items():
            mean = self.averaged.setdefault(name, np.zeros(array.shape))
            mean += (array - mean) / self.snapshots

    def _compare(self, accuracy: float, loss: float, *, last: bool) -> None:
        """Keep the weights of the best epoch, and lower the rate on a plateau.

        As in Flair: the first of equally accurate epochs is kept; for the rate the smaller loss decides between them.
        """
        keeping = self.specification.evaluation_weights == "best"
        if keeping and accuracy > self.best[0]:
            self.best_weights = self.export()
        if (accuracy, -loss) > self.best:
            self.best, self.epochs_since_best = (accuracy, -loss), 0
        else:
            self.epochs_since_best += 1
        if self.specification.schedule == "plateau" and self.epochs_since_best > PLATEAU_PATIENCE:
            self.reduced, self.epochs_since_best = self.reduced * PLATEAU_FACTOR, 0
        if keeping and last:
            self.load(self.best_weights)

    def _check(self, name: str, values: np.ndarray) -> None:
        try:
            refuse_non_finite(name, values)
        except LockstepError as error:
            raise self._diverged(str(error), len(self.history.step_losses)) from error

    def _diverged(self, problem: str, step: int) -> LockstepError:
        return diverged(self.specification, problem, step, self.steps, len(self.history.epochs) + 1)

    def end_epoch(self, predict_validation: Callable[[], np.ndarray]) -> None:
        """Stop the clock, then score the validation reviews; after the last epoch, under averaged weights.

        With ``evaluation_weights`` the model has those of the best epoch after the last one.

        Parameters
        ----------
        predict_validation : () -> <float32>[validation reviews, classes]
            Probabilities under the model as it is now.

        Raises
        ------
        LockstepError
            If a probability, or after the last epoch a weight, is not finite.
        """
        last = len(self.history.step_losses) == self.steps
        if self.snapshots and last:
            self.load({name: mean.astype(np.float32) for name, mean in self.averaged.items()})
        seconds = self._seconds + time.perf_counter() - self._started
        probabilities = predict_validation()
        self._check("probabilities of the validation reviews", probabilities)
        for name, array in self.export().items() if last else ():
            self._check(name, array)
        scored = accuracy(self.validation_labels, probabilities), log_loss(self.validation_labels, probabilities)
        epoch = Epoch(
            len(self.history.epochs) + 1,
            self._loss / max(1, self._reviews),
            self._correct / max(1, self._reviews),
            scored[1],
            scored[0],
            self._learning_rate,
            seconds,
        )
        self.history.epochs.append(epoch)
        self._compare(*scored, last=last)
        self.history.reviews += self._reviews
        self.progress.message(
            f"epoch {epoch.epoch}: training loss {epoch.training_loss:.4f}, "
            f"validation loss {epoch.validation_loss:.4f}, validation accuracy {epoch.validation_accuracy:.4f}, "
            f"{self._reviews / seconds:,.0f} reviews/s"
        )
        self._begin()
        self._keep()
