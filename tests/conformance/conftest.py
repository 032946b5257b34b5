from __future__ import annotations

import numpy as np
import pytest

from shared.contract import FRAMEWORKS
from shared.data.corpus import Corpus
from shared.data.encoded import EncodedReviews, encode_texts
from shared.specification import Specification


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
