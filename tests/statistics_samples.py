"""Statistics of an experiment that nobody trained: round numbers, so that a table can be checked by eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from compare.explain.form import Changed, Explained, ExplainedEnd, Part
from compare.formats import Interval as OverSeeds
from compare.formats import Parity, Portability, Witness, Witnesses
from compare.report.form import (
    Beside,
    Calibration,
    CalibrationBin,
    Cell,
    Confused,
    Confusion,
    Data,
    Ensemble,
    Example,
    Interval,
    LabelNoise,
    Pair,
    Point,
    PublishedResult,
    Range,
    SeedRun,
    Setting,
    SettingBeside,
    SideBySide,
    Slice,
    Statistics,
    Variance,
)
from shared.runs import Machine, Parameters

MACHINE = Machine(system="Linux", processor="one", cores=2, memory_gb=8, python="3.11")


def sample_run(seed: int, accuracy: float, seconds: float, **changed: Any) -> SeedRun:
    metrics = {
        "accuracy": accuracy,
        "macro_f1": accuracy,
        "roc_auc": 0.95,
        "log_loss": 0.3,
        "brier": 0.2,
        "calibration_error": 0.05,
    }
    fields: dict[str, Any] = {
        "seed": seed,
        "metrics": metrics,
        "validation_metrics": metrics,
        "seconds": {"setup": 1, "training": seconds, "prediction": 2},
        "reviews_per_second": {"training": 1000 / seconds, "prediction": 500},
        "latency_ms": {"p50": 1.5, "p95": 2.5, "p99": 3.5},
        "peak_memory_mb": 900 + seed * 100,
        "contended": False,
        "curve": tuple(
            Point(
                epoch=epoch,
                steps=10 * epoch,
                seconds=seconds / 2 * epoch,
                training_loss=1 / epoch,
                validation_loss=1 / epoch,
                validation_accuracy=accuracy - 0.1 / epoch,
            )
            for epoch in (1, 2)
        ),
        "commit": "c" * 40,
    }
    return SeedRun(**(fields | changed))


def spanning(values: Sequence[float]) -> Range:
    return Range(mean=sum(values) / len(values), low=min(values), high=max(values))


def sample_cell(framework: str, architecture: str, runs: Sequence[SeedRun], **changed: Any) -> Cell:
    network = framework != "baseline"
    accuracy = sum(run.metrics["accuracy"] for run in runs) / len(runs)
    fields: dict[str, Any] = {
        "framework": framework,
        "architecture": architecture,
        "version": "1.0",
        "runs": runs,
        "compared_seeds": tuple(run.seed for run in runs),
        "accuracy": Interval(value=accuracy, low=accuracy - 0.01, high=accuracy + 0.01),
        "metrics": dict(runs[0].metrics),
        "validation_accuracy": accuracy,
        "parameters": Parameters(total=12_345, trainable=12_345),
        "seconds": {name: spanning([run.seconds[name] for run in runs]) for name in runs[0].seconds},
        "reviews_per_second": {
            name: spanning([run.reviews_per_second[name] for run in runs]) for name in runs[0].reviews_per_second
        },
        "latency_ms": {name: spanning([run.latency_ms[name] for run in runs]) for name in runs[0].latency_ms},
        "peak_memory_mb": spanning([run.peak_memory_mb for run in runs]),
        "seconds_to": {"0.85": spanning([5, 7]), "0.90": None} if network else {},
    }
    return Cell(**(fields | changed))


def sample_pair(first: str, second: str, difference: float, **changed: Any) -> Pair:
    fields: dict[str, Any] = {
        "first": first,
        "second": second,
        "kind": "framework",
        "seeds": (0, 1),
        "difference": Interval(value=difference, low=difference - 0.002, high=difference + 0.002),
        "first_only": 10,
        "second_only": 12.5,
        "mcnemar": 0.04,
        "holm": 0.08,
        "kappa": 0.98,
        "agreement": 0.99,
        "reviews_needed": 123_456,
        "seeds_needed": None,
    }
    return Pair(**(fields | changed))


def sample_explained(text: str = "", **changed: Any) -> Explained:
    """Return what is worth -6 and +1 point on the way from 88 % to 83 %, in steps of which one is another framework."""

    def worth(mean: float) -> OverSeeds:
        return OverSeeds(mean=mean, low=mean - 0.005, high=mean + 0.005)

    def end(title: str, framework: str, accuracy: float) -> ExplainedEnd:
        values = {"accuracy": worth(accuracy), "log_loss": worth(0.3)}
        return ExplainedEnd(title=f"{title}{text}", framework=framework, native=False, **values)

    def part(name: str, kind: Any, accuracy: float, fields: list[Changed], **more: Any) -> Part:
        return Part(name=name, kind=kind, fields=fields, accuracy=worth(accuracy), log_loss=worth(-accuracy), **more)

    rate = Changed(name="learning_rate", first=0.001, second=0.1, meaning="of Adam")
    vectors = Changed(name="vectors", first=f"random{text}", second=None, meaning="words")
    fields: dict[str, Any] = {
        "first": end("Keras", "keras", 0.88),
        "second": end("Flair", "flair", 0.83),
        "framework": "keras",
        "seeds": [0, 1],
        "orders": 2,
        "exact": True,
        "accuracy_difference": worth(-0.05),
        "log_loss_difference": worth(0.05),
        "interaction_share": 0.25,
        "parts": [
            part("learning_rate", "field", -0.06, [rate], early=-0.05, late=-0.07),
            part("vectors", "field", 0.01, [vectors], early=0.01, late=0.01),
            part(f"Flair instead of Keras, same fields{text}", "framework", 0.0, []),
        ],
        "specification": {"architecture": "lstm", "vectors": f"glove{text}"},
        "source": f"packaged{text}",
        "fingerprint": "f" * 64,
        "sizes": {"train": 1000, "validation": 200, "test": 500},
        "machine": MACHINE,
        "cells": [],
    }
    return Explained(**(fields | changed))


def sample_witnesses() -> Witnesses:
    """Return one framework that acts like two: as like them as is asked for, and otherwise."""
    differences: tuple[tuple[str, float, Literal["same", "different"]], ...]
    differences = (("pytorch", 0.0, "same"), ("flair", 0.05, "different"))
    rows = [
        Witness(
            framework="keras",
            like=like,
            seeds=[0, 1],
            accuracies=[0.8 + mean] * 2,
            own_accuracies=[0.8] * 2,
            difference=OverSeeds(mean=mean, low=mean - 0.001, high=mean + 0.001),
            verdict=verdict,
        )
        for like, mean, verdict in differences
    ]
    return Witnesses(
        architecture="lstm", tolerance=0.01, sizes={"train": 1000, "test": 500}, rows=rows, machine=MACHINE, commit="c"
    )


def sample_statistics(text: str = "", **changed: Any) -> Statistics:
    """Return the statistics of two frameworks and two seeds.

    Parameters
    ----------
    text : str
        Stands in everything that may hold any text: names, settings, reviews, messages.
    **changed
        Fields of the statistics.
    """
    cells = (
        sample_cell("keras", "lstm", [sample_run(0, 0.88, 20), sample_run(1, 0.9, 30)]),
        sample_cell("pytorch", "lstm", [sample_run(0, 0.88, 10), sample_run(1, 0.9, 12)], contended_seeds=(1,)),
        sample_cell("pytorch", "gru", [sample_run(0, 0.87, 9), sample_run(2, 0.85, 9)], compared_seeds=(0,)),
    )
    names = [cell.name for cell in cells]
    fields: dict[str, Any] = {
        "name": f"pretended{text}",
        "recipe": "lockstep",
        "task": f"imdb{text}",
        "data": Data(
            source=f"packaged{text}",
            fingerprint="f" * 64,
            sizes={"train": 1000, "validation": 200, "test": 500},
            empty=0,
            class_names=(f"negative{text}", f"positive{text}"),
            accounts=(f"all were read{text}",),
        ),
        "missing": (f"a cell is missing{text}",),
        "left_out": (f"a run was left out{text}",),
        "cells": cells,
        "baselines": (sample_cell("baseline", "nb-svm", [sample_run(0, 0.91, 1)]),),
        "ensembles": (
            Ensemble(
                name=f"networks{text}",
                models=4,
                accuracy=Interval(value=0.92, low=0.91, high=0.93),
                validation_log_loss=0.21,
                metrics={"roc_auc": 0.97, "log_loss": 0.2},
            ),
        ),
        "published": (
            PublishedResult(
                name=f"ULMFiT{text}", accuracy=0.954, source=f"Howard{text}", url="https://example.org/a_b"
            ),
            PublishedResult(name="bad link", accuracy=0.9, source="nobody", url=f"javascript:alert(1){text}"),
        ),
        "spread": {"lstm": 0.0},
        "pairs": (
            sample_pair("keras/lstm", "pytorch/lstm", 0.0, holm=1.0),
            sample_pair("keras/lstm", "baseline/nb-svm", -0.02, kind="baseline", holm=0.0001, kappa=None),
        ),
        "variances": (
            Variance(architecture="lstm", frameworks=2, seeds=(0, 1), seed=0.014, framework=0.001, reviews=0.013),
        ),
        "parity": Parity(
            tolerances={f"loss{text}": 1e-4},
            cases=10,
            trainings=1,
            largest={"keras": {f"loss{text}": 2e-7}, "pytorch": {f"loss{text}": None}},
            machine=MACHINE,
            commit="c",
        ),
        "portability": Portability(
            names=["keras", "pytorch"],
            reviews=100,
            tolerance=1e-5,
            matrices={"lstm": [[0.0, 1e-7], [0.5, 0.0]], "gru": [[0.0, None], [1e-7, 0.0]]},
            machine=MACHINE,
            commit="c",
        ),
        "witnesses": sample_witnesses(),
        "explained": (sample_explained(text), sample_explained(text, fingerprint="e" * 64)),
        "settings": (
            Setting(
                field="learning_rate",
                description=f"of Adam{text}",
                default=0.001,
                values={names[0]: 0.002, names[1]: 0.001, names[2]: 0.001},
                differs=True,
            ),
            Setting(
                field="vectors",
                description="words",
                default=None,
                values=dict.fromkeys(names, f"glove{text}"),
                differs=False,
            ),
        ),
        "confusions": (
            Confusion(cell=names[0], seeds=(0, 1), matrix=((90, 10), (20, 80)), pairs=()),
            Confusion(
                cell=names[1], seeds=(0,), matrix=None, pairs=(Confused(label=0, prediction=1, reviews=5, share=0.1),)
            ),
        ),
        "slices": (
            Slice(
                kind="length",
                label=f"short{text}",
                reviews=40,
                accuracy={names[0]: Interval(value=0.8, low=0.7, high=0.9)},
            ),
        ),
        "calibrations": (
            Calibration(
                cell=names[0],
                bins=(
                    CalibrationBin(low=0, high=0.5, predictions=0, confidence=None, accuracy=None),
                    CalibrationBin(low=0.5, high=0.8, predictions=100, confidence=0.7, accuracy=0.6),
                    CalibrationBin(low=0.8, high=1, predictions=300, confidence=0.9, accuracy=0.9),
                ),
            ),
        ),
        "label_noise": LabelNoise(rule=f"all are sure{text}", errors=100, reviews=5, share=0.05),
        "examples": (
            Example(
                review_id=f"7{text}",
                kinds=("all wrong",),
                label=1,
                shown_class=1,
                text=f"# A film{text}",
                words_read=10,
                words=20,
                probabilities={names[0]: 0.1, names[1]: 0.2},
                answers={names[0]: 0, names[1]: 0},
            ),
            Example(
                review_id="mine",
                kinds=("hand-picked",),
                label=None,
                shown_class=1,
                text=None,
                probabilities={names[0]: 0.6},
                answers={names[0]: 1},
                published=0.7,
                note=f"noted{text}",
            ),
        ),
        "machines": (MACHINE,),
        "threads": (2,),
        "commits": ("c" * 40,),
        "commands": (f"lockstep run{text}",),
    }
    return Statistics(**(fields | changed))


def sample_side_by_side(text: str = "") -> SideBySide:
    """Return two experiments, the second without numbers of the difference."""
    first, second = sample_statistics(text), sample_statistics()
    times = (spanning([20, 30]), spanning([10, 12]))
    accuracy = first.cells[0].accuracy
    tie = Interval(value=0, low=-0.001, high=0.001)
    shared: dict[str, Any] = {"first": accuracy, "second": accuracy, "training_seconds": times}
    return SideBySide(
        first=first,
        second=second,
        names=(f"one{text}", f"two{text}"),
        cells=(
            Beside(cell="keras/lstm", seeds=(0, 1), difference=tie, holm=1, busy=(False, True), **shared),
            Beside(cell="pytorch/lstm", seeds=(), difference=None, holm=None, busy=(False, False), **shared),
        ),
        settings=(
            SettingBeside(field="vectors", description=f"words{text}", first=(f"glove{text}",), second=(None, 3)),
        ),
    )
