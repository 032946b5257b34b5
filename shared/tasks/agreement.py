"""Agreement over a gap: a verb's form is that of a subject which stands up to 60 words before it. See lesson 10."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared.data.account import Account
from shared.data.reviews import TEST, TRAIN, VALIDATION, Reading, Reviews
from shared.tasks import EVERY, Preset, Task, refuse_path

CLASS_NAMES = ("has", "have")
# By class; nouns of one number that no cleaning step turns into the other.
NOUNS = (
    ("actor", "bird", "boat", "cook", "dancer", "farmer", "horse", "king", "sailor", "teacher"),
    ("actors", "birds", "boats", "cooks", "dancers", "farmers", "horses", "kings", "sailors", "teachers"),
)
DESCRIPTIONS = ("angry", "brave", "clever", "famous", "gentle", "happy", "lonely", "proud", "silent", "young")
FILLERS = (
    *("above", "across", "after", "again", "along", "around", "before", "behind", "below", "beside"),
    *("beyond", "down", "early", "far", "here", "inside", "late", "near", "now", "often"),
    *("once", "outside", "over", "past", "quite", "since", "slowly", "soon", "still", "then"),
    *("there", "through", "today", "together", "toward", "twice", "under", "until", "upon", "within"),
)
END = "?"

LONGEST_GAP = 60  # words
ATTRACTORS = 0.15  # of the fillers are nouns that the verb does not agree with
SEED = 21578

# Of every gap; as many of the one class as of the other.
SENTENCES = {TEST: 100, VALIDATION: 20, TRAIN: 800}


def load(name: str, path: Path | None, reading: Reading) -> Reviews:
    """Make the sentences: the same ones every time, none of them twice.

    Parameters
    ----------
    name : str
        ``agreement``.
    path : None
        There is no file.
    reading : Reading
        Not asked.

    Returns
    -------
    Reviews
        ``the happy sailor soon kings then ?`` has a gap of 3 and the class ``has``. Its id begins with its gap:
        ``gap-03/00123``.

    Raises
    ------
    LockstepError
        If a path is given.
    """
    refuse_path(name, path)
    generator = np.random.default_rng(SEED)
    of_gap = sum(SENTENCES.values())
    texts: list[str] = []
    for gap in range(1, LONGEST_GAP + 1):
        of_class = [_sentences(gap, label, of_gap // len(CLASS_NAMES), generator) for label in range(len(CLASS_NAMES))]
        texts += [text for pair in zip(*of_class, strict=True) for text in pair]
    labels = np.tile(np.arange(of_gap, dtype=np.int16) % len(CLASS_NAMES), LONGEST_GAP)
    counts = np.bincount(labels).tolist()
    return Reviews(
        name,
        [f"gap-{gap:02d}/{number:05d}" for gap in range(1, LONGEST_GAP + 1) for number in range(of_gap)],
        texts,
        labels,
        np.arange(len(texts)),
        CLASS_NAMES,
        np.tile(np.repeat(np.array(list(SENTENCES), np.int8), list(SENTENCES.values())), LONGEST_GAP),
        account=Account(
            source=name,
            form=f"sentences with gaps of 1 to {LONGEST_GAP} words, made on the spot",
            read=len(texts),
            used=len(texts),
            classes=dict(zip(CLASS_NAMES, counts, strict=True)),
        ),
    )


def _sentences(gap: int, label: int, count: int, generator: np.random.Generator) -> list[str]:
    """Return different sentences of one gap and one class."""
    found: dict[str, None] = {}
    while len(found) < count:
        found |= dict.fromkeys(_drawn(gap, label, count, generator))
    return list(found)[:count]


def _drawn(gap: int, label: int, count: int, generator: np.random.Generator) -> list[str]:
    nouns, fillers = np.array(NOUNS, object).reshape(-1), np.array(FILLERS, object)
    of_class = len(NOUNS[label])
    subject = label * of_class + generator.integers(of_class, size=(count, 1))
    other = (subject + generator.integers(1, len(nouns), size=(count, gap))) % len(nouns)
    is_attractor = generator.random((count, gap)) < ATTRACTORS
    words = (
        np.full((count, 1), "the", object),
        np.array(DESCRIPTIONS, object)[generator.integers(len(DESCRIPTIONS), size=(count, 1))],
        nouns[subject],
        np.where(is_attractor, nouns[other], fillers[generator.integers(len(fillers), size=(count, gap))]),
        np.full((count, 1), END, object),
    )
    return [" ".join(sentence) for sentence in np.concatenate(words, axis=1).tolist()]


def accuracy_by_gap(review_ids: Sequence[str], labels: np.ndarray, classes: np.ndarray) -> dict[int, float]:
    """Share of right answers at each gap.

    Parameters
    ----------
    review_ids : sequence of str
        Of sentences of this task.
    labels, classes : <int>[reviews]
        Right and predicted classes.

    Returns
    -------
    dict of int to float
        By gap, from short to long.
    """
    gaps = np.array([int(name.removeprefix("gap-").split("/")[0]) for name in review_ids], np.int64)
    right = np.asarray(labels) == np.asarray(classes)
    return {gap: float(right[gaps == gap].mean()) for gap in np.unique(gaps).tolist()}


# With PyTorch's initial weights and this rate LSTM and GRU learn it in under 1,500 steps, and the SimpleRNN does not in
# 5,000; from Keras' orthogonal ones it may. Were more of the gaps short, it would learn them all from those.
PUBLISHED: Preset = {
    EVERY: {
        "vocabulary_size": 1_000,
        "minimum_count": 1,
        "max_length": LONGEST_GAP + 4,
        "vectors": "random",
        "embedding_size": 16,
        "hidden_size": 32,
        "pooling": "last",
        "initialisation": "pytorch",
        "dropout": 0.0,
        "epochs": 4,
        "batch_size": 64,
        "batch_order": "shuffled",
        "learning_rate": 3e-3,
        "schedule": "constant",
        "gradient_clipping": 1.0,
    },
    "rnn": {},
    "lstm": {},
    "gru": {},
}

TASK = Task(
    name="agreement",
    title="has or have, for a subject that stands 1 to 60 words before",
    sources={"agreement": "55,200 sentences that are made on the spot, the same ones every time"},
    load=load,
    classes=CLASS_NAMES,
    metric="accuracy",
    licence="MIT, as Lockstep",
    citation="made by Lockstep, after Tal Linzen, Emmanuel Dupoux and Yoav Goldberg (2016), Assessing the Ability of "
    "LSTMs to Learn Syntax-Sensitive Dependencies",
    presets={"published": PUBLISHED},
)
