"""Experiments of networks that only pretend: their probabilities are drawn, and all else is as a training leaves it."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.special import softmax

from compare.grid.baselines import BASELINE, train_baseline
from shared.cell import initial_weights, make_record
from shared.data.corpus import Corpus
from shared.history import Epoch, History
from shared.loading import load_corpus
from shared.output import Output
from shared.predictions import Predictions
from shared.runs import RUN, Load, Parameters, Seconds, run_directory, write_run
from shared.specification import Specification
from shared.weights import Checkpoint

NETWORKS = (("keras", "lstm"), ("keras", "gru"), ("pytorch", "lstm"), ("pytorch", "gru"))
# Of a logit that is drawn from a normal distribution; the right class has so much more.
ADVANTAGE = 2.0


def write_texts(path: Path, counts: Mapping[str, int]) -> Path:
    """Write a CSV file of so many texts of each class; half of a text's words are its class's own."""
    generator = np.random.default_rng(0)
    rows = []
    for number, (name, count) in enumerate(counts.items()):
        for text in range(count):
            own, others = generator.integers(0, 4, 3), generator.integers(0, 30, 3)
            words = [*(f"own{number}x{word}" for word in own), *(f"other{word}" for word in others), f"text{text}"]
            rows.append([" ".join(words), name])
    generator.shuffle(rows)
    with path.open("x", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "label"], *rows])
    return path


def write_experiment(
    folder: Path,
    counts: Mapping[str, int],
    networks: Sequence[tuple[str, str]] = NETWORKS,
    baselines: Sequence[str] = (),
    out_of_domain: Mapping[str, dict[str, float]] | None = None,
    seeds: Sequence[int] = (0,),
    same: bool = False,
    contended: Collection[tuple[str, str]] = (),
    **fields: object,
) -> Path:
    """Write the runs of an experiment on texts of one's own and return its folder.

    Parameters
    ----------
    folder : Path
        Gets ``texts.csv`` and the experiment.
    counts : mapping of str to int
        Classes, and the texts of each.
    networks : sequence of (framework, architecture)
        That pretend.
    baselines : sequence of str
        Which are trained in earnest.
    out_of_domain : mapping of str to metrics, optional
        As the networks' records have them.
    seeds : sequence of int
        Of every network.
    same : bool
        All frameworks answer alike; otherwise each draws its own answers.
    contended : collection of (framework, architecture)
        Beside which other processes were at work.
    **fields
        Of the specification.
    """
    texts = write_texts(folder / "texts.csv", counts)
    small = {"vectors": "random", "embedding_size": 4, "hidden_size": 3, "max_length": 8, "epochs": 1, "batch_parts": 1}
    specification = Specification.model_validate({"data": str(texts), **small, **fields})
    corpus = load_corpus(specification)
    architectures = list(dict.fromkeys(architecture for _, architecture in networks))
    for number, (framework, architecture) in enumerate(networks):
        for seed in seeds:
            asked = specification.replaced(architecture=architecture, seed=seed)
            place = run_directory(folder / "experiment", framework, architecture, seed)
            drawn = (architectures.index(architecture) if same else number) + 1000 * seed
            load = _load((framework, architecture) in contended)
            _write_network(place, framework, asked, corpus, drawn, out_of_domain, load)
    for name in baselines:
        with Output(run_directory(folder / "experiment", BASELINE, name, 0), RUN) as output:
            train_baseline(name, specification, output)
    return folder / "experiment"


def _write_network(
    place: Path,
    framework: str,
    specification: Specification,
    corpus: Corpus,
    seed: int,
    out_of_domain: Mapping[str, dict[str, float]] | None,
    load: Load,
) -> None:
    generator = np.random.default_rng(seed)
    names, weights = corpus.class_names, initial_weights(specification, corpus)
    validation, test = (_pretended(generator, part.labels, len(names)) for part in (corpus.validation, corpus.test))
    record = make_record(
        specification,
        corpus,
        framework=framework,
        framework_version="0",
        architecture=specification.architecture,
        parameters=Parameters(total=1, trainable=1),
        validation=validation,
        test=test,
        seconds=Seconds(setup=1, training=1, prediction=1),
        trained_reviews=len(corpus.train),
        device="cpu",
        threads=1,
        inputs={},
        out_of_domain=out_of_domain,
        load=load,
        latency_ms={"p50": 1.0, "p95": 2.0, "p99": 3.0},
    )
    history = History([Epoch(1, 0.5, 0.5, 0.5, 0.5, 0.1, 1.0)])
    checkpoint = Checkpoint(specification, corpus.vocabulary, weights, names)
    predictions = Predictions.of(corpus.test, test, names), Predictions.of(corpus.validation, validation, names)
    with Output(place, RUN) as output:
        write_run(output, record, history, *predictions, checkpoint)


def _load(contended: bool) -> Load:
    """Of one thread on two cores, for the one second that a pretended training took."""
    elsewhere = 1.5 if contended else 0.1
    return Load(
        processor_seconds=0.9, wall_seconds=1.1, busy_elsewhere=elsewhere, load_average=2.0, contended=contended
    )


def _pretended(generator: np.random.Generator, labels: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities ``<float32>[reviews, classes]`` that are right more often than not."""
    logits = generator.normal(size=(len(labels), classes)) + ADVANTAGE * np.eye(classes)[labels]
    return softmax(logits, axis=1).astype(np.float32)
