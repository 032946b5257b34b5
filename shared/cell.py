"""One cell of the comparison: one framework, one specification, one run on disk."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from shared.contract import Implementation, followed, module_name, refuse_interval
from shared.data.corpus import Corpus, describe_sizes
from shared.data.encoded import EncodedReviews, encode_texts
from shared.data.reviews import Reviews
from shared.data.sources import load_reviews
from shared.durations import Interval
from shared.files import checksum, code_checksum, reading
from shared.frameworks import REFERENCE, framework_named
from shared.history import Progress
from shared.load import LoadMeter, Snapshot
from shared.loading import load_corpus
from shared.metrics import evaluate
from shared.output import Output
from shared.predictions import Predictions
from shared.resuming import Keeper
from shared.runs import (
    Data,
    Load,
    Parameters,
    Percentile,
    Record,
    Seconds,
    peak_memory_mb,
    this_commit,
    this_machine,
    write_run,
)
from shared.specification import Specification
from shared.tasks import task_of
from shared.vectors.corpus import vectors_for
from shared.vectors.pretrained import ARCHIVES
from shared.weights import Checkpoint, Weights, folded, initialise, read_checkpoint, started_from

# Single reviews whose answers are timed, in the order of the test reviews, and calls before the clock starts.
TIMED_REVIEWS, WARM_UP_CALLS = 100, 5
# Of a slow model fewer are timed: when so many seconds have passed, but not before there are so many.
SECONDS_OF_TIMING, FEWEST_TIMED = 3.0, 20
PERCENTILES: dict[Percentile, int] = {"p50": 50, "p95": 95, "p99": 99}


def initial_weights(specification: Specification, corpus: Corpus) -> Weights:
    """Return the weights that training begins with: drawn, word vectors put in, a checkpoint's in their place.

    Parameters
    ----------
    specification : Specification
        The model, ``vectors``, ``start_from`` and ``seed``.
    corpus : Corpus
        Its vocabulary and class names; the vectors may be learnt from it.

    Raises
    ------
    LockstepError
        If the checkpoint of ``start_from`` cannot be read, or does not fit.
    """
    weights = initialise(specification, vectors_for(specification, corpus), len(corpus.class_names))
    if specification.start_from == "none":
        return weights
    return started_from(weights, corpus.vocabulary, read_checkpoint(Path(specification.start_from)))


def inputs_of(specification: Specification) -> dict[str, str]:
    """Return the SHA-256 of files that decide what is learnt and of which the data fingerprint knows nothing.

    Parameters
    ----------
    specification : Specification
        ``vectors`` may name a text file. ``start_from`` may name a checkpoint: there it is that of ``model.json``,
        which holds those of its other files.

    Returns
    -------
    dict of str to str
        By field. A file that is not there is left out: whoever reads it says so.
    """
    files = {}
    if specification.vectors not in ("random", "glove", "corpus", *ARCHIVES):
        files["vectors"] = Path(specification.vectors).expanduser()
    if specification.start_from != "none":
        start = Path(specification.start_from)
        files["start_from"] = (start / "checkpoint" if (start / "checkpoint").is_dir() else start) / "model.json"
    found = {}
    for name, path in files.items():
        with reading(path, f"what --{name.replace('_', '-')} names"):
            if path.is_file():
                found[name] = checksum(path)
    return found


def tell_accounts(corpus: Corpus, tell: Callable[[str], None]) -> None:
    """Say what was read of each source, and what is probably wrong with it."""
    for account in corpus.accounts:
        tell(account.paragraph())
        for warning in account.warnings():
            tell(f"warning: {warning}")


def other_reviews(specification: Specification, corpus: Corpus) -> dict[str, Reviews]:
    """Return the reviews of other tasks that a model of this corpus can be tested on too, by their source."""
    found = task_of(specification.data)
    loaded = {source: load_reviews(source) for source in (found[0].tested_on if found else ())}
    return {source: reviews for source, reviews in loaded.items() if reviews.class_names == corpus.class_names}


def other_tests(specification: Specification, corpus: Corpus) -> dict[str, EncodedReviews]:
    """Return them as word ids."""
    return {
        source: encode_texts(reviews.texts, corpus.vocabulary, specification, reviews.review_ids, reviews.labels)
        for source, reviews in other_reviews(specification, corpus).items()
    }


def train_cell(
    implementation: Implementation,
    specification: Specification,
    given: Collection[str],
    place: Output,
    device: str,
    threads: int | None,
    progress: Progress,
    checkpoint_every: Interval | None = None,
) -> Record:
    """Train one model and write its run.

    If the state of the same training stands beside the place, because its process was killed, it goes on from there.

    Parameters
    ----------
    implementation : Implementation
        Of one framework.
    specification : Specification
        What to train. In the idiomatic recipe the framework's own values replace those that the
        user did not give.
    given : collection of str
        Fields that the user gave.
    place : Output
        Where the run will stand.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    threads : int or None
        None: one for each core.
    progress : Progress
        Is told how training goes.
    checkpoint_every : Interval, optional
        How often the state of the training is kept; by default never.

    Returns
    -------
    Record
        As written.

    Raises
    ------
    LockstepError
        If the recipe cannot keep a state, another training's stands there, or whatever stops a training.
    """
    started = time.perf_counter()
    specification = followed(implementation, specification, given)
    refuse_interval(checkpoint_every, specification)
    inputs = inputs_of(specification)  # now: they may be others when training is done
    threads = threads or os.cpu_count() or 1
    device_used = implementation.configure(device, threads, specification)
    corpus = load_corpus(specification, progress=sys.stderr.isatty())
    tell_accounts(corpus, progress.message)
    meter = LoadMeter(threads)
    keeper = Keeper(
        place.place,
        training_of(implementation.framework, specification, corpus.fingerprint, inputs, device_used),
        checkpoint_every,
        overwrite=place.overwrite,
        tell=progress.message,
        measured=lambda: asdict(meter.so_far()),
    )
    meter.earlier = keeper.measured_before and Snapshot(**keeper.measured_before)
    model = implementation.builder(specification)(specification, initial_weights(specification, corpus))
    setup = time.perf_counter() - started

    train = implementation.trainer(specification, keeper)
    with keeper, meter:
        history = train(model, corpus.train, corpus.validation, specification, progress)
    validation = implementation.predict_probabilities(model, corpus.validation)
    before = time.perf_counter()
    test = implementation.predict_probabilities(model, corpus.test)
    prediction = time.perf_counter() - before

    out_of_domain = {
        source: evaluate(reviews.labels, implementation.predict_probabilities(model, reviews))
        for source, reviews in other_tests(specification, corpus).items()
    }
    weights = implementation.export_weights(model)  # a second bias and a reprojection are numbers of their own
    latency = measure_latency(
        lambda row: implementation.predict_probabilities(model, corpus.test.take(np.array([row]))), len(corpus.test)
    )
    record = make_record(
        specification,
        corpus,
        framework=implementation.framework,
        framework_version=implementation.version,
        architecture=specification.architecture,
        parameters=Parameters(
            total=sum(array.size for array in weights.values()), trainable=implementation.count_trainable(model)
        ),
        validation=validation,
        test=test,
        seconds=Seconds(setup=setup, training=history.seconds, prediction=prediction),
        trained_reviews=history.reviews,
        device=device_used,
        threads=threads,
        inputs=inputs,
        out_of_domain=out_of_domain,
        load=meter.load,
        latency_ms=latency,
        optimizer=describe_optimizer(specification),
        resumed=keeper.resumed,
    )
    checkpoint = Checkpoint(specification, corpus.vocabulary, folded(weights), corpus.class_names)
    names = corpus.class_names
    predictions = Predictions.of(corpus.test, test, names), Predictions.of(corpus.validation, validation, names)
    write_run(place, record, history, *predictions, checkpoint)
    keeper.remove()
    return record


def training_of(
    framework: str, specification: Specification, fingerprint: str, inputs: Mapping[str, str], device: str
) -> dict[str, object]:
    """Return all that decides what a training comes to, bit for bit, but for the machine; by names that users know.

    The number of threads is not among it: sums are in the same order on any.

    Parameters
    ----------
    framework : str
        That trains; it is imported.
    specification, fingerprint, inputs
        What, on which data, from which files (see `inputs_of`).
    device : str
        That is used.
    """
    known = None if framework == REFERENCE else framework_named(framework)
    packages = ("numpy", *(known.imports + known.beneath if known else ()))
    versions = {f"version of {name}": getattr(sys.modules.get(name), "__version__", None) for name in packages}
    ours = ("shared", module_name(framework), *(known.beneath if known else ()))
    return {
        "framework": framework,
        **specification.model_dump(),
        "data fingerprint": fingerprint,
        **{f"a file for {name} of SHA-256": checksum for name, checksum in inputs.items()},
        "device": device,
        **{name: version for name, version in versions.items() if version},
        "a program of SHA-256": code_checksum(ours),
    }


def describe_optimizer(specification: Specification) -> str:
    """Return in words what changes the weights."""
    name = "SGD" if specification.optimizer == "sgd" else "Adam"
    if not specification.weight_decay:
        return name
    kind = "decoupled weight decay" if specification.optimizer == "adamw" else "weight decay"
    return f"{name} with {kind} {specification.weight_decay:g}"


def measure_latency(answer: Callable[[int], object], reviews: int) -> dict[Percentile, float]:
    """Time answers about single reviews, one after the other.

    Parameters
    ----------
    answer : (row) -> anything
        Predict the review of that row.
    reviews : int
        How many there are; the first are timed.

    Returns
    -------
    dict of percentile to float
        ``p50``, ``p95`` and ``p99`` in milliseconds, linearly interpolated; empty if there is no review.
    """
    for call in range(WARM_UP_CALLS if reviews else 0):
        answer(call % reviews)
    seconds: list[float] = []
    for row in range(min(TIMED_REVIEWS, reviews)):
        before = time.perf_counter()
        answer(row)
        seconds.append(time.perf_counter() - before)
        if len(seconds) >= FEWEST_TIMED and sum(seconds) > SECONDS_OF_TIMING:
            break
    return {name: float(np.percentile(seconds, share)) * 1_000 for name, share in PERCENTILES.items() if seconds}


def make_record(
    specification: Specification,
    corpus: Corpus,
    *,
    framework: str,
    framework_version: str,
    architecture: str,
    parameters: Parameters,
    validation: np.ndarray,
    test: np.ndarray,
    seconds: Seconds,
    trained_reviews: int,
    device: str,
    threads: int,
    inputs: Mapping[str, str],
    out_of_domain: Mapping[str, dict[str, float]] | None = None,
    load: Load | None = None,
    latency_ms: Mapping[Percentile, float] | None = None,
    optimizer: str = "",
    resumed: int = 0,
) -> Record:
    """Score a model's probabilities on the validation and test reviews and put together its record.

    Parameters
    ----------
    specification : Specification
        What was trained.
    corpus : Corpus
        On what.
    framework, framework_version, architecture : str
        With what.
    parameters : Parameters
        Of the model.
    validation, test : <float32>[reviews, classes]
        Probabilities, in the order of the corpus.
    seconds : Seconds
        Spent.
    trained_reviews : int
        Reviews trained on, epochs counted.
    device : str
        That was used.
    threads : int
        That were allowed.
    inputs : mapping of str to str
        As :func:`inputs_of` gave them before they were read.
    out_of_domain : mapping of str to metrics, optional
        Of sources of other tasks.
    load : Load, optional
        Of the training.
    latency_ms : mapping of percentile to float, optional
        As :func:`measure_latency` gives them.
    optimizer : str
        What changed the weights.
    resumed : int
        How often the training went on from a state.
    """
    return Record(
        framework=framework,
        framework_version=framework_version,
        architecture=architecture,
        optimizer=optimizer,
        recipe=specification.recipe,
        seed=specification.seed,
        specification=specification.model_dump(),
        data=Data(
            source=corpus.source,
            fingerprint=corpus.fingerprint,
            sizes=describe_sizes(corpus),
            empty=int((corpus.test.sizes == 0).sum()),
            class_names=corpus.class_names,
            accounts=corpus.accounts,
        ),
        parameters=parameters,
        metrics={
            "validation": evaluate(corpus.validation.labels, validation),
            "test": evaluate(corpus.test.labels, test),
        },
        seconds=seconds,
        reviews_per_second={
            "training": trained_reviews / seconds.training,
            "prediction": len(corpus.test) / seconds.prediction,
        },
        latency_ms=dict(latency_ms or {}),
        peak_memory_mb=peak_memory_mb(),
        load=load,
        device=device,
        threads=threads,
        machine=this_machine(),
        commit=this_commit(),
        inputs=dict(inputs),
        out_of_domain=dict(out_of_domain or {}),
        resumed=resumed,
    )
