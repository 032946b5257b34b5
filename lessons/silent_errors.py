"""A gallery of silent errors: code that runs, raises nothing, and is wrong.

``python -m lessons.silent_errors [--out FILE.json]`` shows for each of them a wrong number, the right
one, and what mends it. Everything is computed with the NumPy reference, on real reviews, by models
that train in seconds; no framework is imported, because none of these errors belongs to one.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from inspect import getdoc

import numpy as np
from rich.table import Table

from shared.command_line import Parser, add_output, announce, guarded, output
from shared.data.batches import Batches
from shared.data.corpus import Corpus
from shared.data.encoded import EncodedReviews
from shared.data.reviews import TEST, taken
from shared.data.sources import load_reviews
from shared.data.splits import split
from shared.files import save_json
from shared.history import Silent
from shared.loading import load_corpus
from shared.metrics import accuracy, evaluate
from shared.reference.model import SentimentClassifier, build, softmax
from shared.reference.training import Adam, predict_probabilities, train
from shared.specification import Specification, preset
from shared.terminal import console
from shared.text import PADDING_ID, UNKNOWN_ID
from shared.text.characters import TAG
from shared.vectors import load_vectors
from shared.weights import from_torch_layout, initialise, to_torch_layout

# The last state alone, since that is where most of these errors bite; half of the reviews test, so
# that an accuracy is known to a point.
STUDIED = preset("smoke").replaced(
    architecture="gru",
    pooling="last",
    reviews=6_000,
    test_fraction=0.5,
    vocabulary_size=5_000,
    max_length=200,
    hidden_size=16,
    epochs=3,
    learning_rate=1e-2,
)


@dataclass(frozen=True)
class Case:
    """One error.

    Attributes
    ----------
    name : str
        Of the function that makes it.
    trap : str
        What is done.
    measured : str
        What both numbers are.
    wrong, right : float
        With the error, and without it.
    fix : str
        What mends it.
    hidden : float or None
        What a usual check would have shown with the error in place.
    """

    name: str
    trap: str
    measured: str
    wrong: float
    right: float
    fix: str
    hidden: float | None = None


class Study:
    """Models trained on real reviews, each at most once."""

    @cached_property
    def corpus(self) -> Corpus:
        """The reviews."""
        return load_corpus(STUDIED)

    @cached_property
    def model(self) -> SentimentClassifier:
        """A GRU that reads as it should."""
        return self.trained(STUDIED)

    def initial(self, specification: Specification) -> SentimentClassifier:
        """Return an untrained model."""
        vectors = load_vectors(specification.vectors, self.corpus.vocabulary, specification.embedding_size)
        return build(specification, initialise(specification, vectors, len(self.corpus.class_names)))

    def trained(self, specification: Specification) -> SentimentClassifier:
        """Train a model."""
        model = self.initial(specification)
        training, validation = (as_read_by(specification, side) for side in (self.corpus.train, self.corpus.validation))
        train(model, training, validation, specification, Silent())
        return model

    def score(self, model: SentimentClassifier, reviews: EncodedReviews | None = None) -> float:
        """Accuracy on the test reviews as the model reads them, or on others."""
        reviews = reviews or as_read_by(model.specification, self.corpus.test)
        return accuracy(reviews.labels, predict_probabilities(model, reviews))


def as_read_by(specification: Specification, reviews: EncodedReviews) -> EncodedReviews:
    """Return the reviews cut and padded as a specification says."""
    return replace(reviews, max_length=specification.max_length, padding=specification.padding)


def last_state_after_padding(study: Study) -> Case:
    """The last column of a right-padded batch is the state after the padding, not after the review.

    Over a hundred paddings the state forgets what it read, and gradients do not find the way back.
    """
    return Case(
        "last_state_after_padding",
        "output[:, -1] of right-padded reviews",
        "test accuracy after the same training",
        study.score(study.trained(STUDIED.replaced(padding="right"))),
        study.score(study.model),
        "read each review's output at its own last word, or pack",
    )


def biases_not_reordered(study: Study) -> Case:
    """A GRU's kernels go from z, r, n to r, z, n; its biases are copied as they are.

    Before training they are zero, and a test on fresh weights passes.
    """
    name, test = "rnn.0.forward", study.corpus.test

    def change(model: SentimentClassifier, reordered: bool) -> float:
        layer = to_torch_layout(model.weights, name, "gru")
        if not reordered:
            layer["bias_ih"], layer["bias_hh"] = model.weights[f"{name}.bias"]
        converted = SentimentClassifier(STUDIED, model.weights | from_torch_layout(layer, name, "gru"))
        return float(np.abs(predict_probabilities(converted, test) - predict_probabilities(model, test)).max())

    return Case(
        "biases_not_reordered",
        "gates of a GRU reordered in the kernels, not in the biases",
        "largest change of a probability by the conversion",
        change(study.model, reordered=False),
        change(study.model, reordered=True),
        "reorder biases too; test conversions with random biases",
        hidden=change(study.initial(STUDIED), reordered=False),
    )


def two_trained_biases(study: Study) -> Case:
    """Both biases of PyTorch's LSTM have the same gradient, so Adam moves their sum by two steps."""
    specification = STUDIED.replaced(architecture="lstm", gradient_clipping=0)
    batch = Batches(study.corpus.train, specification).batch(0, 0)
    _, _, gradients = study.initial(specification).loss_and_gradients(batch.tokens, batch.labels)
    gradient = gradients["rnn.0.forward.bias"]  # [4 * hidden]

    def moved(*names: str) -> float:
        biases = {name: np.zeros_like(gradient) for name in names}
        Adam(biases, specification).update(dict.fromkeys(names, gradient), specification.learning_rate)
        return float(np.abs(np.sum(list(biases.values()), axis=0)).mean() / specification.learning_rate)

    return Case(
        "two_trained_biases",
        "bias_ih and bias_hh both trained",
        "first step of the LSTM's bias, in learning rates",
        moved("bias_ih", "bias_hh"),
        moved("bias"),
        "hold bias_hh at zero: bias_hh.requires_grad_(False)",
    )


class AtTheLastWord(SentimentClassifier):
    """Takes every direction's output at the last word, where the backward one has read that word only."""

    def _place(self, way: int, how: str) -> np.ndarray:
        return np.maximum(self.real.sum(axis=1) - 1, 0)


def backward_at_the_last_word(study: Study) -> Case:
    """The backward direction ends at the first word; at the last one it has just begun."""
    specification = STUDIED.replaced(architecture="bigru", max_length=100)
    model = study.trained(specification)
    kernel = model.weights["head.kernel"].copy()  # [2 * hidden, classes], forward half first
    kernel[: specification.hidden_size] = 0
    backward_alone = {**model.weights, "head.kernel": kernel}
    test = as_read_by(specification, study.corpus.test)

    def pairs_in_order(model: SentimentClassifier) -> float:
        return evaluate(test.labels, predict_probabilities(model, test))["roc_auc"]  # which is this share

    return Case(
        "backward_at_the_last_word",
        "output[:, -1] of a bidirectional layer",
        "a good and a bad review in the right order, by the backward half alone",
        pairs_in_order(AtTheLastWord(specification, backward_alone)),
        pairs_in_order(SentimentClassifier(specification, backward_alone)),
        "take the backward half at the first word; h_n has it",
    )


def shifted_ids(study: Study) -> Case:
    """One reserved id more or less than in training: every word gets its neighbour's vector."""
    test, words = study.corpus.test, len(study.corpus.vocabulary)
    shifted = replace(test, tokens=np.minimum(test.tokens + 1, words - 1))
    return Case(
        "shifted_ids",
        "word ids shifted by one",
        "test accuracy",
        study.score(study.model, shifted),
        study.score(study.model),
        "keep the vocabulary in the checkpoint, special words included",
    )


def padding_as_unknown_word(study: Study) -> Case:
    """Padding has the unknown word's id, so no mask can tell them apart."""
    rows = np.arange(256)
    alone, padded = (study.corpus.test.padded(rows, columns) for columns in (1, 2 * STUDIED.max_length))

    def change(tokens: np.ndarray) -> float:
        return float(np.abs(softmax(study.model.logits(tokens)) - softmax(study.model.logits(alone))).max())

    return Case(
        "padding_as_unknown_word",
        "padding and unknown words share an id",
        "largest change of a probability by padding to twice the length",
        change(np.where(padded == PADDING_ID, UNKNOWN_ID, padded)),
        change(padded),
        "an id of its own for padding, and a mask; test reviews alone and padded",
    )


def other_end_cut_off(study: Study) -> Case:
    """Trained on the ends of reviews (`pad_sequences` cuts at the front), served their beginnings."""
    beginnings, ends = (replace(study.corpus.test, max_length=100, head=head) for head in (100, 0))
    return Case(
        "other_end_cut_off",
        "tokens[:100] in service, where training cut at the front",
        "test accuracy, 100 words a review",
        study.score(study.model, beginnings),
        study.score(study.model, ends),
        "one function that encodes, for training and for service",
    )


def chosen_on_the_test_reviews(study: Study) -> Case:
    """The best of many equal models on 200 test reviews is not that good on others.

    The models are the trained one with noise on its head, as a hundred seeds would make them; the
    choice is repeated on many draws of 200 reviews.
    """
    generator = np.random.default_rng(0)
    rows = generator.permutation(len(study.corpus.test))[:800]
    study.model.logits(study.corpus.test.padded(rows))
    features, labels = study.model.features, study.corpus.test.labels[rows]  # [reviews, features]
    kernel = study.model.weights["head.kernel"]
    kernels = kernel + 0.5 * kernel.std() * generator.standard_normal((100, *kernel.shape))  # [models, features, 2]
    right = (features @ kernels + study.model.weights["head.bias"]).argmax(axis=2) == labels  # [models, reviews]
    reported, fresh = [], []
    for _ in range(200):
        seen, unseen = np.split(generator.permutation(len(rows)), [200])
        best = right[right[:, seen].mean(axis=1).argmax()]
        reported.append(best[seen].mean())
        fresh.append(best[unseen].mean())
    return Case(
        "chosen_on_the_test_reviews",
        "the best of 100 equal models by test accuracy",
        "accuracy that is reported, and on fresh reviews",
        float(np.mean(reported)),
        float(np.mean(fresh)),
        "choose on validation reviews, test once",
    )


def joined_words(study: Study) -> Case:
    """``good.<br /><br />The`` becomes ``good.The`` when tags are dropped, as `get_text()` does."""
    texts = study.corpus.texts[2]
    joined, separate = (sum(len(TAG.sub(instead, text).split()) for text in texts) for instead in ("", " "))
    return Case(
        "joined_words",
        "tags replaced by nothing",
        f"words in {len(texts):,} reviews",
        joined,
        separate,
        "replace a tag by a space: get_text(separator=' ')",
    )


def more_than_letters(study: Study) -> Case:
    """``A-z`` is a range of character codes, and six signs lie between Z and a."""
    texts = study.corpus.texts[2]

    def signs(not_letters: str) -> int:
        return sum(len(re.findall("[^a-zA-Z ]", re.sub(not_letters, " ", text))) for text in texts)

    return Case(
        "more_than_letters",
        "[^a-zA-z] to keep letters only",
        f"signs that are left in {len(texts):,} reviews",
        signs("[^a-zA-z]"),
        signs("[^a-zA-Z]"),
        "[^a-zA-Z], or better a pattern of what a word is",
    )


def copies_on_both_sides(study: Study) -> Case:
    """The same review stands twice in the data; a split by rows trains on what it tests."""
    reviews = load_reviews("packaged")
    sides = split(reviews, Specification())
    by_rows = np.random.default_rng(0).permutation(sides)

    def copies(chosen: np.ndarray) -> int:
        known = {text for text, side in zip(reviews.texts, chosen, strict=True) if side != TEST}
        return sum(text in known for text in taken(reviews.texts, np.flatnonzero(chosen == TEST)))

    return Case(
        "copies_on_both_sides",
        "a random split of the rows",
        f"test reviews, of {int((sides == TEST).sum()):,}, that are trained on too",
        copies(by_rows),
        copies(sides),
        "split groups: copies, and reviews of one film, stay together",
    )


CASES: tuple[Callable[[Study], Case], ...] = (
    last_state_after_padding,
    biases_not_reordered,
    two_trained_biases,
    backward_at_the_last_word,
    shifted_ids,
    padding_as_unknown_word,
    other_end_cut_off,
    chosen_on_the_test_reviews,
    joined_words,
    more_than_letters,
    copies_on_both_sides,
)


def table(cases: Sequence[Case]) -> Table:
    """Show the cases."""
    made = Table("what is done", "measured", title="Silent errors", show_lines=True)
    for heading in ("wrong", "right"):
        made.add_column(heading, justify="right")
    made.add_column("what mends it")
    for case in cases:
        hidden = "" if case.hidden is None else f"; with fresh weights {_number(case.hidden)}"
        made.add_row(case.trap, case.measured + hidden, _number(case.wrong), _number(case.right), case.fix)
    return made


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all cases, print the table, and write the numbers if asked to."""
    parser = Parser("python -m lessons.silent_errors", description="Code that runs and is wrong.")
    add_output(parser, "write the cases as JSON too")
    parsed = parser.parse_args(arguments)
    return guarded(lambda: _run(parsed))


def _run(parsed: argparse.Namespace) -> int:
    with output(parsed, parsed.out) if parsed.out else nullcontext() as place:
        shown, study = console(width=120, aside=place is not None and place.streams), Study()
        with shown.status("training three small models"):
            cases = [make(study) for make in CASES]
        shown.print(table(cases))
        if place is not None:
            lessons = {make.__name__: getdoc(make) for make in CASES}
            described = [{**asdict(case), "lesson": lessons[case.name]} for case in cases]
            with place.written() as temporary:
                save_json(temporary, {"specification": STUDIED.model_dump(), "cases": described})
            announce(place, "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
