"""One cell of the comparison: one framework, one specification, one run on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

from shared.contract import Implementation
from shared.data.encoding import describe_sizes, load_corpus
from shared.history import Progress
from shared.metrics import evaluate
from shared.predictions import Predictions
from shared.runs import Data, Parameters, Record, Seconds, peak_memory_mb, this_commit, this_machine, write_run
from shared.specification import Specification
from shared.vectors import load_vectors
from shared.weights import Checkpoint, initialise


def train_cell(
    implementation: Implementation,
    specification: Specification,
    given: Collection[str],
    target: Path,
    device: str,
    threads: int | None,
    progress: Progress,
) -> Record:
    """Train one model from the start and write its run.

    Parameters
    ----------
    implementation : Implementation
        Of one framework.
    specification : Specification
        What to train. In the idiomatic recipe the framework's own values replace those that the
        user did not give.
    given : collection of str
        Fields that the user gave.
    target : Path
        The run's directory.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    threads : int or None
        None: one for each core.
    progress : Progress
        Is told how training goes.

    Returns
    -------
    Record
        As written.
    """
    started = time.perf_counter()
    threads = threads or os.cpu_count() or 1
    device_used = implementation.configure(device, threads, specification.seed)
    if specification.recipe == "idiomatic":
        kept = {name: getattr(specification, name) for name in given}
        specification = implementation.idiomatic(specification).replaced(**kept)
    corpus = load_corpus(specification)
    vectors = load_vectors(specification.vectors, corpus.vocabulary, specification.embedding_size)
    model = implementation.build(specification, initialise(specification, vectors, len(corpus.class_names)))
    setup = time.perf_counter() - started

    history = implementation.train(model, corpus.train, corpus.validation, specification, progress)
    validation = implementation.predict_probabilities(model, corpus.validation)
    before = time.perf_counter()
    test = implementation.predict_probabilities(model, corpus.test)
    prediction = time.perf_counter() - before

    weights = implementation.export_weights(model)
    total = sum(array.size for array in weights.values())
    record = Record(
        framework=implementation.framework,
        framework_version=implementation.version,
        architecture=specification.architecture,
        recipe=specification.recipe,
        seed=specification.seed,
        specification=specification.model_dump(),
        data=Data(
            source=corpus.source,
            fingerprint=corpus.fingerprint,
            sizes=describe_sizes(corpus),
            empty=int((corpus.test.sizes == 0).sum()),
        ),
        parameters=Parameters(total=total, trainable=implementation.count_trainable(model)),
        metrics={
            "validation": evaluate(corpus.validation.labels, validation),
            "test": evaluate(corpus.test.labels, test),
        },
        seconds=Seconds(setup=setup, training=history.seconds, prediction=prediction),
        reviews_per_second={
            "training": history.reviews / history.seconds,
            "prediction": len(corpus.test) / prediction,
        },
        peak_memory_mb=peak_memory_mb(),
        device=device_used,
        threads=threads,
        machine=this_machine(),
        commit=this_commit(),
    )
    checkpoint = Checkpoint(specification, corpus.vocabulary, weights, corpus.class_names)
    write_run(target, record, history, Predictions.of(corpus.test, test), checkpoint)
    return record
