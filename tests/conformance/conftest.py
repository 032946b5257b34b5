"""One long-lived process for each framework, which does the jobs."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.contract import FRAMEWORKS
from shared.data.encoding import Corpus, EncodedReviews, encode_texts
from shared.specification import Specification
from shared.weights import Weights, shapes

Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def workers(cache: Path) -> Iterator[dict[str, ProcessPoolExecutor]]:
    context = multiprocessing.get_context("spawn")
    executors = {name: ProcessPoolExecutor(1, mp_context=context) for name in FRAMEWORKS}
    yield executors
    for executor in executors.values():
        executor.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def ask(workers: dict[str, ProcessPoolExecutor]) -> Ask:
    """Call a job with a framework's name in that framework's process, and wait for its answer."""

    def call(job: Callable[..., Any], framework: str, *arguments: object) -> Any:
        return workers[framework].submit(job, framework, *arguments).result()

    return call


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def odd_reviews(corpus: Corpus, smoke: Specification) -> EncodedReviews:
    """Real reviews of all lengths, and an empty, a one-word, an all-unknown and a very long one."""
    by_length = np.argsort(corpus.test.sizes)
    chosen = by_length[np.linspace(0, len(by_length) - 1, 44).astype(int)]
    texts = ["", "good", "zzxq qxzzy xqzy", "bad " * 5_000, *(corpus.texts[2][row] for row in chosen)]
    return encode_texts(texts, corpus.vocabulary, smoke)


def random_weights(specification: Specification, vocabulary_size: int, seed: int = 0) -> Weights:
    """Weights in which nothing is zero: random biases show a swapped gate or a lost bias."""
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes(specification, vocabulary_size, 2).items():
        scale = 0.5 if name.endswith("bias") or name == "embedding" else 1.5 / np.sqrt(shape[0])
        weights[name] = (generator.standard_normal(shape) * scale).astype(np.float32)
    return weights
